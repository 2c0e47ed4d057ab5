/**
 * The socket to Slack, opened again for as long as the channel lives.
 *
 * Reconnecting is done here and not by the library, whose own way ends in a rejection that nobody can catch when the
 * network is away. An envelope is acknowledged when what it brought is on the disk; Slack sends what it heard no
 * word about again, at once, after a minute and after five.
 */
import { SocketModeClient } from '@slack/socket-mode'
import { backoffMs } from '../../../core/backoff.ts'
import { MINUTE, SECOND } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import type { World } from '../../../core/world.ts'
import type { Trouble } from '../channel.ts'
import { quietLogger } from './quiet-logger.ts'
import { clientOptions, toFault } from './slack-api.ts'

export interface Envelope {
  type: string
  body: unknown
}

export interface SocketDeps {
  world: World
  appToken: string
  apiRoot: string
  closing: AbortSignal
  /** Resolves when what they brought is on the disk. */
  take(envelopes: readonly Envelope[]): Promise<void>
  /** Each time the connection is there. The signal ends with it. */
  onOpen(signal: AbortSignal): Promise<void>
  onTrouble(trouble: Trouble | undefined): void
}

const HELLO_MS = 30 * SECOND
/** How long the other side may take to say goodbye. */
const GOODBYE_MS = SECOND
/** A connection that is silent for so long is dead; a third of it lies between two pings. */
const PONG_MS = 20 * SECOND
const TOGETHER_MAX = 100

interface Waiting extends Envelope {
  ack(): Promise<void>
}

/** Resolves when `closing` is aborted. */
export async function listenToSlack(deps: SocketDeps): Promise<void> {
  const { world, closing, onTrouble } = deps
  let failures = 0
  let isTroubled = false
  while (!closing.aborted) {
    try {
      await connectOnce(deps, () => {
        failures = 0
        if (isTroubled) onTrouble(undefined)
        isTroubled = false
      })
      // Slack ends connections every few hours; the next one is opened at once.
      if (failures === 0) continue
    } catch (error) {
      if (closing.aborted) return
      failures++
      const fault = toFault(error, world.clock.now())
      // One lost connection is none of the owner's concern.
      if (failures > 1 || !isMinor(fault)) {
        isTroubled = true
        onTrouble({ words: wordsOf(fault), mayPass: !(fault instanceof Fault) || fault.mayRetry })
      }
      const retryAt = fault instanceof Fault ? Number(fault.details['retryAt'] ?? 0) - world.clock.now() : 0
      await world.clock.sleep(Math.max(backoffMs(failures, 300, MINUTE), retryAt), closing).catch(() => {})
    }
  }
}

async function connectOnce(deps: SocketDeps, onHello: () => void): Promise<void> {
  const { world, closing } = deps
  const log = world.log
  const client = new SocketModeClient({
    appToken: deps.appToken,
    autoReconnectEnabled: false,
    clientPingTimeout: PONG_MS,
    logger: quietLogger,
    clientOptions: clientOptions(deps.apiRoot, closing),
  })
  const over = new AbortController()
  const ended = Promise.withResolvers<void>()
  let lastError: unknown
  client.on('error', (error) => {
    lastError = error
  })
  client.on('disconnected', () => ended.resolve())
  const waiting: Waiting[] = []
  let taking: Promise<void> | undefined
  client.on('slack_event', ({ type, body, ack }: Waiting) => {
    waiting.push({ type, body, ack: () => ack() })
    taking ??= takeAll().finally(() => {
      taking = undefined
    })
  })

  async function takeAll(): Promise<void> {
    while (waiting.length > 0 && !over.signal.aborted) {
      const batch = waiting.splice(0, TOGETHER_MAX)
      try {
        await deps.take(batch)
        // Where the connection is gone, they come again and are known.
        for (const { ack } of batch) await ack().catch(() => {})
      } catch (error) {
        log.warn({ err: error }, 'what came was not taken')
      }
    }
  }

  const leave = () => void disconnect(client, world)
  closing.addEventListener('abort', leave, { once: true })
  using _hello = world.clock.after(HELLO_MS, () => {
    lastError ??= new Fault('channel_unavailable', `Slack did not say hello within ${HELLO_MS / SECOND} s`)
    leave()
  })
  try {
    await client.start().catch((error: unknown) => {
      throw error ?? lastError ?? new Fault('channel_unavailable', 'the connection to Slack was refused')
    })
    _hello[Symbol.dispose]()
    closing.throwIfAborted()
    onHello()
    const opened = deps
      .onOpen(over.signal)
      .catch((error: unknown) => over.signal.aborted || log.warn({ err: error }, 'what was missed was not read'))
    await ended.promise
    over.abort(new Error('the connection is over'))
    await opened
    await taking
  } finally {
    over.abort(new Error('the connection is over'))
    closing.removeEventListener('abort', leave)
    await disconnect(client, world)
  }
}

/** The library waits half a minute for a goodbye; told twice, it goes. */
async function disconnect(client: SocketModeClient, world: World): Promise<void> {
  const gone = client.disconnect().catch(() => {})
  const again = world.clock.after(GOODBYE_MS, () => void client.disconnect().catch(() => {}))
  await gone
  again[Symbol.dispose]()
}

function isMinor(error: unknown): boolean {
  return !(error instanceof Fault) || (error.code === 'channel_unavailable' && error.details['sent'] !== false)
}

function wordsOf(error: unknown): string {
  return error instanceof Fault ? error.message : 'the connection to Slack broke'
}
