/**
 * The job `chat`: takes up what came in, oldest first, and answers each message once.
 *
 * An event is settled in the transaction that puts its answer into the outbox, under a key of its own; whatever was
 * done before a kill is found again (a goal by its key, an answer by its ask, a call by its turn) and not repeated.
 * Who may do what is decided by the person's role alone, never by what a message says.
 */
import { randomBytes } from 'node:crypto'
import { isFault } from '../../core/fault.ts'
import type { GoalId } from '../../core/goal.ts'
import type { Person } from '../../core/person.ts'
import { oneLine } from '../../core/plain-text.ts'
import type { World } from '../../core/world.ts'
import type { OwnerContext } from '../../tools/context.ts'
import type { Channel, MessageEvent, PressEvent, ReactionEvent } from '../channels/channel.ts'
import { DELIVER } from '../channels/deliver.ts'
import { SMALL_LIMITS, say } from '../channels/say.ts'
import { type People, showCode } from '../people/people.ts'
import {
  addTurn,
  type ChatRow,
  type EventRow,
  findOutByMessage,
  getChat,
  listNewChatEvents,
  type NewOut,
  settleChatEvents,
} from '../store/chat-rows.ts'
import { personOf } from '../store/person-rows.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent, findAsk, getGoal } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Tx } from '../store/tables.ts'
import { readData } from './ask-message.ts'
import type { Attachment, Attachments } from './attachments.ts'
import type { Speaker } from './context-for.ts'
import type { createConverse } from './converse.ts'
import type { Spoken } from './prompt.ts'
import { createProposals } from './proposals.ts'
import { type Command, choiceFor, readCommand, readReaction } from './read-command.ts'
import { runCommand } from './run-command.ts'

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
  /** Told word by word where somebody watches. */
  onPartial?(chatId: string, eventId: number, text: string): void
}

/** Messages that came while the one before was answered are answered together. */
const TOGETHER_MAX = 20
const FETCH_MAX = 50
const SAID_MAX = 300
const FILE_SHOWN_MAX = 6_000

interface Answer {
  out: Omit<NewOut, 'chatId' | 'key'>[]
  note: string
  /** What goes into the record as Claw's words. */
  isTainted?: boolean
}

interface Who {
  person: Person
  by: string
}

export function createHandle(deps: HandleDeps) {
  const { store, queue, world } = deps
  const log = world.log.child({ part: 'chat' })
  const proposals = createProposals(deps)

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
    const together = row.data.type === 'message' ? messagesTogether(row, rows) : [row]
    const ids = together.map(({ id }) => id)
    try {
      const answer =
        row.data.type === 'message'
          ? await onMessage(chat, channel, together, who, signal)
          : await onTouch(chat, channel, row, row.data, who, signal)
      await settle(chat, channel, together, who, answer)
    } catch (error) {
      if (signal.aborted) throw error
      if (isFault(error, 'store_broken') || isFault(error, 'disk_full')) throw error
      await settle(chat, channel, together, who, { out: [{ text: wordsFor(error, ids) }], note: 'failed' })
    }
  }

  /** The same person's plain words that came meanwhile: one answer for all of them. */
  function messagesTogether(first: EventRow, rows: readonly EventRow[]): EventRow[] {
    const isPlain = (row: EventRow) =>
      row.data.type === 'message' &&
      row.data.sender.id === first.data.sender.id &&
      row.data.isForUs &&
      row.data.files.length === 0 &&
      row.data.forwardedFrom === null &&
      row.data.replyTo === null &&
      readCommand(row.data.text) === undefined
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

  async function onMessage(
    chat: ChatRow,
    channel: Channel,
    rows: readonly EventRow[],
    who: Who,
    signal: AbortSignal,
  ): Promise<Answer> {
    const row = rows[0]!
    const event = row.data as MessageEvent
    const { files, voice, words: trouble } = await takeFiles(chat, channel, row, event, who.person, signal)
    const text = [event.text.trim(), ...voice].filter((part) => part !== '').join('\n')
    const speaker = speakerOf(chat, row, who, files)
    const context = deps.contextFor(speaker)
    const withTrouble = (answer: Answer): Answer =>
      trouble.length === 0 ? answer : { ...answer, out: [{ text: trouble.join('\n') }, ...answer.out] }

    if (event.forwardedFrom === null) {
      const command = readCommand(text)
      if (command) return withTrouble(await onCommand(chat, command, context, who, signal))
      const answered = await onReply(chat, event, text, context, who)
      if (answered) return withTrouble(answered)
    }
    if (text === '' && files.length > 0) {
      const names = files.map(({ name }) => name).join(', ')
      return withTrouble({
        out: [{ text: `Kept ${names}. The next goal that you give here within an hour takes it along.` }],
        note: 'files',
      })
    }
    if (text === '') return withTrouble({ out: [], note: 'empty' })
    if (!deps.converse) {
      const words = 'There is no model to talk with. `/goal …` gives me a goal, `/help` lists what else I understand.'
      return withTrouble({ out: [{ text: words }], note: 'no brain' })
    }
    await channel.typing?.({ id: chat.chatId, kind: chat.kind }).catch(() => {})
    const spoken: Spoken[] = await Promise.all(
      rows.map((one, n) => spokenOf(one.data as MessageEvent, who, n === 0 ? text : undefined, n === 0 ? files : [])),
    )
    const { onPartial } = deps
    const reply = await deps.converse(
      { chat, eventId: row.id, person: who.person, by: who.by, spoken, files, since: row.receivedAt },
      signal,
      onPartial && ((partial) => onPartial(chat.id, row.id, partial)),
    )
    const asked = await Promise.all(reply.proposals.map((number) => proposals.messageOf(number, channel)))
    return withTrouble({ out: [{ text: reply.text }, ...asked], note: 'answered', isTainted: reply.isTainted })
  }

  async function onCommand(
    chat: ChatRow,
    command: Command,
    context: OwnerContext,
    who: Who,
    signal: AbortSignal,
  ): Promise<Answer> {
    if (command.do === 'proposal') {
      return {
        out: [{ text: await proposals.settle(chat, command.number, command.isYes, context, who, signal) }],
        note: 'proposal',
      }
    }
    const { text, file, acted } = await runCommand(command, context, {
      ...who,
      hasBrain: deps.converse !== undefined,
      signal,
      clock: world.clock,
    })
    if (acted !== undefined) await record(who, command.do, acted)
    return { out: [{ text, ...(file ? { file } : {}) }], note: command.do }
  }

  /** Words in answer to a message of ours: to an ask they are its answer, to a goal's progress they steer it. */
  async function onReply(
    chat: ChatRow,
    event: MessageEvent,
    text: string,
    context: OwnerContext,
    who: Who,
  ): Promise<Answer | undefined> {
    if (event.replyTo === null || text === '') return undefined
    const out = await findOutByMessage(store.db, chat.id, event.replyTo)
    const [kind, id] = out?.key.split(':') ?? []
    if (kind === 'ask' || kind === 'remind') {
      const ask = await findAsk(store.db, { id: id! })
      if (!ask) return undefined
      const choice = ask.choices.find(
        (one) => one.id.toLowerCase() === text.toLowerCase() || one.label.toLowerCase() === text.toLowerCase(),
      )
      const kindOf = /^(yes|no)$/i.exec(text)?.[1]?.toLowerCase() as 'yes' | 'no' | undefined
      const chosen = choice?.id ?? (kindOf && choiceFor(kindOf, ask.choices))
      if (!chosen && !ask.freeText) return undefined
      await answerOnce(context, String(ask.number), chosen ? { choice: chosen } : { text }, who)
      await record(who, 'answer', `ask ${ask.number}: ${chosen ?? text}`)
      return { out: [{ text: `Taken: ${chosen ?? oneLine(text).slice(0, 100)}` }], note: 'answer' }
    }
    if (kind === 'goal') {
      const goal = await getGoal(store.db, id as GoalId)
      await context.goals.steer(String(goal.number), text, who.by)
      await record(who, 'tell', `#${goal.number}: ${text}`)
      return { out: [{ text: `Passed on to #${goal.number}.` }], note: 'tell' }
    }
    return undefined
  }

  /** The same person's same answer a second time is the redelivered first. */
  async function answerOnce(
    context: OwnerContext,
    ask: string,
    answer: { choice?: string; text?: string },
    who: Who,
  ): Promise<void> {
    try {
      await context.inbox.answer(ask, { ...answer, by: who.by })
    } catch (error) {
      if (!isFault(error, 'ask_answered')) throw error
      const { answer: given } = await context.inbox.get(ask)
      if (given?.by !== who.by || given.choice !== (answer.choice ?? given.choice)) throw error
    }
  }

  async function onTouch(
    chat: ChatRow,
    channel: Channel,
    row: EventRow,
    event: PressEvent | ReactionEvent,
    who: Who,
    signal: AbortSignal,
  ): Promise<Answer> {
    const context = deps.contextFor(speakerOf(chat, row, who, []))
    const words = await touched(chat, event, context, who, signal).catch((error: unknown) => {
      if (!isFault(error)) throw error
      return { text: error.message, isSaid: true }
    })
    if (!words) return { out: [], note: 'nothing of ours' }
    if (event.type === 'press') await channel.pressed?.(event, words.text).catch(() => {})
    // The message itself is changed for everybody; only what went wrong needs words of its own.
    return { out: words.isSaid ? [{ text: words.text }] : [], note: event.type }
  }

  async function touched(
    chat: ChatRow,
    event: PressEvent | ReactionEvent,
    context: OwnerContext,
    who: Who,
    signal: AbortSignal,
  ) {
    const meant = event.type === 'press' ? readData(event.data) : await meaningOf(chat, event)
    if (!meant) return undefined
    if ('proposal' in meant) {
      return { text: await proposals.settle(chat, meant.proposal, meant.isYes, context, who, signal), isSaid: true }
    }
    await answerOnce(context, meant.ask, { choice: meant.choice }, who)
    await record(who, 'answer', `ask ${meant.ask}: ${meant.choice}`)
    return { text: `Answered: ${meant.choice}`, isSaid: false }
  }

  async function meaningOf(chat: ChatRow, { messageId, emoji }: ReactionEvent) {
    const out = await findOutByMessage(store.db, chat.id, messageId)
    const [kind, id] = out?.key.split(':') ?? []
    const reaction = readReaction(emoji)
    if (!reaction || !id) return undefined
    if (kind === 'proposal')
      return 'kind' in reaction ? { proposal: Number(id), isYes: reaction.kind === 'yes' } : undefined
    if (kind !== 'ask') return undefined
    const ask = await findAsk(store.db, { id })
    if (!ask) return undefined
    const choice = 'place' in reaction ? ask.choices[reaction.place - 1]?.id : choiceFor(reaction.kind, ask.choices)
    return choice === undefined ? undefined : { ask: String(ask.number), choice }
  }

  function speakerOf(chat: ChatRow, row: EventRow, { person, by }: Who, files: readonly Attachment[]): Speaker {
    return { person, by, chatId: chat.id, onceKey: `chat:${row.id}`, onForeign() {}, files, since: row.receivedAt }
  }

  /** Files are kept, voice is turned into words where something listens; what could not be done is said. */
  async function takeFiles(
    chat: ChatRow,
    channel: Channel,
    row: EventRow,
    event: MessageEvent,
    person: Person,
    signal: AbortSignal,
  ) {
    const files: Attachment[] = []
    const voice: string[] = []
    const words: string[] = []
    if (event.files.length > 0 && person.role === 'guest')
      return { files, voice, words: ['Files are not taken from guests.'] }
    for (const file of event.files) {
      try {
        if (file.kind === 'voice' && !deps.transcribe) {
          words.push('I cannot listen: no program for it is configured (`chat.transcribe`). Please write.')
          continue
        }
        const kept = await deps.attachments.keep(file, { channel, chat, eventId: row.id, person }, signal)
        if (file.kind !== 'voice') files.push(kept)
        else voice.push(await deps.transcribe!(kept.file, signal))
      } catch (error) {
        if (!isFault(error) || (error.mayRetry && error.code.startsWith('channel_'))) throw error
        words.push(`${error.message}.`)
      }
    }
    const waiting = (await deps.attachments.waiting(chat, person)).filter(
      (one) => one.goalId === null && !files.some(({ id }) => id === one.id) && isFileOfGoal(one),
    )
    return { files: [...waiting, ...files], voice, words, hasOwn: files.length > 0 }
  }

  async function spokenOf(
    event: MessageEvent,
    { person }: Who,
    text: string | undefined,
    files: readonly Attachment[],
  ): Promise<Spoken> {
    const words = text ?? event.text
    const enclosed: Spoken['enclosed'] = []
    if (event.forwardedFrom !== null) {
      enclosed.push({ name: `forwarded from ${oneLine(event.forwardedFrom).slice(0, 60)}`, text: words })
    }
    for (const file of files) {
      const content = await deps.attachments.read(file, FILE_SHOWN_MAX)
      enclosed.push({ name: `file ${file.name}`, text: content ?? `(${file.mime}, ${file.bytes} bytes)` })
    }
    return { who: person.name, role: person.role, text: event.forwardedFrom === null ? words : '', enclosed }
  }

  async function record({ person, by }: Who, action: string, words: string): Promise<void> {
    await store.transaction((tx) =>
      addEvent(tx, world.clock.now(), {
        type: 'chat.acted',
        data: { by, role: person.role, action, words: words.slice(0, 500) },
      }),
    )
  }

  /** The answer, the record and the end of the events: one transaction. */
  async function settle(
    chat: ChatRow,
    channel: Channel,
    rows: readonly EventRow[],
    who: Who,
    answer: Answer,
  ): Promise<void> {
    const now = world.clock.now()
    const [first] = rows
    const replyTo = first!.data.type === 'message' && chat.kind === 'group' ? first!.data.messageId : null
    await store.transaction(async (tx) => {
      for (const row of rows) if (row.data.type === 'message') await keepWords(tx, now, chat, row, row.data, who)
      for (const [n, { text, buttons, file }] of answer.out.entries()) {
        const key = keyOf(first!.id, n, buttons)
        await say(tx, now, chat, channel.limits ?? SMALL_LIMITS, {
          key,
          text,
          ...(buttons ? { buttons } : {}),
          ...(file ? { file } : {}),
          ...(replyTo === null ? {} : { replyTo }),
        })
        await addTurn(tx, {
          chatId: chat.id,
          eventId: first!.id,
          at: now,
          kind: 'claw',
          by: 'claw',
          text,
          data: { role: null },
          tainted: answer.isTainted === true,
        })
      }
      if (answer.out.length > 0) await queue.send(tx, DELIVER, chat.id)
      await settleChatEvents(
        tx,
        now,
        rows.map(({ id }) => id),
        { state: 'done', personId: who.person.id, note: answer.note },
      )
    })
  }

  async function keepWords(
    tx: Tx,
    now: number,
    chat: ChatRow,
    row: EventRow,
    event: MessageEvent,
    { person, by }: Who,
  ): Promise<void> {
    const files = event.files.map(({ name }) => `[file ${oneLine(name)}]`)
    const text = [event.text, ...files].filter((part) => part !== '').join('\n')
    await addTurn(tx, {
      chatId: chat.id,
      eventId: row.id,
      at: now,
      kind: 'person',
      by: person.name,
      text,
      data: { role: person.role },
      tainted: event.forwardedFrom !== null,
    })
    await addEvent(tx, now, {
      type: 'chat.said',
      data: { by, role: person.role, text: oneLine(text).slice(0, SAID_MAX) },
    })
  }
}

/** A confirmation is found again by its number, whatever message it belongs to. */
function keyOf(eventId: number, n: number, buttons: NewOut['buttons']): string {
  const proposal = buttons?.[0]?.[0] && readData(buttons[0][0].data)
  if (proposal && 'proposal' in proposal) return `proposal:${proposal.proposal}`
  return n === 0 ? `re:${eventId}` : `re:${eventId}:${n}`
}

function isFileOfGoal(file: Attachment): boolean {
  return !file.mime.startsWith('audio/')
}
