/**
 * The Bot API on loopback, as it behaves where it hurts: true long polling whose offset is the acknowledgement, 409
 * for the older of two pollers, 429 with retry_after, 64 bytes of callback data, 4,096 characters of text, 400 where
 * an edit changes nothing. Methods and parameters are held to the published types (telegram-methods.ts); what it
 * sends is typed by them.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { InlineKeyboardMarkup, Message, MessageEntity, Update, User } from 'grammy/types'
import { readMethods } from './telegram-methods.ts'

export const BOT_TOKEN = '4242:test-token-that-opens-nothing'
export const BOT: User & { username: string } = {
  id: 4242,
  is_bot: true,
  first_name: 'Claw',
  username: 'claw_test_bot',
}

export interface SentMessage {
  messageId: number
  chatId: string
  text: string
  entities: MessageEntity[]
  buttons: { text: string; data: string }[]
  file: { name: string; data: Buffer } | undefined
  edits: number
}

export interface TelegramServer extends AsyncDisposable {
  readonly url: string
  readonly messages: SentMessage[]
  /** Each call with its method, oldest first. */
  readonly calls: { method: string; parameters: Record<string, unknown>; at: number }[]
  /** Updates that were not acknowledged. */
  readonly waiting: Update[]
  push(update: Omit<Update, 'update_id'>): Update
  /** A message of a person's; answers its id. */
  say(said: Partial<Message> & { from: User; chat: Message['chat'] }): number
  press(messageId: number, data: string, from: User, chat: Message['chat']): void
  react(messageId: number, emoji: string, from: User, chat: Message['chat']): void
  keepFile(name: string, data: Uint8Array): string
  limitOnce(retryAfterSeconds: number): void
  /** More than one message in so many milliseconds to one chat is refused with 429. */
  pace: { perChatMs: number }
  remove(messageId: number): void
  setWebhook(url: string): void
  /** Resolves with the first message that fits, now or later. */
  shown(is: (message: SentMessage) => boolean): Promise<SentMessage>
  /** Stops listening; the port stays ours to come back to. */
  cut(): Promise<() => Promise<void>>
}

class Refusal {
  readonly status: number
  readonly description: string
  readonly parameters: object
  constructor(status: number, description: string, parameters: object = {}) {
    this.status = status
    this.description = description
    this.parameters = parameters
  }
}

interface Poller {
  end(refusal?: Refusal): void
}

const METHODS = readMethods()
const TEXT_MAX = 4096
const CAPTION_MAX = 1024
const DATA_MAX = 64

export async function startTelegramServer(): Promise<TelegramServer> {
  const messages: SentMessage[] = []
  const calls: TelegramServer['calls'] = []
  const waiting: Update[] = []
  const files = new Map<string, { name: string; data: Buffer }>()
  const lastSent = new Map<string, number>()
  const pace = { perChatMs: 0 }
  const watchers = new Set<() => void>()
  let poller: Poller | undefined
  let updateIds = 100
  let messageIds = 0
  let limitedFor: number | undefined
  let webhook = ''

  function push(update: Omit<Update, 'update_id'>): Update {
    const whole = { update_id: ++updateIds, ...update } as Update
    waiting.push(whole)
    poller?.end()
    return whole
  }

  // ---- methods -----------------------------------------------------------------------------

  async function getUpdates(
    { offset = 0, limit = 100, timeout = 0 }: Record<string, number>,
    gone: Promise<void>,
  ): Promise<Update[]> {
    if (webhook !== '')
      throw new Refusal(
        409,
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
      )
    // The newer poller goes on, the older one is told.
    poller?.end(
      new Refusal(
        409,
        'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running',
      ),
    )
    while (waiting[0] && waiting[0].update_id < offset) waiting.shift()
    if (waiting.length === 0 && timeout > 0) {
      const ended = Promise.withResolvers<void>()
      const mine: Poller = { end: (refusal) => (refusal ? ended.reject(refusal) : ended.resolve()) }
      poller = mine
      const timer = setTimeout(() => ended.resolve(), timeout * 1000)
      void gone.then(() => ended.resolve())
      try {
        await ended.promise
      } finally {
        clearTimeout(timer)
        if (poller === mine) poller = undefined
      }
    }
    return waiting.slice(0, limit)
  }

  function mayBeSent(chatId: string): void {
    if (limitedFor !== undefined) {
      const seconds = limitedFor
      limitedFor = undefined
      throw new Refusal(429, `Too Many Requests: retry after ${seconds}`, { retry_after: seconds })
    }
    const since = Date.now() - (lastSent.get(chatId) ?? 0)
    if (since < pace.perChatMs) throw new Refusal(429, 'Too Many Requests: retry after 1', { retry_after: 1 })
    lastSent.set(chatId, Date.now())
  }

  function buttonsOf(markup: unknown): SentMessage['buttons'] {
    const rows = (markup as InlineKeyboardMarkup | undefined)?.inline_keyboard ?? []
    return rows.flat().map((button) => {
      const data = 'callback_data' in button ? String(button.callback_data) : ''
      if (Buffer.byteLength(data) > DATA_MAX || data === '') throw new Refusal(400, 'Bad Request: BUTTON_DATA_INVALID')
      return { text: button.text, data }
    })
  }

  function assertText(text: string, entities: readonly MessageEntity[], max: number): void {
    if (text.trim() === '') throw new Refusal(400, 'Bad Request: message text is empty')
    if (text.length > max)
      throw new Refusal(
        400,
        max === TEXT_MAX ? 'Bad Request: message is too long' : 'Bad Request: message caption is too long',
      )
    for (const { offset, length } of entities) {
      if (offset < 0 || length < 1 || offset + length > text.length)
        throw new Refusal(400, 'Bad Request: ENTITY_BOUNDS_INVALID')
    }
  }

  function chatIdOf(parameters: Record<string, unknown>): string {
    const thread = parameters['message_thread_id']
    return thread === undefined ? String(parameters['chat_id']) : `${parameters['chat_id']}/${thread}`
  }

  function send(
    parameters: Record<string, unknown>,
    text: string,
    entities: MessageEntity[],
    file: SentMessage['file'],
  ): object {
    const chatId = chatIdOf(parameters)
    const buttons = buttonsOf(parameters['reply_markup'])
    mayBeSent(chatId)
    const message: SentMessage = { messageId: ++messageIds, chatId, text, entities, buttons, file, edits: 0 }
    messages.push(message)
    for (const watcher of watchers) watcher()
    return {
      message_id: message.messageId,
      date: seconds(),
      chat: { id: Number(parameters['chat_id']), type: 'private' },
      text,
      from: BOT,
    }
  }

  function edit(
    parameters: Record<string, unknown>,
    text: string,
    entities: MessageEntity[],
    isCaption: boolean,
  ): object {
    const found = messages.find(({ messageId }) => messageId === Number(parameters['message_id']))
    if (!found) throw new Refusal(400, 'Bad Request: message to edit not found')
    if (!isCaption && found.file) throw new Refusal(400, 'Bad Request: there is no text in the message to edit')
    const buttons = buttonsOf(parameters['reply_markup'])
    if (
      found.text === text &&
      JSON.stringify([found.buttons, found.entities]) === JSON.stringify([buttons, entities])
    ) {
      throw new Refusal(
        400,
        'Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message',
      )
    }
    mayBeSent(found.chatId)
    Object.assign(found, { text, entities, buttons, edits: found.edits + 1 })
    for (const watcher of watchers) watcher()
    return {
      message_id: found.messageId,
      date: seconds(),
      chat: { id: Number(parameters['chat_id']), type: 'private' },
      text,
      from: BOT,
    }
  }

  async function answer(
    method: string,
    parameters: Record<string, unknown>,
    uploads: Map<string, { name: string; data: Buffer }>,
    gone: Promise<void>,
  ): Promise<unknown> {
    const words = METHODS.get(method)
    if (!words) throw new Refusal(404, 'Not Found')
    const known = [...words.required, ...words.optional]
    const unknown = Object.keys(parameters).filter((name) => !known.includes(name))
    if (unknown.length > 0)
      throw new Refusal(400, `Bad Request: the published API knows no ${unknown.join(', ')} of ${method}`)
    const missing = words.required.filter((name) => parameters[name] === undefined)
    if (missing.length > 0) throw new Refusal(400, `Bad Request: ${missing.join(', ')} is missing`)
    const entities = (parameters['entities'] ?? parameters['caption_entities'] ?? []) as MessageEntity[]
    const text = String(parameters['text'] ?? parameters['caption'] ?? '')
    switch (method) {
      case 'getMe':
        return {
          ...BOT,
          can_join_groups: true,
          can_read_all_group_messages: false,
          supports_inline_queries: false,
          can_connect_to_business: false,
          has_main_web_app: false,
        }
      case 'getWebhookInfo':
        return { url: webhook, has_custom_certificate: false, pending_update_count: waiting.length }
      case 'deleteWebhook':
        webhook = ''
        return true
      case 'getUpdates':
        return getUpdates(parameters as Record<string, number>, gone)
      case 'sendMessage':
        assertText(text, entities, TEXT_MAX)
        return send(parameters, text, entities, undefined)
      case 'sendDocument': {
        if (text !== '') assertText(text, entities, CAPTION_MAX)
        const name = String(parameters['document']).replace('attach://', '')
        return send(parameters, text, entities, uploads.get(name))
      }
      case 'editMessageText':
        assertText(text, entities, TEXT_MAX)
        return edit(parameters, text, entities, false)
      case 'editMessageCaption':
        return edit(parameters, text, entities, true)
      case 'getFile': {
        const file = files.get(String(parameters['file_id']))
        if (!file) throw new Refusal(400, 'Bad Request: invalid file_id')
        return {
          file_id: parameters['file_id'],
          file_unique_id: 'u',
          file_size: file.data.length,
          file_path: `documents/${parameters['file_id']}`,
        }
      }
      case 'answerCallbackQuery':
      case 'sendChatAction':
      case 'setMessageReaction':
        return true
      default:
        throw new Refusal(501, `this fake does not know ${method}`)
    }
  }

  // ---- the wire ----------------------------------------------------------------------------

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new Promise<void>((resolve) => response.once('close', resolve))
    const url = decodeURIComponent(request.url ?? '')
    const file = /^\/file\/bot([^/]+)\/documents\/(.+)$/.exec(url)
    if (file && file[1] === BOT_TOKEN) {
      const found = files.get(file[2]!)
      if (!found) return void response.writeHead(404).end()
      return void response.writeHead(200).end(found.data)
    }
    const [, token, method = ''] = /^\/bot([^/]+)\/(\w+)$/.exec(url) ?? []
    const { parameters, uploads } = await readBody(request)
    try {
      if (token !== BOT_TOKEN) throw new Refusal(401, 'Unauthorized')
      calls.push({ method, parameters, at: Date.now() })
      reply(response, 200, { ok: true, result: await answer(method, parameters, uploads, gone) })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const { status, description, parameters: more } = error
      reply(response, status, { ok: false, error_code: status, description, parameters: more })
    }
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error) =>
      reply(response, 500, { ok: false, error_code: 500, description: String(error) }),
    )
  })
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const close = () =>
    new Promise<void>((resolve) => {
      poller?.end()
      server.close(() => resolve())
      server.closeAllConnections()
    })
  await listen(0)
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}`,
    messages,
    calls,
    waiting,
    pace,
    push,
    say(said) {
      const message = { message_id: ++messageIds, date: seconds(), ...said } as Message
      push({ message: message as Update['message'] & Message })
      return message.message_id
    },
    press(messageId, data, from, chat) {
      const message = { message_id: messageId, date: seconds(), chat, from: BOT, text: '' } as never
      push({ callback_query: { id: `q${messageId}-${updateIds}`, from, chat_instance: 'c', data, message } })
    },
    react(messageId, emoji, user, chat) {
      const new_reaction = [{ type: 'emoji' as const, emoji: emoji as never }]
      push({ message_reaction: { chat, message_id: messageId, user, date: seconds(), old_reaction: [], new_reaction } })
    },
    keepFile(name, data) {
      const id = `file-${files.size + 1}`
      files.set(id, { name, data: Buffer.from(data) })
      return id
    },
    limitOnce(retryAfterSeconds) {
      limitedFor = retryAfterSeconds
    },
    remove(messageId) {
      const at = messages.findIndex((message) => message.messageId === messageId)
      if (at >= 0) messages.splice(at, 1)
    },
    setWebhook(url) {
      webhook = url
    },
    async shown(is) {
      for (;;) {
        const found = messages.find(is)
        if (found) return found
        await new Promise<void>((resolve) => {
          const watcher = () => {
            watchers.delete(watcher)
            resolve()
          }
          watchers.add(watcher)
        })
      }
    },
    async cut() {
      await close()
      return () => listen(port)
    },
    async [Symbol.asyncDispose]() {
      await close()
    },
  }
}

function seconds(): number {
  return Math.floor(Date.now() / 1000)
}

function reply(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function readBody(request: IncomingMessage) {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const uploads = new Map<string, { name: string; data: Buffer }>()
  const type = request.headers['content-type'] ?? ''
  if (!type.startsWith('multipart/')) {
    return { parameters: body.length === 0 ? {} : (JSON.parse(body.toString()) as Record<string, unknown>), uploads }
  }
  const form = await new Response(body, { headers: { 'content-type': type } }).formData()
  const parameters: Record<string, unknown> = {}
  for (const [name, value] of form) {
    if (typeof value === 'string') parameters[name] = parsed(value)
    else uploads.set(name, { name: value.name, data: Buffer.from(await value.arrayBuffer()) })
  }
  return { parameters, uploads }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
