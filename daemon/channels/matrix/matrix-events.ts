import type { Chat, InboundEvent, InboundFile, Sender } from '../channel.ts'

/** What of `/sync` is looked at. */
export interface Sync {
  next_batch: string
  rooms?: {
    join?: Record<string, { timeline?: { events?: RoomEvent[]; limited?: boolean; prev_batch?: string } }>
    invite?: Record<string, unknown>
  }
}

export interface RoomEvent {
  type: string
  event_id: string
  sender: string
  origin_server_ts: number
  state_key?: string
  content: Record<string, unknown>
}

interface Relation {
  rel_type?: string
  event_id?: string
  key?: string
  'm.in_reply_to'?: { event_id?: string }
}

const FILES = new Set(['m.file', 'm.image', 'm.audio', 'm.video'])

/** @returns undefined for what is no word of a person's: notices of other bots, edits, receipts, state */
export function toInbound(
  event: RoomEvent,
  of: { chat: Chat; me: string; isReplyToMe: boolean },
): InboundEvent | undefined {
  const base = { eventId: event.event_id, chat: of.chat, sender: senderOf(event.sender), at: event.origin_server_ts }
  const relation = (event.content['m.relates_to'] ?? {}) as Relation
  if (event.type === 'm.reaction') {
    const { event_id: messageId, key: emoji, rel_type } = relation
    if (rel_type !== 'm.annotation' || !messageId || !emoji) return undefined
    // Clients add a variation selector or not, as they please.
    return { type: 'reaction', ...base, messageId, emoji: emoji.replace(/\uFE0F$/, '') }
  }
  if (event.type !== 'm.room.message' || relation.rel_type === 'm.replace') return undefined
  const { msgtype, body } = event.content as { msgtype?: string; body?: string }
  if (typeof msgtype !== 'string' || typeof body !== 'string') return undefined
  const file = FILES.has(msgtype) ? fileOf(event.content, msgtype, body) : undefined
  if (!file && msgtype !== 'm.text' && msgtype !== 'm.emote') return undefined
  const replyTo = relation['m.in_reply_to']?.event_id ?? null
  const text = file ? captionOf(event.content, body) : replyTo ? withoutQuote(body) : body
  return {
    type: 'message',
    ...base,
    messageId: event.event_id,
    text,
    files: file ? [file] : [],
    isForUs: of.chat.kind === 'direct' || of.isReplyToMe || isMentioned(event.content, text, of.me),
    replyTo,
    // Matrix has no mark for passed on words.
    forwardedFrom: null,
  }
}

export function replyTarget(event: RoomEvent): string | undefined {
  return ((event.content['m.relates_to'] ?? {}) as Relation)['m.in_reply_to']?.event_id
}

function senderOf(id: string): Sender {
  return { id, name: id.replace(/^@/, '').replace(/:.*$/, ''), isVerified: true }
}

function isMentioned(content: Record<string, unknown>, text: string, me: string): boolean {
  const mentions = content['m.mentions'] as { user_ids?: unknown } | undefined
  if (Array.isArray(mentions?.user_ids)) return mentions.user_ids.includes(me) || /^[/!]\w/.test(text)
  // Older clients only write the name.
  return text.includes(me) || isNamedFirst(text, me) || /^[/!]\w/.test(text)
}

function isNamedFirst(text: string, me: string): boolean {
  const name = (me.slice(1).split(':')[0] ?? me).toLowerCase()
  const first = /^@?([^\s,:;!?]+)/.exec(text)?.[1]?.toLowerCase()
  return first === name
}

function fileOf(content: Record<string, unknown>, msgtype: string, body: string): InboundFile | undefined {
  const { url, filename, info } = content as {
    url?: string
    filename?: string
    info?: { mimetype?: string; size?: number }
  }
  // An encrypted file has `file` instead; it cannot be read here.
  if (typeof url !== 'string' || !url.startsWith('mxc://')) return undefined
  return {
    ref: url,
    name: filename ?? body,
    mime: info?.mimetype ?? 'application/octet-stream',
    bytes: info?.size ?? null,
    kind: msgtype === 'm.audio' && 'org.matrix.msc3245.voice' in content ? 'voice' : 'file',
  }
}

/** With `filename`, `body` is what was written beside the file. */
function captionOf(content: Record<string, unknown>, body: string): string {
  return typeof content['filename'] === 'string' && content['filename'] !== body ? body : ''
}

/** Older clients put what is answered before the answer, each line with `> `. */
function withoutQuote(body: string): string {
  const lines = body.split('\n')
  const at = lines.findIndex((line) => !line.startsWith('> '))
  return at <= 0 ? body : lines.slice(at).join('\n').trimStart()
}
