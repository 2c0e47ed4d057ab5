import { z } from 'zod'
import { defineTool } from '../tool.ts'

export const appendScratch = defineTool({
  name: 'append_scratch',
  title: 'Write on the scratchpad',
  description:
    'Leave a line for the other tasks of this goal: an interface you settled on, a trap you met. For what should outlive the goal use remember.',
  scope: 'run',
  readOnly: false,
  destructive: false,
  idempotent: false,
  input: z.strictObject({ text: z.string().trim().min(1).max(4000) }),
  output: z.object({ written: z.literal(true) }),
  async run({ text }, run) {
    await run.appendScratch(text)
    return { written: true as const }
  },
  text: () => 'Written.',
})
