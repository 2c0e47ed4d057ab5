import { z } from 'zod'
import { GoalName } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const undoGoal = defineTool({
  name: 'undo_goal',
  title: 'Undo what a goal did',
  description:
    'Revert what a goal landed on its target branch, as a new commit that is verified like any other. What it changed outside the repository is listed in an ask; the steps are run once that is answered yes.',
  scope: 'owner',
  readOnly: false,
  destructive: true,
  idempotent: false,
  input: z.strictObject({ goal: GoalName }),
  output: z.object({
    branch: z.string().nullable(),
    commit: z.string().nullable(),
    ask: z.int().nullable(),
    steps: z.string().nullable(),
    note: z.string().nullable(),
  }),
  run: async ({ goal }, { goals }, { by }) => goals.undo(goal, by),
  text: ({ branch, commit, ask, steps, note }) =>
    [
      branch === null ? '' : `Reverted on ${branch} by ${commit}.`,
      note ?? '',
      ask === null ? '' : `Outside the repository these steps wait for the answer to ask ${ask}:\n\n${steps}`,
    ]
      .filter(Boolean)
      .join('\n\n'),
})
