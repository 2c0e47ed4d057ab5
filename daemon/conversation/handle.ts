/**
 * The job `chat`: takes up what came in, oldest first, and answers each message once.
 *
 * An event is settled in the transaction that puts its answer into the outbox, under a key of its own; whatever was
 * done before a kill is found again (a goal by its key, an answer by its ask, a call by its turn) and not repeated.
 * Who may do what is decided by the person's role alone, never by what a message says.
 */
import { randomBytes } from 'node:crypto'
import { isFault } from '../../core/fault.ts'
import type { Person } from '../../core/person.ts'
import { oneLine } from '../../core/plain-text.ts'
import type { World } from '../../core/world.ts'
import type { OwnerContext } from '../../tools/context.ts'
import type { Channel } from '../channels/channel.ts'
import { DELIVER } from '../channels/deliver.ts'
import { say } from '../channels/say.ts'
import { type People, showCode } from '../people/people.ts'
import { type ChatRow, type EventRow, getChat, listNewChatEvents, settleChatEvents } from '../store/chat-rows.ts'
import { personOf } from '../store/person-rows.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import { createActed } from './acted.ts'
import type { Answer, Who } from './answer.ts'
import type { Attachments } from './attachments.ts'
import type { Speaker } from './context-for.ts'
import type { createConverse } from './converse.ts'
import { createHearMessage } from './hear-message.ts'
import { createHearTouch } from './hear-touch.ts'
import { createProposals } from './proposals.ts'
import { readCommand } from './read-command.ts'
import { createSettle } from './settle.ts'
import type { Stream } from './stream.ts'

export interface HandleDeps {
  store: Store
  queue: Queue
  world: World
  people: People
  channel(name: string): Channel | undefined
  contextFor(speaker: Speaker): OwnerContext
  /** Undefined where there is no brain: commands do everything. */
  converse: ReturnType<typeof createConverse> | undefined
  attachments: Attachments
  /** Words of a voice note; undefined where nothing is configured that listens. */
  transcribe: ((file: string, signal: AbortSignal) => Promise<string>) | undefined
  stream(chat: ChatRow, channel: Channel, event: EventRow): Stream
}

/** Messages that came while the one before was answered are answered together. */
const TOGETHER_MAX = 20
const FETCH_MAX = 50

export function createHandle(deps: HandleDeps) {
  const { store, queue, world } = deps
  const log = world.log.child({ part: 'chat' })
  const acted = createActed(deps)
  const proposals = createProposals(deps)
  const touches = createHearTouch({ store, acted, proposals })
  const hear = createHearMessage({ ...deps, acted, proposals, touches })
  const settle = createSettle(deps)

  return async function handle(chatId: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      const chat = await getChat(store.db, chatId)
      const channel = deps.channel(chat.channel)
      const rows = await listNewChatEvents(store.db, chatId, FETCH_MAX)
      const [first] = rows
      if (!first || !channel) return
      await take(chat, channel, first, rows, signal)
    }
  }

  async function take(
    chat: ChatRow,
    channel: Channel,
    row: EventRow,
    rows: readonly EventRow[],
    signal: AbortSignal,
  ): Promise<void> {
    const { sender } = row.data
    const person = sender.isVerified ? await personOf(store.db, chat.channel, sender.id) : undefined
    if (row.data.type === 'message' && chat.kind === 'group' && !row.data.isForUs) {
      return ignore(row, person, 'not meant for Claw')
    }
    if (!person) return meet(chat, channel, row)
    const who: Who = { person, by: `${chat.channel}:${person.name}` }
    if (chat.kind === 'direct' && chat.personId !== person.id) {
      await store.db.updateTable('chat').set({ personId: person.id }).where('id', '=', chat.id).execute()
    }
    const together = row.data.type === 'message' ? messagesTogether(chat, row, rows) : [row]
    const ids = together.map(({ id }) => id)
    try {
      await settle(chat, channel, together, who, await answerTo(chat, channel, together, who, signal))
    } catch (error) {
      if (signal.aborted) throw error
      if (isFault(error, 'store_broken') || isFault(error, 'disk_full')) throw error
      await settle(chat, channel, together, who, { out: [{ text: wordsFor(error, ids) }], note: 'failed' })
    }
  }

  async function answerTo(
    chat: ChatRow,
    channel: Channel,
    rows: readonly EventRow[],
    who: Who,
    signal: AbortSignal,
  ): Promise<Answer> {
    const [row] = rows as [EventRow]
    let isForeign = false
    const speaker: Speaker = {
      ...who,
      chatId: chat.id,
      onceKey: `chat:${row.id}`,
      since: row.receivedAt,
      onForeign: () => {
        isForeign = true
      },
    }
    const answer =
      row.data.type === 'message'
        ? await hear(chat, channel, rows, speaker, who, signal)
        : await touches.touch(chat, channel, row.data, deps.contextFor(speaker), who, signal)
    // What a command shows of others' words is theirs in the record too.
    return { ...answer, isTainted: answer.isTainted === true || isForeign }
  }

  /** The same person's plain words that came meanwhile: one answer for all of them. */
  function messagesTogether(chat: ChatRow, first: EventRow, rows: readonly EventRow[]): EventRow[] {
    const isPlain = (row: EventRow) =>
      row.data.type === 'message' &&
      row.data.sender.id === first.data.sender.id &&
      row.data.sender.isVerified &&
      row.data.isForUs &&
      row.data.files.length === 0 &&
      row.data.forwardedFrom === null &&
      row.data.replyTo === null &&
      readCommand(row.data.text, chat.kind === 'group') === undefined
    if (!deps.converse || !isPlain(first)) return [first]
    const together: EventRow[] = []
    for (const row of rows) {
      if (!isPlain(row) || together.length >= TOGETHER_MAX) break
      together.push(row)
    }
    return together
  }

  function wordsFor(error: unknown, ids: readonly number[]): string {
    if (isFault(error)) {
      const hint = error.hint ? `\n${error.hint}` : ''
      return `${error.message}.${hint}${error.mayRetry ? '\nTry again in a while; commands (/help) work all the time.' : ''}`
    }
    const id = `bug_${randomBytes(4).toString('hex')}`
    log.error({ id, err: error, events: ids }, 'bug in a conversation')
    return `Something is wrong in Claw itself; its log has more under ${id}.`
  }

  async function ignore(row: EventRow, person: Person | undefined, note: string): Promise<void> {
    await settleChatEvents(store.db, world.clock.now(), [row.id], {
      state: 'ignored',
      personId: person?.id ?? null,
      note,
    })
  }

  /** Somebody we do not know: in private they get a code, once; in a group nothing. */
  async function meet(chat: ChatRow, channel: Channel, row: EventRow): Promise<void> {
    const { sender } = row.data
    if (chat.kind === 'group') return ignore(row, undefined, 'an unknown sender in a group')
    if (!sender.isVerified) return ignore(row, undefined, 'the sender is not vouched for')
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      const offered = await deps.people.offer(tx, chat.channel, sender, chat)
      if (offered?.isNew) {
        const text = `I do not know you. To let you in, somebody at the machine that I run on says:\n\`claw pair ${showCode(offered.code)}\`\nThe code is good for an hour.`
        await say(tx, now, chat, channel.limits, { key: `re:${row.id}`, text })
        await queue.send(tx, DELIVER, chat.id)
        await addEvent(tx, now, {
          type: 'chat.refused',
          data: {
            by: `${chat.channel}:${oneLine(sender.name).slice(0, 60)}`,
            role: 'nobody',
            action: 'talk',
            why: 'not paired',
          },
        })
      }
      await settleChatEvents(tx, now, [row.id], { state: 'ignored', personId: null, note: 'not paired' })
    })
  }
}
