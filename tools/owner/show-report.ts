import { z } from 'zod'
import { GoalName } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const showReport = defineTool({
  name: 'show_report',
  title: 'Show a goal’s report',
  description: 'The report of a goal that has ended: what was done, what proves it, what it cost. Markdown.',
  scope: 'owner',
  readOnly: true,
  destructive: false,
  idempotent: true,
  input: z.strictObject({ goal: GoalName }),
  output: z.object({ file: z.string(), markdown: z.string() }),
  run: async ({ goal }, { goals }) => goals.report(goal),
  text: ({ markdown }) => markdown,
})
