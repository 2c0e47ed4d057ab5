import { z } from 'zod'
import { AskShape, askLine, shapeAsk } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const listInbox = defineTool({
  name: 'list_inbox',
  title: 'List what waits for the owner',
  description:
    'List the open questions: plans to approve, work to judge, permissions, decisions. Each holds something up until it is answered.',
  scope: 'owner',
  readOnly: true,
  destructive: false,
  idempotent: true,
  input: z.strictObject({}),
  output: z.object({ asks: z.array(AskShape) }),
  run: async (_, { inbox }) => ({ asks: (await inbox.list()).slice(0, 200).map(shapeAsk) }),
  text: ({ asks }) =>
    asks.length === 0
      ? 'Nothing waits.'
      : asks.map((ask) => `${askLine(ask)}${ask.detail ? `\n${ask.detail}` : ''}`).join('\n\n'),
})
