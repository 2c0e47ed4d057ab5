import { z } from 'zod'
import { TaskName } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const takeTask = defineTool({
  name: 'take_task',
  title: 'Take a task over',
  description: 'Stop a task’s agent and get its worktree, to do the work there yourself. Give it back with give_task.',
  scope: 'owner',
  readOnly: false,
  destructive: false,
  idempotent: true,
  input: z.strictObject({ task: TaskName }),
  output: z.object({ task: z.string(), worktree: z.string().describe('A path on the daemon’s machine.') }),
  run: async ({ task }, { goals }, { by }) => ({ task, ...(await goals.take(task, by)) }),
  text: ({ task, worktree }) =>
    `Task ${task} is in your hands: work in ${worktree}, then give_task {"task": "${task}"}.`,
})
