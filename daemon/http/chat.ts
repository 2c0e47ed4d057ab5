/** The conversation at this machine: what is said, what was said, and the stream of both. */
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { z } from 'zod'
import { Fault } from '../../core/fault.ts'
import type { Button } from '../channels/channel.ts'
import type { ChatParts } from '../conversation/create-chat.ts'
import { listTurns, type OutRow, readOut } from '../store/chat-rows.ts'
import type { Store } from '../store/store.ts'
import { body, query } from './valid.ts'

export interface ChatRouteDeps {
  chat?: Pick<ChatParts, 'terminal' | 'terminalChat' | 'onPartial'> & { store: Store }
  closing: AbortSignal
}

const FILE_CHARACTERS_MAX = 28_000_000

export const SayBody = z.strictObject({
  text: z.string().max(100_000).default('').describe('What you say.'),
  id: z.string().min(1).max(100).nullable().default(null).describe('The same id twice is one message.'),
  files: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(500),
        mime: z.string().max(100).default('application/octet-stream'),
        data: z.base64().max(FILE_CHARACTERS_MAX).describe('Base64.'),
      }),
    )
    .max(20)
    .default([])
    .describe('Files that go along.'),
})

export const PressBody = z.strictObject({
  message: z.string().min(1).max(500).describe('The message with the button.'),
  data: z.string().min(1).max(200).describe('The button’s data.'),
})

export const ChatQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(30).describe('The latest so many messages, of both sides.'),
})

export const SaidSchema = z.object({ id: z.string() })
export const ChatHistorySchema = z.object({
  turns: z.array(
    z.object({ id: z.int(), at: z.int(), who: z.enum(['person', 'claw']), by: z.string(), text: z.string() }),
  ),
})

/** A message of Claw's as it stands now; the same id again is an edit. */
export interface ShownMessage {
  id: number
  message: string
  version: number
  at: number
  text: string
  buttons: Button[][]
  file: { name: string; path: string | null; text: string | null } | null
  /** The event (`SaidSchema.id`) that it answers; null: said unasked. */
  answers: string | null
}

const SHOWN_MAX = 100

export function chatRoutes({ chat, closing }: ChatRouteDeps) {
  const those = () => {
    if (!chat) throw new Fault('route_not_found', 'This daemon has no conversation')
    return chat
  }
  return new Hono()
    .post('/', body(SayBody), async (c) => {
      const { text, id, files } = c.req.valid('json')
      const decoded = files.map(({ data, ...file }) => ({
        ...file,
        data: Uint8Array.from(Buffer.from(data, 'base64')),
      }))
      const { eventId } = await those().terminal.put({ id, text, files: decoded })
      return c.json({ id: eventId }, 202)
    })
    .post('/press', body(PressBody), async (c) => {
      const { message, data } = c.req.valid('json')
      await those().terminal.press(message, data)
      return c.json({ id: message }, 202)
    })
    .get('/', query(ChatQuery), async (c) => {
      const { limit } = c.req.valid('query')
      return c.json({ turns: await history(those().store, await those().terminalChat(), limit) })
    })
    .get('/stream', (c) =>
      streamSSE(c, async (stream) => {
        const { store, terminalChat, onPartial } = those()
        const chatId = await terminalChat()
        const seen = new Map((await latest(store, chatId)).map((row) => [row.id, row.sentVersion]))
        const gone = new AbortController()
        stream.onAbort(() => gone.abort())
        const ended = AbortSignal.any([closing, gone.signal])
        let nudge = Promise.withResolvers<void>()
        using _commits = store.onCommit(() => nudge.resolve())
        using _partials = onPartial(
          (partial) => void stream.writeSSE({ event: 'partial', data: JSON.stringify(partial) }),
        )
        ended.addEventListener('abort', () => nudge.resolve(), { once: true })
        let settledTo = await lastSettled(store, chatId)
        await stream.writeSSE({ event: 'ready', data: '{}' })
        while (!ended.aborted) {
          await nudge.promise
          nudge = Promise.withResolvers<void>()
          if (ended.aborted) return
          const settled = await settledAfter(store, chatId, settledTo)
          for (const row of await latest(store, chatId)) {
            if (seen.get(row.id) === row.sentVersion) continue
            seen.set(row.id, row.sentVersion)
            await stream.writeSSE({ event: 'message', data: JSON.stringify(await shown(store, row)) })
          }
          for (const { id, eventId } of settled) {
            settledTo = id
            await stream.writeSSE({ event: 'settled', data: JSON.stringify({ id: eventId }) })
          }
        }
      }),
    )
}

/** What the person said and all that Claw said to them, asked or not, as it stands now; oldest first. */
async function history(store: Store, chatId: string, limit: number) {
  const said = (await listTurns(store.db, chatId, { limit: limit * 4 })).filter(({ kind }) => kind === 'person')
  const told = await latest(store, chatId, limit)
  return [
    ...said.map(({ id, at, by, text }) => ({ id, at, who: 'person' as const, by, text })),
    ...told.map(({ id, sentAt, createdAt, text, file }) => ({
      id,
      at: sentAt ?? createdAt,
      who: 'claw' as const,
      by: 'claw',
      text: file ? `${text}\n[file ${file.name}]` : text,
    })),
  ]
    .sort((a, b) => a.at - b.at || (a.who === 'person' ? -1 : 1))
    .slice(-limit)
}

async function lastSettled(store: Store, chatId: string): Promise<number> {
  const row = await store.db
    .selectFrom('chat_event')
    .select((eb) => eb.fn.max('id').as('id'))
    .where('chatId', '=', chatId)
    .where('state', '!=', 'new')
    .executeTakeFirst()
  return Number(row?.id ?? 0)
}

/** Events that are over, once everything that they led to at once has been said. */
async function settledAfter(store: Store, chatId: string, after: number) {
  const events = await store.db
    .selectFrom('chat_event')
    .select(['id', 'eventId', 'settledAt'])
    .where('chatId', '=', chatId)
    .where('id', '>', after)
    .where('state', '!=', 'new')
    .orderBy('id')
    .execute()
  if (events.length === 0) return []
  const open = await store.db
    .selectFrom('chat_out')
    .select((eb) => eb.fn.min('createdAt').as('at'))
    .where('chatId', '=', chatId)
    .where('state', 'in', ['due', 'sending'])
    .where('notBefore', '=', 0)
    .executeTakeFirst()
  const openSince = open?.at == null ? Number.POSITIVE_INFINITY : Number(open.at)
  return events.filter(({ settledAt }) => (settledAt ?? 0) < openSince)
}

async function latest(store: Store, chatId: string, limit = SHOWN_MAX): Promise<OutRow[]> {
  const rows = await store.db
    .selectFrom('chat_out')
    .selectAll()
    .where('chatId', '=', chatId)
    .where('sentVersion', '>', 0)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.reverse().map(readOut)
}

async function shown(store: Store, row: OutRow): Promise<ShownMessage> {
  const { id, key, messageId, sentVersion, sentAt, text, buttons, file } = row
  const eventId = /^re:(\d+)/.exec(key)?.[1]
  const event = eventId
    ? await store.db.selectFrom('chat_event').select('eventId').where('id', '=', Number(eventId)).executeTakeFirst()
    : undefined
  return {
    id,
    message: messageId ?? key,
    version: sentVersion,
    at: sentAt ?? 0,
    text,
    buttons,
    file: file && { name: file.name, path: 'path' in file ? file.path : null, text: 'text' in file ? file.text : null },
    answers: event?.eventId ?? null,
  }
}
