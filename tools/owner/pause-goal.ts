import { z } from 'zod'
import { GoalName, GoalShape, goalLine, shapeGoal } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const pauseGoal = defineTool({
  name: 'pause_goal',
  title: 'Pause a goal',
  description: 'Pause a goal: agents at work on it are stopped, what they did is kept, nothing new is started.',
  scope: 'owner',
  readOnly: false,
  destructive: false,
  idempotent: false,
  input: z.strictObject({ goal: GoalName }),
  output: GoalShape,
  async run({ goal }, { goals }, { by }) {
    await goals.pause(goal, by)
    return shapeGoal(await goals.show(goal))
  },
  text: goalLine,
})
