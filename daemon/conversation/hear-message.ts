/**
 * One message, or several that came together, and what is said to it: commands first, then words in answer to a
 * message of ours, and only then a brain. Whatever others had a hand in (files, forwarded words) reaches it as data.
 */
import { isFault } from '../../core/fault.ts'
import { oneLine } from '../../core/plain-text.ts'
import type { World } from '../../core/world.ts'
import type { OwnerContext } from '../../tools/context.ts'
import type { Channel, MessageEvent } from '../channels/channel.ts'
import type { ChatRow, EventRow } from '../store/chat-rows.ts'
import type { Acted } from './acted.ts'
import type { Answer, Who } from './answer.ts'
import type { Attachment, Attachments } from './attachments.ts'
import type { Speaker } from './context-for.ts'
import type { createConverse } from './converse.ts'
import type { createHearTouch } from './hear-touch.ts'
import type { Spoken } from './prompt.ts'
import type { Proposals } from './proposals.ts'
import { type Command, readCommand } from './read-command.ts'
import { runCommand } from './run-command.ts'
import type { Stream } from './stream.ts'

export interface HearMessageDeps {
  world: World
  contextFor(speaker: Speaker): OwnerContext
  /** Undefined where there is no brain: commands do everything. */
  converse: ReturnType<typeof createConverse> | undefined
  attachments: Attachments
  /** Words of a voice note; undefined where nothing is configured that listens. */
  transcribe: ((file: string, signal: AbortSignal) => Promise<string>) | undefined
  acted: Acted
  proposals: Proposals
  touches: ReturnType<typeof createHearTouch>
  /** Shows what a brain says while it says it. */
  stream(chat: ChatRow, channel: Channel, event: EventRow): Stream
}

const FILE_SHOWN_MAX = 6_000

export function createHearMessage(deps: HearMessageDeps) {
  const { world, attachments, acted, proposals } = deps

  async function hear(
    chat: ChatRow,
    channel: Channel,
    rows: readonly EventRow[],
    speaker: Speaker,
    who: Who,
    signal: AbortSignal,
  ): Promise<Answer> {
    const row = rows[0]!
    const event = row.data as MessageEvent
    const { files, voice, trouble, isFresh } = await takeFiles(chat, channel, row, event, who, signal)
    const text = [event.text.trim(), ...voice].filter((part) => part !== '').join('\n')
    const context = deps.contextFor({ ...speaker, files })
    const said = (await plainly(chat, event, text, context, who, signal)) ?? {
      out: [],
      note: 'empty',
      ...(text === '' ? isFresh && kept(files) : await think(chat, channel, rows, text, files, who, signal)),
    }
    return trouble.length === 0 ? said : { ...said, out: [{ text: trouble.join('\n') }, ...said.out] }
  }

  /** Without a model. */
  async function plainly(
    chat: ChatRow,
    event: MessageEvent,
    text: string,
    context: OwnerContext,
    who: Who,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    if (event.forwardedFrom !== null) return undefined
    const command = readCommand(text, chat.kind === 'group')
    if (command) return onCommand(chat, command, context, who, signal)
    return deps.touches.reply(chat, event, text, context, who)
  }

  async function onCommand(
    chat: ChatRow,
    command: Command,
    context: OwnerContext,
    who: Who,
    signal: AbortSignal,
  ): Promise<Answer> {
    if (command.do === 'proposal') {
      const text = await proposals.settle(chat, command.number, command.isYes, who, signal)
      return { out: [{ text }], note: 'proposal' }
    }
    const hasBrain = deps.converse !== undefined
    const done = await runCommand(command, context, { ...who, hasBrain, signal, clock: world.clock })
    if (done.acted !== undefined) await acted.record(who, command.do, done.acted)
    return { out: [{ text: done.text, ...(done.file ? { file: done.file } : {}) }], note: command.do }
  }

  async function think(
    chat: ChatRow,
    channel: Channel,
    rows: readonly EventRow[],
    text: string,
    files: readonly Attachment[],
    who: Who,
    signal: AbortSignal,
  ): Promise<Answer> {
    if (!deps.converse) {
      const words = 'There is no model to talk with. `/goal …` gives me a goal, `/help` lists what else I understand.'
      return { out: [{ text: words }], note: 'no brain' }
    }
    const [row] = rows as [EventRow]
    await channel.typing?.({ id: chat.chatId, kind: chat.kind }).catch(() => {})
    const spoken: Spoken[] = await Promise.all(
      rows.map((one, n) => spokenOf(one.data as MessageEvent, who, n === 0 ? text : undefined, n === 0 ? files : [])),
    )
    await using stream = deps.stream(chat, channel, row)
    const reply = await deps.converse(
      { chat, eventId: row.id, person: who.person, by: who.by, spoken, files, since: row.receivedAt },
      signal,
      (partial) => stream.put(partial),
    )
    const asked = await Promise.all(reply.proposals.map((number) => proposals.messageOf(number, channel)))
    return { out: [{ text: reply.text }, ...asked], note: 'answered', isTainted: reply.isTainted }
  }

  /** Files are kept, voice is turned into words where something listens; what could not be done is said. */
  async function takeFiles(
    chat: ChatRow,
    channel: Channel,
    row: EventRow,
    event: MessageEvent,
    { person }: Who,
    signal: AbortSignal,
  ): Promise<{ files: Attachment[]; voice: string[]; trouble: string[]; isFresh: boolean }> {
    const fresh: Attachment[] = []
    const voice: string[] = []
    const trouble: string[] = []
    if (event.files.length > 0 && person.role === 'guest') {
      return { files: [], voice, trouble: ['Files are not taken from guests.'], isFresh: false }
    }
    for (const file of event.files) {
      try {
        if (file.kind === 'voice' && !deps.transcribe) {
          trouble.push('I cannot listen: no program for it is configured (`chat.transcribe`). Please write.')
          continue
        }
        const kept = await attachments.keep(file, { channel, chat, eventId: row.id, person }, signal)
        if (file.kind !== 'voice') fresh.push(kept)
        else voice.push(await deps.transcribe!(kept.file, signal))
      } catch (error) {
        if (!isFault(error)) throw error
        trouble.push(`${error.message}.${error.mayRetry ? ' Please send it again later.' : ''}`)
      }
    }
    const waiting = await attachments.waiting(chat, person)
    const before = waiting.filter(({ id }) => !fresh.some((one) => one.id === id))
    return { files: [...before, ...fresh], voice, trouble, isFresh: fresh.length > 0 }
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
      const content = await attachments.read(file, FILE_SHOWN_MAX)
      enclosed.push({ name: `file ${file.name}`, text: content ?? `(${file.mime}, ${file.bytes} bytes)` })
    }
    return { who: person.name, role: person.role, text: event.forwardedFrom === null ? words : '', enclosed }
  }

  return hear
}

function kept(files: readonly Attachment[]): Answer {
  const names = files.map(({ name }) => name).join(', ')
  return {
    out: [{ text: `Kept ${names}. The next goal that you give here within an hour takes it along.` }],
    note: 'files',
  }
}
