import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChannelConfig, ChatConfig } from '../../config/channels.ts'
import { MINUTE } from '../../core/clock.ts'
import type { StoredEvent } from '../../core/events.ts'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { OwnerContext } from '../../tools/context.ts'
import type { Brain } from '../brain/brain.ts'
import { type Channels, createChannels } from '../channels/channels.ts'
import { createDeliver, DELIVER } from '../channels/deliver.ts'
import { CHAT } from '../channels/receive.ts'
import { createTerminalChannel, TERMINAL, TERMINAL_CHAT, type TerminalChannel } from '../channels/terminal-channel.ts'
import { createPeople, type People } from '../people/people.ts'
import { runCommand } from '../processes/run-command.ts'
import { listWaitingChats, takeChat } from '../store/chat-rows.ts'
import type { Queue } from '../store/queue.ts'
import type { Store } from '../store/store.ts'
import { writeDurably } from '../worktrees/durable-file.ts'
import { type Attachments, createAttachments } from './attachments.ts'
import { createContextFor } from './context-for.ts'
import { createConverse } from './converse.ts'
import { createHandle } from './handle.ts'
import { createHerald } from './herald.ts'
import { createStreams, type Stream } from './stream.ts'
import { createSummaries } from './summarize.ts'

export interface ChatDeps {
  store: Store
  queue: Queue
  world: World
  config: { channels: Readonly<Record<string, ChannelConfig>>; chat: ChatConfig }
  owner: OwnerContext
  /** Undefined: commands do everything. */
  brain: Brain | undefined
  readSecret(reference: string): string | undefined
  attachmentsDir: string
  timezone: string
  /** Of the owner's environment, for the program that listens to voice notes. */
  path: string
  ownerHome: string
}

export interface Partial {
  eventId: number
  text: string
}

export interface ChatParts extends AsyncDisposable {
  channels: Channels
  people: People
  attachments: Attachments
  terminal: TerminalChannel
  /** Our row of the conversation at this machine. */
  terminalChat(): Promise<string>
  /** What a brain says, while it says it. */
  onPartial(listener: (partial: Partial) => void): Disposable
  isTold(event: StoredEvent): Promise<boolean>
  start(): Promise<void>
}

/** Chats that are answered, and that are written to, at the same time. */
const CHATS_AT_ONCE = 8
const DELIVERIES_AT_ONCE = 16
const TRANSCRIBE_MS = 5 * MINUTE
const TRANSCRIPT_BYTES_MAX = 200_000

/** Channels, people and conversation put together. */
export function createChat(deps: ChatDeps): ChatParts {
  const { store, queue, world, config } = deps
  const people = createPeople({ store, world })
  const channels = createChannels({
    store,
    queue,
    world,
    config: config.channels,
    readSecret: deps.readSecret,
    onReady: () => herald.onChannelReady(),
  })
  const attachments = createAttachments({
    store,
    world,
    dir: deps.attachmentsDir,
    fileMaxBytes: config.chat.fileMaxMb * 1024 * 1024,
  })
  const incoming = join(deps.attachmentsDir, 'incoming')
  const terminal = createTerminalChannel({
    world,
    async keepFile({ data }) {
      const ref = createHash('sha256').update(data).digest('hex')
      await mkdir(incoming, { recursive: true, mode: 0o700 })
      await writeDurably(join(incoming, ref), data)
      return ref
    },
    readFile: (ref) => readFile(join(incoming, ref)).catch(() => undefined),
  })
  const contextFor = createContextFor({ store, world, owner: deps.owner, config: config.chat, attachments })
  const listeners = new Set<(partial: Partial) => void>()
  const prompt = (name: string) => readFileSync(new URL(`./prompts/${name}.md`, import.meta.url), 'utf8')
  const { transcribe, turnsMax } = config.chat
  const streams = createStreams({ store, queue, world })
  let terminalId: string | undefined

  /** Whoever looks on at this machine gets every piece at once; nothing of it is a row. */
  function streamHere(eventId: number): Stream {
    return {
      put(text) {
        for (const listener of listeners) listener({ eventId, text })
      },
      async [Symbol.asyncDispose]() {},
    }
  }

  const handle = createHandle({
    store,
    queue,
    world,
    people,
    channel: (name) => channels.find(name),
    contextFor,
    converse:
      deps.brain &&
      createConverse({
        store,
        world,
        brain: deps.brain,
        contextFor,
        template: prompt('converse'),
        earlier: createSummaries({ ...deps, brain: deps.brain, template: prompt('summarize-chat'), turnsMax }),
        stepsMax: config.chat.stepsMax,
        turnsMax,
      }),
    attachments,
    transcribe: transcribe.length === 0 ? undefined : (file, signal) => listenTo(transcribe, file, signal),
    stream: (chat, channel, event) => (channel === terminal ? streamHere(event.id) : streams(chat, channel, event)),
  })
  queue.define(CHAT, ({ key }, signal) => handle(key, signal), { parallelMax: CHATS_AT_ONCE })
  const deliver = createDeliver({ store, queue, world, channel: (name) => channels.find(name) })
  queue.define(DELIVER, ({ key }, signal) => deliver(key, signal), { parallelMax: DELIVERIES_AT_ONCE })
  const herald = createHerald({
    store,
    queue,
    world,
    config: config.chat,
    timezone: deps.timezone,
    channel: (name) => channels.find(name),
    isKnown: (name) => channels.list().some((channel) => channel.name === name),
    pause: (goal, by) => deps.owner.goals.pause(goal, by),
  })

  async function listenTo(command: readonly string[], file: string, signal: AbortSignal): Promise<string> {
    const argv = command.map((part) => part.replaceAll('{file}', file)) as [string, ...string[]]
    const chunks: Buffer[] = []
    const end = await runCommand(
      { clock: world.clock },
      {
        argv,
        cwd: deps.attachmentsDir,
        env: { PATH: deps.path, HOME: deps.ownerHome },
        runId: `transcribe-${randomUUID()}`,
        timeoutMs: TRANSCRIBE_MS,
        outputBytesMax: TRANSCRIPT_BYTES_MAX,
        signal,
        onOutput: (chunk) => void chunks.push(chunk),
      },
    )
    if (end.aborted) throw signal.reason
    if (end.exitCode === 0) return Buffer.concat(chunks).toString('utf8').trim()
    throw new Fault(
      'command_failed',
      `the program that listens to voice notes ended with ${end.exitCode ?? end.signal}: ${end.tail.slice(-200)}`,
    )
  }

  async function terminalChat(): Promise<string> {
    terminalId ??= (await store.transaction((tx) => takeChat(tx, world.clock.now(), TERMINAL, TERMINAL_CHAT))).id
    return terminalId
  }

  return {
    channels,
    people,
    attachments,
    terminal,
    terminalChat,
    onPartial(listener) {
      listeners.add(listener)
      return { [Symbol.dispose]: () => void listeners.delete(listener) }
    },
    isTold: (event) => herald.isTold(event),
    async start() {
      await people.ensureLocal(await terminalChat())
      await channels.addLocal(terminal)
      channels.start()
      await herald.start()
      const waiting = await listWaitingChats(store.db)
      if (waiting.length > 0) {
        await store.transaction(async (tx) => {
          for (const chat of waiting) await queue.send(tx, CHAT, chat)
        })
      }
    },
    async [Symbol.asyncDispose]() {
      await herald[Symbol.asyncDispose]()
      await channels[Symbol.asyncDispose]()
      listeners.clear()
    },
  }
}
