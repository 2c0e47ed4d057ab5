import { sql } from 'kysely'
import { newId } from '../../core/id.ts'
import type { Button, Chat, InboundEvent } from '../channels/channel.ts'
import type { Db, Row } from './tables.ts'

/** Conversations: what came in, the record, and what goes out. */

export interface ChatRow extends Omit<Row<'chat'>, 'kind'> {
  kind: Chat['kind']
}

export interface EventRow extends Omit<Row<'chat_event'>, 'data' | 'state'> {
  data: InboundEvent
  state: 'new' | 'done' | 'ignored'
}

/** A file that goes out: from the disk, or the text itself. */
export type OutFile = { name: string; mime: string } & ({ path: string } | { text: string })

export interface OutRow extends Omit<Row<'chat_out'>, 'buttons' | 'file' | 'state'> {
  buttons: Button[][]
  file: OutFile | null
  state: 'due' | 'sending' | 'sent' | 'dropped'
}

// ---- chats -------------------------------------------------------------------------------

/** The row of a chat, made when it is first heard of. */
export async function takeChat(db: Db, now: number, channel: string, chat: Chat): Promise<ChatRow> {
  await db
    .insertInto('chat')
    .values({
      id: newId('chat', now),
      channel,
      chatId: chat.id,
      kind: chat.kind,
      personId: null,
      notBefore: 0,
      failures: 0,
      lastSentAt: 0,
      summary: null,
      summarizedTo: 0,
      createdAt: now,
    })
    .onConflict((conflict) => conflict.columns(['channel', 'chatId']).doNothing())
    .execute()
  const row = await db
    .selectFrom('chat')
    .selectAll()
    .where('channel', '=', channel)
    .where('chatId', '=', chat.id)
    .executeTakeFirstOrThrow()
  return row as ChatRow
}

export async function findChat(db: Db, id: string): Promise<ChatRow | undefined> {
  return (await db.selectFrom('chat').selectAll().where('id', '=', id).executeTakeFirst()) as ChatRow | undefined
}

export async function getChat(db: Db, id: string): Promise<ChatRow> {
  const chat = await findChat(db, id)
  if (!chat) throw new Error(`there is no chat ${id}`)
  return chat
}

// ---- what came in ------------------------------------------------------------------------

/** Keeps an event once, however often it comes. Answers whether it is new. */
export async function addChatEvent(
  db: Db,
  now: number,
  channel: string,
  chat: ChatRow,
  event: InboundEvent,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('chat_event')
    .values({
      channel,
      eventId: event.eventId,
      chatId: chat.id,
      personId: null,
      data: JSON.stringify(event),
      state: 'new',
      note: null,
      receivedAt: now,
      settledAt: null,
    })
    .onConflict((conflict) => conflict.columns(['channel', 'eventId']).doNothing())
    .executeTakeFirst()
  return Number(numInsertedOrUpdatedRows ?? 0) > 0
}

const readEvent = (row: Row<'chat_event'>): EventRow => ({ ...row, data: JSON.parse(row.data) }) as EventRow

/** The oldest ones that nobody has looked at. */
export async function listNewChatEvents(db: Db, chatId: string, limit: number): Promise<EventRow[]> {
  const rows = await db
    .selectFrom('chat_event')
    .selectAll()
    .where('chatId', '=', chatId)
    .where('state', '=', 'new')
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(readEvent)
}

export async function settleChatEvents(
  db: Db,
  now: number,
  ids: readonly number[],
  end: { state: 'done' | 'ignored'; personId: string | null; note: string | null },
): Promise<void> {
  await db
    .updateTable('chat_event')
    .set({ ...end, settledAt: now })
    .where('id', 'in', ids)
    .execute()
}

/** Chats with something that nobody has looked at. */
export async function listWaitingChats(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('chat_event').select('chatId').distinct().where('state', '=', 'new').execute()
  return rows.map(({ chatId }) => chatId)
}

// ---- what goes out -----------------------------------------------------------------------

export interface NewOut {
  /** Of two rows with one key the first stands; with `edit`, it takes the second's words. */
  key: string
  chatId: string
  text: string
  buttons?: readonly (readonly Button[])[]
  file?: OutFile | null
  replyTo?: string | null
  /** Not before this moment. */
  notBefore?: number
}

const buttonsOf = (out: Pick<NewOut, 'buttons'>) =>
  out.buttons && out.buttons.length > 0 ? JSON.stringify(out.buttons) : null

/** Says something once. */
export async function addOut(db: Db, now: number, out: NewOut): Promise<void> {
  await db
    .insertInto('chat_out')
    .values(valuesOf(now, out))
    .onConflict((conflict) => conflict.column('key').doNothing())
    .execute()
}

/** Says something, or changes what was said under this key. Nothing happens where it says the same already. */
export async function putOut(db: Db, now: number, out: NewOut): Promise<void> {
  await db
    .insertInto('chat_out')
    .values(valuesOf(now, out))
    .onConflict((conflict) =>
      conflict
        .column('key')
        .doUpdateSet({
          text: sql`excluded.text`,
          buttons: sql`excluded.buttons`,
          version: sql`chat_out.version + 1`,
          notBefore: sql`excluded.notBefore`,
          state: sql`case when chat_out.state = 'sending' then 'sending' else 'due' end`,
        })
        .where(sql<boolean>`chat_out.text <> excluded.text or chat_out.buttons is not excluded.buttons`),
    )
    .execute()
}

function valuesOf(now: number, out: NewOut) {
  return {
    key: out.key,
    chatId: out.chatId,
    text: out.text,
    buttons: buttonsOf(out),
    file: out.file ? JSON.stringify(out.file) : null,
    replyTo: out.replyTo ?? null,
    version: 1,
    sentVersion: 0,
    state: 'due',
    messageId: null,
    carriedBy: null,
    notBefore: out.notBefore ?? 0,
    error: null,
    createdAt: now,
    sentAt: null,
  }
}

export function readOut(row: Row<'chat_out'>): OutRow {
  return {
    ...row,
    buttons: row.buttons === null ? [] : JSON.parse(row.buttons),
    file: row.file === null ? null : JSON.parse(row.file),
  } as OutRow
}

/** What waits to be sent in a chat, oldest first. */
export async function listDueOuts(db: Db, chatId: string, limit: number): Promise<OutRow[]> {
  const rows = await db
    .selectFrom('chat_out')
    .selectAll()
    .where('chatId', '=', chatId)
    .where('state', 'in', ['due', 'sending'])
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(readOut)
}

export async function findOuts(db: Db, keyLike: string): Promise<OutRow[]> {
  const rows = await db.selectFrom('chat_out').selectAll().where('key', 'like', keyLike).orderBy('id').execute()
  return rows.map(readOut)
}

/** What was surely not sent yet and is not worth saying any more. */
export async function dropUnsent(db: Db, keyLike: string, why: string): Promise<void> {
  await db
    .updateTable('chat_out')
    .set({ state: 'dropped', error: why })
    .where('key', 'like', keyLike)
    .where('state', '=', 'due')
    .where('sentVersion', '=', 0)
    .execute()
}

/** The message of ours that the other side calls so. */
export async function findOutByMessage(db: Db, chatId: string, messageId: string): Promise<OutRow | undefined> {
  const row = await db
    .selectFrom('chat_out')
    .selectAll()
    .where('chatId', '=', chatId)
    .where('messageId', '=', messageId)
    .orderBy('id')
    .executeTakeFirst()
  return row && readOut(row)
}

// ---- the record --------------------------------------------------------------------------

export interface Turn {
  id: number
  chatId: string
  eventId: number | null
  at: number
  kind: 'person' | 'claw' | 'call'
  by: string
  text: string
  data: unknown
  tainted: boolean
}

export async function addTurn(db: Db, turn: Omit<Turn, 'id'>): Promise<number> {
  const { id } = await db
    .insertInto('chat_turn')
    .values({ ...turn, data: turn.data == null ? null : JSON.stringify(turn.data), tainted: turn.tainted ? 1 : 0 })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

export async function updateTurn(db: Db, id: number, patch: { text: string; data: unknown }): Promise<void> {
  await db
    .updateTable('chat_turn')
    .set({ text: patch.text, data: JSON.stringify(patch.data) })
    .where('id', '=', id)
    .execute()
}

/** Turns of a chat after one, oldest first; the latest `limit` of them. */
export async function listTurns(db: Db, chatId: string, { after = 0, limit = 200 } = {}): Promise<Turn[]> {
  const rows = await db
    .selectFrom('chat_turn')
    .selectAll()
    .where('chatId', '=', chatId)
    .where('id', '>', after)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.reverse().map(
    (row) =>
      ({
        ...row,
        data: row.data === null ? null : JSON.parse(row.data),
        tainted: row.tainted === 1,
      }) as Turn,
  )
}

// ---- a channel's own memory --------------------------------------------------------------

export async function readChannelMemory(db: Db, channel: string, key: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('channel_memory')
    .select('value')
    .where('channel', '=', channel)
    .where('key', '=', key)
    .executeTakeFirst()
  return row?.value
}

export async function writeChannelMemory(db: Db, channel: string, key: string, value: string): Promise<void> {
  await db
    .insertInto('channel_memory')
    .values({ channel, key, value })
    .onConflict((conflict) => conflict.columns(['channel', 'key']).doUpdateSet({ value }))
    .execute()
}
