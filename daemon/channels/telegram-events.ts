/** What Telegram sends, as events of ours. Pure. */
import type { Message, ReactionType, Update } from 'grammy/types'
import type { Chat, InboundEvent, InboundFile, MessageEvent, Sender } from './channel.ts'

export interface TelegramSelf {
  id: number
  username: string
}

/** Undefined: nothing that concerns us. */
export function readUpdate(update: Update, self: TelegramSelf): InboundEvent | undefined {
  // Another bot's updates count from where they like.
  const eventId = `${self.id}:${update.update_id}`
  if (update.message) return readMessage(eventId, update.message, self)
  if (update.callback_query) {
    const { from, message, data } = update.callback_query
    if (!message || data === undefined) return undefined
    const thread = 'message_thread_id' in message && message.is_topic_message ? message.message_thread_id : undefined
    const chat = chatOf(message.chat, thread)
    return (
      chat && {
        type: 'press',
        eventId,
        chat,
        sender: senderOf(from),
        at: message.date * 1000,
        messageId: String(message.message_id),
        data,
      }
    )
  }
  if (update.message_reaction) {
    const { chat: place, message_id, user, date, old_reaction, new_reaction } = update.message_reaction
    const before = old_reaction.map(emojiOf)
    const emoji = new_reaction.map(emojiOf).find((one) => one !== undefined && !before.includes(one))
    const chat = chatOf(place, undefined)
    if (!user || !chat || emoji === undefined) return undefined
    return {
      type: 'reaction',
      eventId,
      chat,
      sender: senderOf(user),
      at: date * 1000,
      messageId: String(message_id),
      emoji,
    }
  }
  return undefined
}

function readMessage(eventId: string, message: Message, self: TelegramSelf): MessageEvent | undefined {
  const { from, date, message_id } = message
  const chat = chatOf(message.chat, message.is_topic_message ? message.message_thread_id : undefined)
  if (!from || from.is_bot || !chat) return undefined
  const text = message.text ?? message.caption ?? ''
  const files = filesOf(message)
  if (text === '' && files.length === 0) return undefined
  return {
    type: 'message',
    eventId,
    chat,
    // Words on behalf of a whole group or channel are nobody's.
    sender: { ...senderOf(from), isVerified: message.sender_chat === undefined },
    at: date * 1000,
    messageId: String(message_id),
    text: withoutName(text, self.username),
    files,
    isForUs: chat.kind === 'direct' || isForUs(message, text, self),
    replyTo: message.reply_to_message ? String(message.reply_to_message.message_id) : null,
    forwardedFrom: forwardedFrom(message),
  }
}

function isForUs(
  { reply_to_message: answered, entities, caption_entities }: Message,
  text: string,
  self: TelegramSelf,
): boolean {
  if (answered?.from?.id === self.id) return true
  const own = `@${self.username}`.toLowerCase()
  return (entities ?? caption_entities ?? []).some(({ type, offset, length }) => {
    const word = text.slice(offset, offset + length).toLowerCase()
    if (type === 'mention') return word === own
    return type === 'bot_command' && (!word.includes('@') || word.endsWith(own))
  })
}

function withoutName(text: string, username: string): string {
  const own = `@${username}`
  return text.toLowerCase().startsWith(own.toLowerCase()) ? text.slice(own.length).replace(/^[\s,:]+/, '') : text
}

function forwardedFrom({ forward_origin: origin }: Message): string | null {
  switch (origin?.type) {
    case undefined:
      return null
    case 'user':
      return nameOf(origin.sender_user)
    case 'hidden_user':
      return origin.sender_user_name
    case 'chat':
      return 'title' in origin.sender_chat ? (origin.sender_chat.title ?? 'a chat') : 'a chat'
    case 'channel':
      return origin.chat.title
    default:
      return 'somebody'
  }
}

function filesOf(message: Message): InboundFile[] {
  const { document, photo, voice, audio, video } = message
  const files: InboundFile[] = []
  const add = (
    file: { file_id: string; file_size?: number; mime_type?: string; file_name?: string },
    name: string,
    mime: string,
    kind: InboundFile['kind'] = 'file',
  ) =>
    files.push({
      ref: file.file_id,
      name: file.file_name ?? name,
      mime: file.mime_type ?? mime,
      bytes: file.file_size ?? null,
      kind,
    })
  if (document) add(document, 'file', 'application/octet-stream')
  // The last is the largest.
  const picture = photo?.at(-1)
  if (picture) add(picture, `photo-${message.message_id}.jpg`, 'image/jpeg')
  if (voice) add(voice, `voice-${message.message_id}.ogg`, 'audio/ogg', 'voice')
  if (audio) add(audio, `audio-${message.message_id}`, 'audio/mpeg')
  if (video) add(video, `video-${message.message_id}.mp4`, 'video/mp4')
  return files
}

function chatOf({ id, type }: { id: number; type: string }, thread: number | undefined): Chat | undefined {
  if (type === 'channel') return undefined
  return { id: thread === undefined ? String(id) : `${id}/${thread}`, kind: type === 'private' ? 'direct' : 'group' }
}

function senderOf(user: { id: number; first_name: string; last_name?: string; username?: string }): Sender {
  return { id: String(user.id), name: nameOf(user), isVerified: true }
}

function nameOf({
  first_name,
  last_name,
  username,
}: {
  first_name: string
  last_name?: string
  username?: string
}): string {
  return [first_name, last_name].filter(Boolean).join(' ') || username || 'somebody'
}

function emojiOf(reaction: ReactionType): string | undefined {
  return reaction.type === 'emoji' ? reaction.emoji : undefined
}
