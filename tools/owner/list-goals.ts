import { z } from 'zod'
import { GoalShape, goalLine, shapeGoal } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const listGoals = defineTool({
  name: 'list_goals',
  title: 'List goals',
  description: 'List goals with what each is doing or waiting for.',
  scope: 'owner',
  readOnly: true,
  destructive: false,
  idempotent: true,
  input: z.strictObject({
    state: z.enum(['open', 'ended', 'all']).default('open').describe('Which goals.'),
    limit: z.int().min(1).max(100).default(20),
  }),
  output: z.object({ goals: z.array(GoalShape), more: z.int().describe('How many there are besides.') }),
  async run({ state, limit }, { goals }) {
    const found = await goals.list({ state })
    return { goals: found.slice(0, limit).map(shapeGoal), more: Math.max(0, found.length - limit) }
  },
  text: ({ goals, more }) =>
    goals.length === 0
      ? 'There are no such goals.'
      : [...goals.map(goalLine), ...(more > 0 ? [`and ${more} more`] : [])].join('\n'),
})
