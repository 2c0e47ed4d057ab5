/** What the owner says about each channel: `channels.NAME`. One schema per kind. */
import { z } from 'zod'

const secret = (what: string) => z.string().min(1).describe(`${what}: \`env:NAME\` or \`file:/path\`.`)

export const TelegramConfig = z.strictObject({
  kind: z.literal('telegram'),
  token: secret('The bot’s token'),
  apiRoot: z.string().url().default('https://api.telegram.org').describe('Another server of the Bot API.'),
})
export type TelegramConfig = z.infer<typeof TelegramConfig>

export const MatrixConfig = z.strictObject({
  kind: z.literal('matrix'),
  homeserver: z.string().url().describe('Where the client-server API is: `https://matrix.org`.'),
  token: secret('The account’s access token'),
})
export type MatrixConfig = z.infer<typeof MatrixConfig>

export const SlackConfig = z.strictObject({
  kind: z.literal('slack'),
  botToken: secret('The bot’s token, `xoxb-…`'),
  appToken: secret('The app’s token for socket mode, `xapp-…`'),
  apiRoot: z.string().url().default('https://slack.com/api/').describe('Another server of the Web API.'),
})
export type SlackConfig = z.infer<typeof SlackConfig>

const mailServer = (what: string, schemes: RegExp, example: string) =>
  z
    .string()
    .regex(schemes, `like ${example}`)
    .nullable()
    .default(null)
    .describe(`${what}, like \`${example}\`; null: found by the address. Without \`s\` it must offer STARTTLS.`)

export const EmailConfig = z.strictObject({
  kind: z.literal('email'),
  address: z.email().describe('Claw’s own address; its inbox is Claw’s alone.'),
  password: secret('The password of the mailbox, or an app password'),
  user: z.string().min(1).nullable().default(null).describe('The name to log in with; null: the address.'),
  imap: mailServer('The server that is read', /^imaps?:\/\/[^/@\s]+\/?$/, 'imaps://imap.example.org'),
  smtp: mailServer('The server that is sent by', /^smtps?:\/\/[^/@\s]+\/?$/, 'smtps://smtp.example.org'),
  trust: z
    .string()
    .regex(/^[^\s;]+$/, 'one name without blanks, like mx.google.com')
    .nullable()
    .default(null)
    .describe(
      'The name under which the mailbox’s own server writes `Authentication-Results`; null: only signatures (DKIM) that Claw checks itself count.',
    ),
})
export type EmailConfig = z.infer<typeof EmailConfig>

export const ChannelConfig = z.discriminatedUnion('kind', [TelegramConfig, SlackConfig, MatrixConfig, EmailConfig])
export type ChannelConfig = z.infer<typeof ChannelConfig>

const HOURS = /^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/

/** How Claw talks, over whichever channel. */
export const ChatConfig = z.strictObject({
  repo: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('The repository of goals that name none; null: each gets a fresh workspace.'),
  quietHours: z
    .string()
    .regex(HOURS, 'like 22:00-07:00')
    .nullable()
    .default(null)
    .describe('Nothing is said unasked then, such as `22:00-07:00`; it comes afterwards. Answers always come.'),
  remindHours: z
    .number()
    .positive()
    .max(10_000)
    .nullable()
    .default(8)
    .describe('An ask that nobody answered is brought to mind after so long; null: never.'),
  remindMax: z.int().min(1).max(100).default(3).describe('Reminders of one ask at most.'),
  expireDays: z
    .number()
    .positive()
    .max(10_000)
    .nullable()
    .default(null)
    .describe('After so long without an answer the goal is paused; the ask stays in the inbox. Null: it waits.'),
  transcribe: z
    .array(z.string())
    .default([])
    .describe('A program that writes the words of a voice note to stdout; `{file}` stands for the note.'),
  fileMaxMb: z.number().positive().max(2_000).default(20).describe('Larger files are not taken.'),
  stepsMax: z.int().min(1).max(50).default(8).describe('How often a brain may call tools before it has to answer.'),
  turnsMax: z
    .int()
    .min(4)
    .max(1_000)
    .default(30)
    .describe('Turns of a conversation that a brain reads word for word; older ones as a summary.'),
  memberGoalsPerDay: z.int().min(0).max(10_000).default(5).describe('Goals that a member may add in a day.'),
  memberUsdMax: z.number().positive().nullable().default(5).describe('US dollars for each goal of a member.'),
  memberTokensMax: z.int().positive().nullable().default(null).describe('Tokens for each goal of a member.'),
  memberMinutesMax: z.number().positive().nullable().default(120).describe('Minutes for each goal of a member.'),
  memberRepositories: z
    .array(z.string())
    .default([])
    .describe('Repositories that members may name, beside `chat.repo` and a fresh workspace.'),
})
export type ChatConfig = z.infer<typeof ChatConfig>
