import { z } from 'zod'
import { EitherName } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const rejectWork = defineTool({
  name: 'reject_work',
  title: 'Send work back',
  description:
    'Refuse what waits for the owner’s review on a goal or task. The comment becomes feedback to a new run, so say what is wrong and what would be right.',
  scope: 'owner',
  readOnly: false,
  destructive: false,
  idempotent: false,
  input: z.strictObject({ what: EitherName, comment: z.string().trim().min(1).max(100_000) }),
  output: z.object({ rejected: z.string() }),
  async run({ what, comment }, { goals }, { by }) {
    await goals.reject(what, comment, by)
    return { rejected: what }
  },
  text: ({ rejected }) => `Sent back: ${rejected}.`,
})
