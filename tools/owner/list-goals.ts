import { z } from 'zod'
import { GoalShape, goalLine, shapeGoal } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const listGoals = defineTool({
  name: 'list_goals',
  title: 'List goals',
  description: 'List goals with what each is doing or waiting for, newest first, in pages.',
  scope: 'owner',
  readOnly: true,
  destructive: false,
  idempotent: true,
  input: z.strictObject({
    state: z.enum(['open', 'ended', 'all']).default('open').describe('Which goals.'),
    before: z.int().min(1).optional().describe('The `next` of the page before.'),
    limit: z.int().min(1).max(100).default(20),
  }),
  output: z.object({
    goals: z.array(GoalShape),
    next: z.int().nullable().describe('The `before` of the next page; null: this was all.'),
  }),
  async run({ state, limit, before }, { goals }) {
    const found = await goals.list({ state, limit: limit + 1, before })
    const page = found.slice(0, limit).map(shapeGoal)
    return { goals: page, next: found.length > limit ? (page.at(-1)?.goal ?? null) : null }
  },
  text: ({ goals, next }) =>
    goals.length === 0
      ? 'There are no such goals.'
      : [...goals.map(goalLine), ...(next === null ? [] : [`older ones: before ${next}`])].join('\n'),
})
