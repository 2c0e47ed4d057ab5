/**
 * The channels that are open: opened at the start, added and removed while the daemon works.
 *
 * One that cannot be opened or loses its connection harms nobody else: its trouble is shown, it is tried again with
 * growing pauses, and what should go out over it waits in its rows.
 */
import { z } from 'zod'
import { ChannelConfig } from '../../config/channels.ts'
import { backoffMs } from '../../core/backoff.ts'
import { explainIssues } from '../../core/explain.ts'
import { Fault, isFault, nearest } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import { readChannelMemory, writeChannelMemory } from '../store/chat-rows.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Channel, ChannelDeps, Checked, Trouble } from './channel.ts'
import { DELIVER } from './deliver.ts'
import { CHANNEL_KINDS, kindNamed } from './kinds.ts'
import { CHAT, createReceive } from './receive.ts'

export interface ChannelState {
  name: string
  kind: string
  /** ready, opening, or troubled. */
  state: 'ready' | 'opening' | 'troubled'
  /** Who we are there, or what is wrong. */
  words: string
}

export interface Channels extends AsyncDisposable {
  /** Open ones only. */
  find(name: string): Channel | undefined
  list(): ChannelState[]
  /** The same without a network: one that is there without configuration, the terminal's. */
  addLocal(channel: Channel): Promise<void>
  /** Opens it, asks the other side, closes it. Nothing is kept. */
  check(
    name: string,
    config: unknown,
    secrets?: Readonly<Record<string, string>>,
  ): Promise<{ config: ChannelConfig; checked: Checked }>
  /** From now on; its configuration is somebody else's to write. */
  open(name: string, config: ChannelConfig): Promise<void>
  close(name: string): Promise<void>
  /** Asks the other side again. Throws channel_not_found. */
  test(name: string): Promise<Checked>
  /** Opens all that are configured, without waiting for any. */
  start(): void
}

export interface ChannelsDeps {
  store: Store
  queue: Queue
  world: World
  config: Readonly<Record<string, ChannelConfig>>
  /** A secret by its reference: `env:…`, `file:…`. */
  readSecret(reference: string): string | undefined
  /** A channel is there from now on; what it can do is known. */
  onReady?(name: string): void
}

const CHECK_MS = 30_000

interface Slot {
  name: string
  kind: string
  channel: Channel | undefined
  state: ChannelState['state']
  words: string
  closing: AbortController
  opening: Promise<void>
}

export function createChannels(deps: ChannelsDeps): Channels {
  const { store, queue, world } = deps
  const log = world.log.child({ part: 'channels' })
  const slots = new Map<string, Slot>()

  function depsFor(name: string, secrets?: Readonly<Record<string, string>>): ChannelDeps {
    return {
      name,
      world: { clock: world.clock, log: world.log.child({ channel: name }) },
      secret(reference) {
        const given = secrets?.[reference] ?? deps.readSecret(reference)
        if (given) return given
        throw new Fault('config_invalid', `channels.${name}: there is nothing at ${reference}`, {
          hint: 'Put the key there, or run `claw channel add` again.',
        })
      },
      memory: {
        get: (key) => readChannelMemory(store.db, name, key),
        set: (key, value) => writeChannelMemory(store.db, name, key, value),
      },
    }
  }

  async function run(slot: Slot, open: () => Promise<Channel>): Promise<void> {
    for (let failures = 1; !slot.closing.signal.aborted; failures++) {
      let channel: Channel | undefined
      try {
        channel = await open()
        const { account } = await withTimeout((signal) => channel!.check(signal), slot.closing.signal)
        await channel.start(createReceive({ store, queue, world }, slot.name), (trouble) =>
          onTrouble(slot, account, trouble),
        )
        slot.channel = channel
        if (slot.state !== 'troubled') setState(slot, 'ready', account)
        await wake(slot.name)
        deps.onReady?.(slot.name)
        return
      } catch (error) {
        await Promise.resolve(channel?.[Symbol.asyncDispose]()).catch(() => {})
        if (slot.closing.signal.aborted) return
        const words = isFault(error) ? error.message : `internal error: ${String(error)}`
        if (!isFault(error)) log.error({ err: error, channel: slot.name }, 'bug in a channel')
        setState(slot, 'troubled', words)
        await world.clock.sleep(backoffMs(failures), slot.closing.signal).catch(() => {})
      }
    }
  }

  function onTrouble(slot: Slot, account: string, trouble: Trouble | undefined): void {
    if (trouble) setState(slot, 'troubled', trouble.words)
    else setState(slot, 'ready', account)
  }

  function setState(slot: Slot, state: ChannelState['state'], words: string): void {
    const before = slot.state
    slot.state = state
    slot.words = words
    if (before === state || (state === 'ready' && before === 'opening')) return
    log.info({ channel: slot.name, state, words }, 'channel changed')
    void store
      .transaction((tx) =>
        addEvent(
          tx,
          world.clock.now(),
          state === 'ready'
            ? { type: 'channel.recovered', data: { channel: slot.name } }
            : { type: 'channel.troubled', data: { channel: slot.name, words } },
        ),
      )
      .catch((error) => log.error({ err: error }, 'trouble of a channel was not written'))
  }

  /** What waited for this channel is taken up. */
  async function wake(name: string): Promise<void> {
    await store.transaction(async (tx) => {
      const chats = await tx.selectFrom('chat').select('id').where('channel', '=', name).execute()
      for (const { id } of chats) {
        const due = await tx
          .selectFrom('chat_out')
          .select('id')
          .where('chatId', '=', id)
          .where('state', 'in', ['due', 'sending'])
          .limit(1)
          .executeTakeFirst()
        if (due) await queue.send(tx, DELIVER, id)
        const fresh = await tx
          .selectFrom('chat_event')
          .select('id')
          .where('chatId', '=', id)
          .where('state', '=', 'new')
          .limit(1)
          .executeTakeFirst()
        if (fresh) await queue.send(tx, CHAT, id)
      }
    })
  }

  function begin(name: string, kind: string, open: () => Promise<Channel>): Slot {
    const slot: Slot = {
      name,
      kind,
      channel: undefined,
      state: 'opening',
      words: 'connecting',
      closing: new AbortController(),
      opening: Promise.resolve(),
    }
    slots.set(name, slot)
    slot.opening = run(slot, open)
    return slot
  }

  async function end(slot: Slot): Promise<void> {
    slots.delete(slot.name)
    slot.closing.abort(new Error('the channel is closed'))
    await slot.opening
    await slot.channel?.[Symbol.asyncDispose]()
  }

  function withTimeout<T>(work: (signal: AbortSignal) => Promise<T>, also?: AbortSignal): Promise<T> {
    const limit = new AbortController()
    const timer = world.clock.after(CHECK_MS, () =>
      limit.abort(new Fault('channel_unavailable', `no answer within ${CHECK_MS / 1000} s`)),
    )
    return work(also ? AbortSignal.any([limit.signal, also]) : limit.signal).finally(() => timer[Symbol.dispose]())
  }

  function slotNamed(name: string): Slot {
    const slot = slots.get(name)
    if (slot) return slot
    const near = nearest(name, [...slots.keys()])
    throw new Fault('channel_not_found', `there is no channel ${name}`, {
      hint: near ? `Did you mean ${near}?` : '`claw channel list` shows them.',
    })
  }

  return {
    find: (name) => slots.get(name)?.channel,
    list: () => [...slots.values()].map(({ name, kind, state, words }) => ({ name, kind, state, words })),
    async addLocal(channel) {
      const slot = begin(channel.name, channel.kind, async () => channel)
      await slot.opening
    },
    async check(name, given, secrets) {
      const config = readChannel(given)
      const opened = await kindNamed(config.kind).open(config, depsFor(name, secrets))
      await using channel = opened
      return { config, checked: await withTimeout((signal) => channel.check(signal)) }
    },
    async open(name, config) {
      const before = slots.get(name)
      if (before) await end(before)
      await begin(name, config.kind, () => kindNamed(config.kind).open(config, depsFor(name))).opening
    },
    async close(name) {
      await end(slotNamed(name))
    },
    async test(name) {
      const { channel, words } = slotNamed(name)
      if (!channel) throw new Fault('channel_unavailable', `${name} is not open: ${words}`)
      return withTimeout((signal) => channel.check(signal))
    },
    start() {
      for (const [name, config] of Object.entries(deps.config)) {
        begin(name, config.kind, () => kindNamed(config.kind).open(config, depsFor(name)))
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...slots.values()].map(end))
    },
  }
}

/** Throws input_invalid that names the key. */
function readChannel(given: unknown): ChannelConfig {
  const kind = z.object({ kind: z.string() }).safeParse(given)
  if (!kind.success)
    throw new Fault('input_invalid', `a channel needs a kind: ${CHANNEL_KINDS.map((one) => one.kind).join(', ')}`)
  kindNamed(kind.data.kind)
  const read = ChannelConfig.safeParse(given)
  if (read.success) return read.data
  const [first] = explainIssues(ChannelConfig, given, read.error)
  throw new Fault('input_invalid', first?.words ?? 'the channel is not described right')
}
