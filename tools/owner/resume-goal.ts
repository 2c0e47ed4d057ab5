import { z } from 'zod'
import { GoalName, GoalShape, goalLine, shapeGoal } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const resumeGoal = defineTool({
  name: 'resume_goal',
  title: 'Resume a goal',
  description: 'Go on with a paused goal, or with one that Claw set aside because of an error of its own.',
  scope: 'owner',
  readOnly: false,
  destructive: false,
  idempotent: false,
  input: z.strictObject({ goal: GoalName }),
  output: GoalShape,
  async run({ goal }, { goals }, { by }) {
    await goals.resume(goal, by)
    return shapeGoal(await goals.show(goal))
  },
  text: goalLine,
})
