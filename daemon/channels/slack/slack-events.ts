/**
 * What Slack sends, as events of ours. Pure.
 *
 * A message is known by its channel and its `ts`, however it comes: as an event, as the same event again, as a
 * mention, or read from the history after a time without connection.
 */
import type { Chat, InboundEvent, InboundFile, MessageEvent, PressEvent, ReactionEvent, Sender } from '../channel.ts'
import { emojiOf, fromSlack } from './slack-text.ts'

/** What is looked at of a message, be it an event or a line of the history. */
export interface SlackMessage {
  type?: string
  subtype?: string
  channel?: string
  channel_type?: string
  user?: string
  bot_id?: string
  text?: string
  ts?: string
  thread_ts?: string
  files?: SlackFile[]
  attachments?: { is_share?: boolean; is_msg_unfurl?: boolean; author_name?: string; text?: string }[]
}

export interface SlackFile {
  id?: string
  name?: string | null
  title?: string | null
  mimetype?: string
  size?: number
  mode?: string
  subtype?: string
}

export interface SlackReaction {
  user?: string
  reaction?: string
  item?: { type?: string; channel?: string; ts?: string }
  event_ts?: string
}

export interface SlackActions {
  user?: { id?: string; name?: string; username?: string }
  channel?: { id?: string }
  container?: { channel_id?: string; message_ts?: string; thread_ts?: string }
  message?: { ts?: string; thread_ts?: string }
  actions?: { action_id?: string; value?: string; action_ts?: string }[]
}

export interface SlackWho {
  /** Our own user there. */
  me: string
  nameOf(user: string): string | undefined
}

/** What people can write; all else (joins, topics, edits, other bots) is none of a person's words. */
const SUBTYPES = new Set([undefined, 'file_share', 'thread_broadcast', 'me_message'])

/** Undefined: nothing that concerns us. */
export function readMessage(message: SlackMessage, who: SlackWho): MessageEvent | undefined {
  const { channel, user, ts, thread_ts: thread } = message
  if (!channel || !user || !ts || message.bot_id || user === who.me || !SUBTYPES.has(message.subtype)) return undefined
  const isDirect = isDirectChannel(channel)
  // Elsewhere only mentions are for us, and those come as events of their own.
  if (!isDirect && message.type !== 'app_mention') return undefined
  const shared = (message.attachments ?? []).find((one) => one.is_share || one.is_msg_unfurl)
  const own = fromSlack(withoutMention(message.text ?? '', who.me), who.nameOf)
  const text = [own, shared?.text && fromSlack(shared.text, who.nameOf)].filter(Boolean).join('\n')
  const files = (message.files ?? []).flatMap(fileOf)
  if (text === '' && files.length === 0) return undefined
  const isReply = thread !== undefined && thread !== ts
  return {
    type: 'message',
    eventId: `m:${channel}:${ts}`,
    chat: chatOf(channel, thread ?? ts),
    sender: senderOf(user, who),
    at: millisOf(ts),
    messageId: isReply && isDirect ? `${ts}~${thread}` : ts,
    text,
    files,
    isForUs: true,
    replyTo: isReply ? thread : null,
    forwardedFrom: shared ? (shared.author_name ?? 'somebody') : null,
  }
}

/** Reactions in channels tell nothing of the thread that they belong to; there, buttons are pressed. */
export function readReaction(
  { user, reaction, item, event_ts }: SlackReaction,
  who: SlackWho,
): ReactionEvent | undefined {
  if (!user || !reaction || item?.type !== 'message' || !item.channel || !item.ts || user === who.me) return undefined
  if (!isDirectChannel(item.channel)) return undefined
  return {
    type: 'reaction',
    eventId: `r:${item.channel}:${item.ts}:${user}:${reaction}:${event_ts}`,
    chat: chatOf(item.channel, item.ts),
    sender: senderOf(user, who),
    at: millisOf(event_ts ?? item.ts),
    messageId: item.ts,
    emoji: emojiOf(reaction),
  }
}

export function readPress(payload: SlackActions, who: SlackWho): PressEvent | undefined {
  const channel = payload.container?.channel_id ?? payload.channel?.id
  const ts = payload.container?.message_ts ?? payload.message?.ts
  const thread = payload.message?.thread_ts ?? payload.container?.thread_ts ?? ts
  const [action] = payload.actions ?? []
  const user = payload.user?.id
  if (!channel || !ts || !thread || !user || action?.value === undefined) return undefined
  const name = payload.user?.username ?? payload.user?.name
  return {
    type: 'press',
    eventId: `p:${channel}:${ts}:${user}:${action.action_id}:${action.action_ts}`,
    chat: chatOf(channel, thread),
    sender: { ...senderOf(user, who), ...(who.nameOf(user) || !name ? {} : { name }) },
    at: millisOf(action.action_ts ?? ts),
    messageId: ts,
    data: action.value,
  }
}

/** Who is named in an event, so that names can be looked up before it is read. */
export function usersIn(body: unknown): string[] {
  const text = JSON.stringify(body ?? {})
  return [...new Set([...text.matchAll(/"user":"([UW]\w{2,30})"|<@([UW]\w{2,30})>/g)].map(([, a, b]) => (a ?? b)!))]
}

/** One conversation with each person; in channels, each thread is one. */
export function chatOf(channel: string, thread: string): Chat {
  return isDirectChannel(channel) ? { id: channel, kind: 'direct' } : { id: `${channel}/${thread}`, kind: 'group' }
}

export function isDirectChannel(channel: string): boolean {
  return channel.startsWith('D')
}

export function later(a: InboundEvent, b: InboundEvent): number {
  return a.at - b.at
}

function senderOf(user: string, { nameOf }: SlackWho): Sender {
  return { id: user, name: nameOf(user) ?? user, isVerified: true }
}

function withoutMention(text: string, me: string): string {
  const own = new RegExp(`^\\s*<@${me}(\\|[^<>]*)?>[\\s,:]*`)
  return text.replace(own, '')
}

function fileOf({ id, name, title, mimetype, size, mode, subtype }: SlackFile): InboundFile[] {
  if (!id || mode === 'tombstone' || mode === 'hidden_by_limit') return []
  return [
    {
      ref: id,
      name: name ?? title ?? 'file',
      mime: mimetype ?? 'application/octet-stream',
      bytes: size ?? null,
      kind: subtype === 'slack_audio' ? 'voice' : 'file',
    },
  ]
}

/** `1700000000.123456`, as milliseconds. */
function millisOf(ts: string): number {
  return Math.floor(Number(ts) * 1000) || 0
}
