import { z } from 'zod'
import { shapeTask, TaskName, TaskShape, taskLine } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const giveTask = defineTool({
  name: 'give_task',
  title: 'Give a task back',
  description:
    'Give back a task that was taken over: what changed in its worktree is captured and verified like anyone’s work.',
  scope: 'owner',
  readOnly: false,
  destructive: false,
  idempotent: false,
  input: z.strictObject({ task: TaskName }),
  output: TaskShape,
  async run({ task }, { goals }, { by }) {
    await goals.give(task, by)
    return shapeTask(await goals.showTask(task))
  },
  text: taskLine,
})
