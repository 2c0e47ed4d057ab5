/**
 * Sends what stands in the outbox: one job per chat, oldest first.
 *
 * A row says what the other side should show; a message that was changed many times is sent once, as it is now. The
 * row is marked before the other side is called, so that a kill in between is known afterwards: such a message is
 * sent again, with a word about it where the channel cannot tell that it is the same. A limit puts the whole chat
 * off to the moment that the other side named; a failure, to a growing pause; what is refused for good is dropped,
 * with the reason in its row, and holds nobody up.
 */
import { readFile, stat } from 'node:fs/promises'
import { backoffMs } from '../../core/backoff.ts'
import { isFault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import { type ChatRow, findChat, listDueOuts, type OutFile, type OutRow } from '../store/chat-rows.ts'
import type { Queue } from '../store/queue.ts'
import type { Store } from '../store/store.ts'
import type { Channel, Outgoing } from './channel.ts'

export const DELIVER = 'deliver'

export interface DeliverDeps {
  store: Store
  queue: Queue
  world: World
  /** Undefined while it is not there: rows wait. */
  channel(name: string): Channel | undefined
}

/** Rows looked at in one go. */
const BATCH = 50
/** A message that the other side could not take for so long is given up. */
const TRIES_MAX = 60
const AGAIN = '_(I was stopped while I sent this: you may see it twice.)_\n'

type Step = { do: 'send'; row: OutRow; with: OutRow[]; text: string } | { do: 'edit'; row: OutRow }

export function createDeliver({ store, queue, world, channel: channelOf }: DeliverDeps) {
  const log = world.log.child({ part: 'deliver' })
  /** Per channel: the earliest moment for its next message, by the clock that never goes back. */
  const overall = new Map<string, number>()

  return async function deliver(chatId: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      const chat = await findChat(store.db, chatId)
      const channel = chat && channelOf(chat.channel)
      // Whoever brings the channel back sends the job again.
      if (!chat || !channel) return
      const rows = await listDueOuts(store.db, chatId, BATCH)
      const now = world.clock.now()
      const due = rows.filter((row) => row.notBefore <= now)
      if (due.length === 0) {
        const next = Math.min(...rows.map((row) => row.notBefore))
        if (rows.length > 0) await later(chatId, next - now)
        return
      }
      const waitMs = waitFor(chat, channel, now)
      if (waitMs > 0) return later(chatId, waitMs)
      await take(chat, channel, nextStep(due, channel), signal)
    }
  }

  function later(chatId: string, delayMs: number): Promise<void> {
    return store.transaction((tx) => queue.send(tx, DELIVER, chatId, { delayMs: Math.max(1, delayMs) }))
  }

  function waitFor(chat: ChatRow, { name, limits }: Channel, now: number): number {
    // A clock that was set back does not hold a chat up for longer than the pace.
    const sinceLast = Math.max(0, now - chat.lastSentAt)
    const paced = chat.lastSentAt > 0 ? limits.perChatMs - sinceLast : 0
    const inAll = (overall.get(name) ?? 0) - world.clock.monotonic()
    return Math.max(chat.notBefore - now, paced, inAll)
  }

  async function take(chat: ChatRow, channel: Channel, step: Step, signal: AbortSignal): Promise<void> {
    const { row } = step
    const ids = step.do === 'send' ? [row.id, ...step.with.map(({ id }) => id)] : [row.id]
    await store.db.updateTable('chat_out').set({ state: 'sending' }).where('id', 'in', ids).execute()
    overall.set(channel.name, world.clock.monotonic() + channel.limits.overallMs)
    try {
      const messageId = await carry(chat, channel, step, signal)
      await settle(chat, step, messageId)
    } catch (error) {
      if (signal.aborted) throw error
      await fail(chat, channel, step, error)
    }
  }

  async function carry(chat: ChatRow, channel: Channel, step: Step, signal: AbortSignal): Promise<string> {
    const to = { id: chat.chatId, kind: chat.kind }
    if (step.do === 'edit') {
      await channel.edit(to, step.row.messageId!, await outgoing(step.row, step.row.text, false), signal)
      return step.row.messageId!
    }
    const isAgain = step.row.state === 'sending' && !channel.capabilities.idempotent
    const text = isAgain ? `${AGAIN}${step.text}`.slice(0, channel.limits.textMax) : step.text
    return (await channel.send(to, await outgoing(step.row, text, true), signal)).messageId
  }

  /** The row may have been changed while it was sent: then it is due again, as an edit. */
  async function settle(chat: ChatRow, step: Step, messageId: string): Promise<void> {
    const sentAt = world.clock.now()
    await store.transaction(async (tx) => {
      const rows = step.do === 'send' ? [step.row, ...step.with] : [step.row]
      for (const row of rows) {
        const fresh = await tx
          .selectFrom('chat_out')
          .select('version')
          .where('id', '=', row.id)
          .executeTakeFirstOrThrow()
        const isNewest = fresh.version === row.version
        await tx
          .updateTable('chat_out')
          .set({
            state: isNewest ? 'sent' : 'due',
            sentVersion: row.version,
            messageId,
            error: null,
            sentAt,
            carriedBy: row.id === step.row.id ? null : step.row.id,
          })
          .where('id', '=', row.id)
          .execute()
      }
      await tx
        .updateTable('chat')
        .set({ lastSentAt: sentAt, failures: 0, notBefore: 0 })
        .where('id', '=', chat.id)
        .execute()
    })
  }

  async function fail(chat: ChatRow, channel: Channel, step: Step, error: unknown): Promise<void> {
    const ids = step.do === 'send' ? [step.row.id, ...step.with.map(({ id }) => id)] : [step.row.id]
    const words = String(error instanceof Error ? error.message : error).slice(0, 500)
    const now = world.clock.now()
    const set = (patch: { state: string; messageId?: null }) =>
      store.db
        .updateTable('chat_out')
        .set({ ...patch, error: words })
        .where('id', 'in', ids)
        .execute()
    if (isFault(error, 'channel_refused') || !isFault(error)) {
      if (!isFault(error)) log.error({ err: error, chat: chat.id }, 'bug in a channel')
      const isGone = step.do === 'edit' && isFault(error) && error.details['gone'] === true
      // What can no longer be edited is said anew, where it still says something that matters.
      if (isGone && step.row.buttons.length > 0) await set({ state: 'due', messageId: null })
      else await set({ state: 'dropped' })
      log.warn({ chat: chat.id, words }, 'message refused')
      return
    }
    const failures = chat.failures + 1
    const named = error.details['retryAt']
    const isLimit = error.code === 'channel_limited' && typeof named === 'number'
    // A refusal by a limit is sure not to have gone out; with a lost connection nobody knows.
    const isSure = error.code === 'channel_limited' || channel.capabilities.idempotent || step.do === 'edit'
    const isNobody = error.details['sent'] === false
    await set({ state: failures > TRIES_MAX ? 'dropped' : isSure || isNobody ? 'due' : 'sending' })
    const notBefore = isLimit ? Math.max(named, now + 1) : now + backoffMs(failures)
    await store.db
      .updateTable('chat')
      .set({ notBefore, failures: isLimit ? chat.failures : failures > TRIES_MAX ? 0 : failures })
      .where('id', '=', chat.id)
      .execute()
    log.info({ chat: chat.id, words, notBefore }, 'message put off')
  }
}

/** Pure: what to do first. Answers that wait together without buttons or files go as one message. */
export function nextStep(
  due: readonly OutRow[],
  { limits, capabilities }: Pick<Channel, 'limits' | 'capabilities'>,
): Step {
  const row = due[0]!
  if (row.messageId !== null && capabilities.edits) return { do: 'edit', row }
  const joined: OutRow[] = []
  let text = row.text
  const isPlain = (one: OutRow) =>
    one.buttons.length === 0 && one.file === null && one.messageId === null && one.state === 'due' && !isKept(one)
  if (isPlain(row)) {
    for (const other of due.slice(1)) {
      if (!isPlain(other) || text.length + 2 + other.text.length > limits.textMax) break
      text = `${text}\n\n${other.text}`
      joined.push(other)
    }
  }
  return { do: 'send', row, with: joined, text }
}

/** A message that is edited or answered later stands alone. */
function isKept(row: OutRow): boolean {
  return /^(goal|ask|remind|proposal|stream):/.test(row.key)
}

async function outgoing(row: OutRow, text: string, withFile: boolean): Promise<Outgoing> {
  const file = withFile && row.file ? await contentOf(row.file) : undefined
  return {
    text: row.file && withFile && !file ? `${text}\n\n(The file ${row.file.name} is no longer there.)` : text,
    key: `${row.key}@${row.version}`,
    ...(row.buttons.length > 0 ? { buttons: row.buttons } : {}),
    ...(file ? { file } : {}),
    ...(row.replyTo === null ? {} : { replyTo: row.replyTo }),
  }
}

const FILE_BYTES_MAX = 45 * 1024 * 1024

async function contentOf(file: OutFile): Promise<Outgoing['file'] | undefined> {
  const { name, mime } = file
  if ('text' in file) return { name, mime, data: new TextEncoder().encode(file.text) }
  const found = await stat(file.path).catch(() => undefined)
  if (!found?.isFile() || found.size > FILE_BYTES_MAX) return undefined
  return { name, mime, data: await readFile(file.path) }
}
