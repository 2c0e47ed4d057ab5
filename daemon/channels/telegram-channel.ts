/**
 * Telegram, by the Bot API with long polling: no address of ours has to be reachable.
 *
 * The offset of `getUpdates` is the acknowledgement: it moves on only when what came is on the disk. Of two pollers
 * Telegram ends one with 409; we then wait and say so, instead of fighting. Short limits are waited out by grammy's
 * auto-retry, longer ones are told upwards.
 */
import { autoRetry } from '@grammyjs/auto-retry'
import { Api, GrammyError, HttpError, InputFile } from 'grammy'
import type { InlineKeyboardMarkup, ReactionTypeEmoji } from 'grammy/types'
import type { TelegramConfig } from '../../config/channels.ts'
import { backoffMs } from '../../core/backoff.ts'
import { SECOND } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { Channel, ChannelDeps, Chat, InboundEvent, Outgoing, Receive, Trouble } from './channel.ts'
import { readUpdate, type TelegramSelf } from './telegram-events.ts'
import { toTelegram } from './telegram-text.ts'

const POLL_SECONDS = 30
/** Longer than the longest poll. */
const REQUEST_SECONDS = 60
/** Limits up to this are waited out in the call itself. */
const WAIT_SECONDS_MAX = 1
/** What the API gives in one answer at most. */
const UPDATES_MAX = 100
const CAPTION_MAX = 1024
const CONFLICT_MS = 15 * SECOND
/** Presses whose waiting sign can still be ended. */
const PRESSES_KEPT = 500

export function createTelegramChannel(config: TelegramConfig, deps: ChannelDeps): Channel {
  const { world } = deps
  const token = deps.secret(config.token)
  const apiRoot = config.apiRoot.replace(/\/+$/, '')
  const api = new Api(token, { apiRoot, timeoutSeconds: REQUEST_SECONDS })
  api.config.use(
    autoRetry({
      maxDelaySeconds: WAIT_SECONDS_MAX,
      maxRetryAttempts: 1,
      rethrowInternalServerErrors: true,
      rethrowHttpErrors: true,
    }),
  )
  const closing = new AbortController()
  const presses = new Map<string, string>()
  let polling: Promise<void> = Promise.resolve()

  const call = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      throw toFault(error, world.clock.now())
    }
  }
  // grammy types signals by a library of its own; at run time they are Node's.
  const sign = (signal: AbortSignal | undefined) =>
    (signal ? AbortSignal.any([signal, closing.signal]) : closing.signal) as never

  async function findSelf(signal?: AbortSignal): Promise<TelegramSelf> {
    const { id, username } = await call(api.getMe(sign(signal)))
    return { id, username }
  }

  async function poll(receive: Receive, onTrouble: (trouble: Trouble | undefined) => void): Promise<void> {
    let self: TelegramSelf | undefined
    let offset = 0
    let failures = 0
    while (!closing.signal.aborted) {
      try {
        self ??= await findSelf()
        const updates = await call(
          api.getUpdates(
            {
              offset,
              limit: UPDATES_MAX,
              timeout: POLL_SECONDS,
              allowed_updates: ['message', 'callback_query', 'message_reaction'],
            },
            sign(undefined),
          ),
        )
        if (failures > 0) onTrouble(undefined)
        failures = 0
        const events: InboundEvent[] = []
        for (const update of updates) {
          const event = readUpdate(update, self)
          if (event) events.push(event)
          if (event && update.callback_query) keepPress(event.eventId, update.callback_query.id)
        }
        if (events.length > 0) await receive(events)
        const last = updates.at(-1)
        if (last) offset = last.update_id + 1
      } catch (error) {
        if (closing.signal.aborted) return
        failures++
        await handleTrouble(error, failures, onTrouble)
      }
    }
  }

  async function handleTrouble(
    error: unknown,
    failures: number,
    onTrouble: (trouble: Trouble | undefined) => void,
  ): Promise<void> {
    const fault = error instanceof Fault ? error : undefined
    const status = fault?.details['status']
    if (status === 409 && /webhook/i.test(fault!.message)) {
      await api.deleteWebhook({}, sign(undefined)).catch(() => {})
      // Twice in a row somebody else sets it again.
      if (failures === 1) return
    } else if (fault) {
      onTrouble({ words: fault.message, mayPass: fault.mayRetry || status === 409 })
    } else {
      world.log.warn({ err: error }, 'what came was not taken')
    }
    const retryAt = fault?.details['retryAt']
    const named = typeof retryAt === 'number' ? retryAt - world.clock.now() : 0
    const waitMs = status === 409 ? CONFLICT_MS : Math.max(named, backoffMs(failures, 200, 30 * SECOND))
    await world.clock.sleep(waitMs, closing.signal).catch(() => {})
  }

  function keepPress(eventId: string, id: string): void {
    presses.set(eventId, id)
    if (presses.size > PRESSES_KEPT) presses.delete(presses.keys().next().value!)
  }

  async function send(chat: Chat, message: Outgoing, signal?: AbortSignal): Promise<{ messageId: string }> {
    const { id, place } = placeOf(chat)
    const { text, entities } = toTelegram(message.text)
    const answered = message.replyTo
      ? { reply_parameters: { message_id: Number(message.replyTo), allow_sending_without_reply: true } }
      : {}
    const markup = message.buttons ? { reply_markup: keyboard(message.buttons) } : {}
    const { file } = message
    if (!file) {
      const preview = { link_preview_options: { is_disabled: true } }
      const sent = await call(
        api.sendMessage(id, text, { entities, ...place, ...answered, ...markup, ...preview }, sign(signal)),
      )
      return { messageId: String(sent.message_id) }
    }
    const isCaption = text.length <= CAPTION_MAX
    const caption = isCaption && text !== '' ? { caption: text, caption_entities: entities } : {}
    if (!isCaption) await call(api.sendMessage(id, text, { entities, ...place, ...answered }, sign(signal)))
    const document = new InputFile(file.data, file.name)
    const sent = await call(
      api.sendDocument(id, document, { ...caption, ...place, ...answered, ...markup }, sign(signal)),
    )
    return { messageId: String(sent.message_id) }
  }

  async function edit(chat: Chat, messageId: string, message: Outgoing, signal?: AbortSignal): Promise<void> {
    const { id } = placeOf(chat)
    const { text, entities } = toTelegram(message.text)
    const markup = { reply_markup: keyboard(message.buttons ?? []) }
    try {
      const preview = { link_preview_options: { is_disabled: true } }
      await api.editMessageText(id, Number(messageId), text, { entities, ...markup, ...preview }, sign(signal))
    } catch (error) {
      if (error instanceof GrammyError && /message is not modified/i.test(error.description)) return
      if (error instanceof GrammyError && /no text in the message/i.test(error.description)) {
        const caption = { caption: text.slice(0, CAPTION_MAX), caption_entities: entities }
        await call(api.editMessageCaption(id, Number(messageId), { ...caption, ...markup }, sign(signal)))
        return
      }
      throw toFault(error, world.clock.now())
    }
  }

  return {
    name: deps.name,
    kind: 'telegram',
    capabilities: {
      buttons: true,
      reactions: true,
      edits: true,
      typing: true,
      files: true,
      idempotent: false,
      markdown: true,
    },
    limits: {
      textMax: 4096,
      buttonDataMax: 64,
      buttonsMax: 100,
      fileMaxBytes: 50 * 1024 * 1024,
      attachAbove: 12_000,
      // "Avoid more than one message per second in a chat", "30 messages per second" in all.
      perChatMs: 1_000,
      overallMs: 34,
    },
    async check(signal) {
      const me = await call(api.getMe(sign(signal)))
      const webhook = await call(api.getWebhookInfo(sign(signal)))
      const words = [`Write to https://t.me/${me.username}`]
      if (webhook.url) words.push('A webhook is set for this bot; it is taken away when Claw begins to listen.')
      if (!me.can_read_all_group_messages) {
        words.push('In groups it sees commands, mentions and answers to it only (its privacy mode), which is enough.')
      }
      return { account: `@${me.username}`, words }
    },
    async start(receive, onTrouble) {
      polling = poll(receive, onTrouble)
    },
    send,
    edit,
    async react(chat, messageId, emoji) {
      const reaction: ReactionTypeEmoji[] = [{ type: 'emoji', emoji: emoji as ReactionTypeEmoji['emoji'] }]
      await api.setMessageReaction(placeOf(chat).id, Number(messageId), reaction, {}, sign(undefined)).catch(() => {})
    },
    async typing(chat) {
      const { id, place } = placeOf(chat)
      await api.sendChatAction(id, 'typing', place, sign(undefined)).catch(() => {})
    },
    async pressed(event, words) {
      const id = presses.get(event.eventId)
      if (id === undefined) return
      presses.delete(event.eventId)
      await api.answerCallbackQuery(id, { text: words.slice(0, 200) }, sign(undefined)).catch(() => {})
    },
    async download(file, bytesMax, signal) {
      const { file_path, file_size } = await call(api.getFile(file.ref, sign(signal)))
      if (!file_path || (file_size ?? 0) > bytesMax) throw tooLarge(file.name, bytesMax)
      return fetchFile(`${apiRoot}/file/bot${token}/${file_path}`, file.name, bytesMax, sign(signal))
    },
    async [Symbol.asyncDispose]() {
      closing.abort(new Error('the channel is closed'))
      await polling
    },
  }
}

function placeOf(chat: Chat): { id: number; place: { message_thread_id?: number } } {
  const [id, thread] = chat.id.split('/')
  return { id: Number(id), place: thread === undefined ? {} : { message_thread_id: Number(thread) } }
}

function keyboard(buttons: NonNullable<Outgoing['buttons']>): InlineKeyboardMarkup {
  return { inline_keyboard: buttons.map((row) => row.map(({ label, data }) => ({ text: label, callback_data: data }))) }
}

function tooLarge(name: string, bytesMax: number): Fault {
  return new Fault(
    'channel_refused',
    `${name} is larger than ${Math.round(bytesMax / 1024)} kB, or than Telegram gives out`,
  )
}

/** The address holds the token: nothing of it goes into a message. */
async function fetchFile(url: string, name: string, bytesMax: number, signal: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let bytes = 0
  try {
    const response = await fetch(url, { signal, redirect: 'error' })
    if (!response.ok) throw new Fault('channel_unavailable', `Telegram did not give out ${name} (${response.status})`)
    for await (const part of response.body ?? []) {
      bytes += part.byteLength
      if (bytes > bytesMax) throw tooLarge(name, bytesMax)
      parts.push(part)
    }
  } catch (error) {
    if (error instanceof Fault || signal.aborted) throw error
    throw new Fault('channel_unavailable', `Telegram did not give out ${name}: the connection failed`)
  }
  return Buffer.concat(parts)
}

const GONE = /message to edit not found|message can't be edited|MESSAGE_ID_INVALID|message to be replied not found/i
/** Nothing can have arrived where no connection came about. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH'])

function toFault(error: unknown, now: number): unknown {
  if (error instanceof GrammyError) {
    const { error_code: status, description, parameters } = error
    const words = `Telegram says: ${description} (${status})`
    if (status === 429) {
      const retryAt = now + (parameters.retry_after ?? 5) * SECOND
      return new Fault('channel_limited', words, { details: { status, retryAt } })
    }
    if (status >= 500 || status === 409)
      return new Fault('channel_unavailable', words, { details: { status, sent: status === 409 ? false : undefined } })
    if (status === 401 || status === 404) {
      return new Fault('channel_refused', 'Telegram does not know this token', {
        details: { status },
        hint: 'Copy the token from @BotFather again; it looks like 123456:ABC-DEF…',
      })
    }
    return new Fault('channel_refused', words, { details: { status, gone: GONE.test(description) } })
  }
  if (error instanceof HttpError) {
    const code = (error.error as NodeJS.ErrnoException | undefined)?.code
    const details = code !== undefined && NEVER_SENT.has(code) ? { sent: false } : {}
    return new Fault('channel_unavailable', `Telegram could not be reached${code ? ` (${code})` : ''}`, { details })
  }
  return error
}
