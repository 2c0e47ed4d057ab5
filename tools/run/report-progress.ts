import { z } from 'zod'
import { defineTool } from '../tool.ts'

export const reportProgress = defineTool({
  name: 'report_progress',
  title: 'Report progress',
  description:
    'Tell whoever watches what you are doing, in one sentence. It does not end your task: only Claw’s own checks do.',
  scope: 'run',
  readOnly: false,
  destructive: false,
  idempotent: false,
  input: z.strictObject({ text: z.string().trim().min(1).max(1000) }),
  output: z.object({ told: z.literal(true) }),
  async run({ text }, run) {
    await run.progress(text)
    return { told: true as const }
  },
  text: () => 'Told.',
})
