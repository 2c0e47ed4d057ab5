import { z } from 'zod'
import { EitherName } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const acceptWork = defineTool({
  name: 'accept_work',
  title: 'Accept work',
  description:
    'Accept what waits for the owner’s review on a goal or task. Only when the owner said so. What is not proven does not land by this.',
  scope: 'owner',
  readOnly: false,
  destructive: false,
  idempotent: false,
  input: z.strictObject({ what: EitherName }),
  output: z.object({ accepted: z.string() }),
  async run({ what }, { goals }, { by }) {
    await goals.accept(what, by)
    return { accepted: what }
  },
  text: ({ accepted }) => `Accepted: ${accepted}.`,
})
