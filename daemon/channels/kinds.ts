/** The kinds of channels, by hand. A new one is written in a file of its own, named here and in config/channels.ts. */
import { Fault, nearest } from '../../core/fault.ts'
import { emailKind } from './email/email-kind.ts'
import type { ChannelKind } from './kind.ts'
import { matrixKind } from './matrix/matrix-kind.ts'
import { slackKind } from './slack/slack-kind.ts'
import { telegramKind } from './telegram-kind.ts'

// biome-ignore lint/suspicious/noExplicitAny: each kind is checked against its own configuration where it is defined
export const CHANNEL_KINDS: readonly ChannelKind<any>[] = [telegramKind, slackKind, matrixKind, emailKind]

/** Throws channel_not_found with the nearest. */
export function kindNamed(kind: string): (typeof CHANNEL_KINDS)[number] {
  const found = CHANNEL_KINDS.find((other) => other.kind === kind)
  if (found) return found
  const names = CHANNEL_KINDS.map((other) => other.kind)
  const near = nearest(kind, names)
  throw new Fault('channel_not_found', `there is no kind of channel ${kind}; there are ${names.join(', ')}`, {
    ...(near === undefined ? {} : { hint: `Did you mean ${near}?` }),
  })
}
