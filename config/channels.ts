/** What the owner says about each channel: `channels.NAME`. One schema per kind. */
import { z } from 'zod'

const secret = (what: string) => z.string().min(1).describe(`${what}: \`env:NAME\` or \`file:/path\`.`)

export const TelegramConfig = z.strictObject({
  kind: z.literal('telegram'),
  token: secret('The bot’s token'),
  apiRoot: z.string().url().default('https://api.telegram.org').describe('Another server of the Bot API.'),
})
export type TelegramConfig = z.infer<typeof TelegramConfig>

export const ChannelConfig = z.discriminatedUnion('kind', [TelegramConfig])
export type ChannelConfig = z.infer<typeof ChannelConfig>
