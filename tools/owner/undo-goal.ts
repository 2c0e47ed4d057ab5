import { z } from 'zod'
import { GoalName } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const undoGoal = defineTool({
  name: 'undo_goal',
  title: 'Undo what a goal landed',
  description: 'Revert what a goal landed on its target branch, as a new commit that is verified like any other.',
  scope: 'owner',
  readOnly: false,
  destructive: true,
  idempotent: false,
  input: z.strictObject({ goal: GoalName }),
  output: z.object({ branch: z.string(), commit: z.string() }),
  run: async ({ goal }, { goals }, { by }) => goals.undo(goal, by),
  text: ({ branch, commit }) => `Reverted on ${branch} by ${commit}.`,
})
