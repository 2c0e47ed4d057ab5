import { z } from 'zod'
import { EitherName } from '../shapes.ts'
import { defineTool } from '../tool.ts'

const PASSED_ON = {
  planner: 'The planner has it: what is finished is kept, the rest is planned again.',
  run: 'The agent that is at work is told.',
  'next-run': 'Kept for the next attempt at the task.',
}

export const steerGoal = defineTool({
  name: 'steer_goal',
  title: 'Steer a goal or task',
  description: 'Say something more about a goal (it is planned again with it) or a task (its agent is told).',
  scope: 'owner',
  readOnly: false,
  destructive: false,
  idempotent: false,
  input: z.strictObject({ goal: EitherName, text: z.string().trim().min(1).max(100_000).describe('In plain words.') }),
  output: z.object({ passedTo: z.enum(['planner', 'run', 'next-run']) }),
  async run({ goal, text }, { goals }, { by }) {
    return { passedTo: await goals.steer(goal, text, by) }
  },
  text: ({ passedTo }) => PASSED_ON[passedTo],
})
