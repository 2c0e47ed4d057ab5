import { z } from 'zod'
import { GoalName, GoalShape, goalLine, shapeGoal } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const cancelGoal = defineTool({
  name: 'cancel_goal',
  title: 'Cancel a goal',
  description: 'Give a goal up for good. Its work stays reachable in git, but the goal cannot be taken up again.',
  scope: 'owner',
  readOnly: false,
  destructive: true,
  idempotent: false,
  input: z.strictObject({ goal: GoalName }),
  output: GoalShape,
  async run({ goal }, { goals }, { by }) {
    await goals.cancel(goal, by)
    return shapeGoal(await goals.show(goal))
  },
  text: goalLine,
})
