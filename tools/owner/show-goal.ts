import { z } from 'zod'
import {
  AskShape,
  askLine,
  GoalName,
  GoalShape,
  goalLine,
  shapeAsk,
  shapeGoal,
  shapeTask,
  TaskShape,
  taskLine,
} from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const showGoal = defineTool({
  name: 'show_goal',
  title: 'Show a goal',
  description: 'Show one goal: what it is doing, its tasks, and the questions that wait for the owner.',
  scope: 'owner',
  readOnly: true,
  destructive: false,
  idempotent: true,
  input: z.strictObject({ goal: GoalName }),
  output: GoalShape.extend({
    state: z.enum(['open', 'paused', 'met', 'dropped']),
    taskList: z.array(TaskShape),
    asks: z.array(AskShape).describe('Open questions.'),
    outcome: z.string().nullable(),
    hasReport: z.boolean(),
  }),
  async run({ goal: name }, { goals }) {
    const view = await goals.show(name)
    return {
      ...shapeGoal(view),
      state: view.goal.state,
      taskList: view.taskViews.map(shapeTask),
      asks: view.asks.filter((ask) => ask.state === 'open').map(shapeAsk),
      outcome: view.goal.outcome,
      hasReport: view.goal.reportFile !== null,
    }
  },
  text: (goal) =>
    [
      goalLine(goal),
      ...goal.taskList.map(taskLine),
      ...goal.asks.map(askLine),
      ...(goal.outcome ? [goal.outcome] : []),
    ].join('\n'),
})
