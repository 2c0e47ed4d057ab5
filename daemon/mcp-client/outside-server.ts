/**
 * One MCP server of the owner's: started when it is first needed, started again (later and later) when it has
 * failed, ended when nobody has needed it for a while.
 */
import { backoffMs } from '../../core/backoff.ts'
import { MINUTE, SECOND } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import { clipLine } from '../../core/plain-text.ts'
import type { World } from '../../core/world.ts'

/** A tool as its server describes it now. Nothing of this is trusted. */
export interface ListedTool {
  name: string
  title: string | null
  description: string
  inputSchema: Record<string, unknown>
}

/** A result as it came, its size already within the wire's limit. */
export interface RawResult {
  content: readonly unknown[]
  structuredContent?: unknown
  isError?: boolean | undefined
}

export interface Connection {
  list(signal: AbortSignal): Promise<ListedTool[]>
  call(
    tool: string,
    input: Record<string, unknown>,
    options: { signal: AbortSignal; timeoutMs: number; onProgress?: (done: number, words: string) => void },
  ): Promise<RawResult>
  /** Nothing of it is alive when this resolves. */
  close(): Promise<void>
}

export interface ConnectionHooks {
  /** It ended by itself, or had to be ended. */
  onClosed(why: string): void
  onToolsChanged(): void
}

/** Throws where it cannot be reached; LoginNeeded where the owner has to log in first. */
export type Connect = (hooks: ConnectionHooks, signal: AbortSignal) => Promise<Connection>

export class LoginNeeded extends Error {}

export type ServerState = 'idle' | 'starting' | 'ready' | 'failed' | 'login-needed'

export interface OutsideServer extends AsyncDisposable {
  readonly state: ServerState
  /** Why it is not ready; null where there is nothing to say. */
  readonly words: string | null
  /** Bumped whenever the tools may have changed: a new connection, or the server said so. */
  readonly edition: number
  list(signal: AbortSignal): Promise<ListedTool[]>
  call: Connection['call']
  /** Forgets failures, so that the next call tries at once. */
  retry(): void
}

const CONNECT_MS_MAX = 20 * SECOND
const IDLE_MS = 10 * MINUTE
/** Calls in a row without an answer in time, after which it is ended. */
const TIMEOUTS_MAX = 2
const BACKOFF_MS_MAX = 5 * MINUTE

export function createOutsideServer(deps: {
  name: string
  world: World
  connect: Connect
  connectMsMax?: number
  idleMs?: number
}): OutsideServer {
  const { name, connect, connectMsMax = CONNECT_MS_MAX, idleMs = IDLE_MS } = deps
  const { clock } = deps.world
  const log = deps.world.log.child({ server: name })
  let connection: Connection | undefined
  let opening: Promise<Connection> | undefined
  let idle: Disposable | undefined
  let failures = 0
  let timeouts = 0
  let busy = 0
  let retryAt = 0
  let words: string | null = null
  let needsLogin = false
  let edition = 0
  let isClosed = false
  const closing = new Set<Promise<void>>()

  function open(): Promise<Connection> {
    if (isClosed) return Promise.reject(unavailable('the daemon is stopping'))
    if (connection) return Promise.resolve(connection)
    if (opening) return opening
    const waitMs = retryAt - clock.monotonic()
    if (waitMs > 0) {
      const soon = `it is tried again in ${Math.ceil(waitMs / SECOND)} s`
      return Promise.reject(unavailable(`${words ?? 'it failed'}; ${soon}`))
    }
    opening = begin().finally(() => {
      opening = undefined
    })
    return opening
  }

  async function begin(): Promise<Connection> {
    const over = new AbortController()
    using _limit = clock.after(connectMsMax, () =>
      over.abort(new Error(`it did not answer within ${Math.round(connectMsMax / SECOND)} s`)),
    )
    let mine: Connection | undefined
    try {
      const hooks: ConnectionHooks = {
        onClosed(why) {
          if (mine === undefined || connection !== mine) return
          connection = undefined
          fail(why)
        },
        onToolsChanged: () => void edition++,
      }
      mine = await connect(hooks, over.signal)
      connection = mine
      edition++
      needsLogin = false
      words = null
      timeouts = 0
      log.info('tool server connected')
      return mine
    } catch (error) {
      needsLogin = error instanceof LoginNeeded
      const why = over.signal.aborted ? (over.signal.reason as Error) : error
      fail(why instanceof Error ? why.message : String(why))
      throw unavailable(words!)
    }
  }

  function fail(why: string): void {
    failures++
    words = clipLine(why, 500)
    retryAt = clock.monotonic() + backoffMs(failures, SECOND, BACKOFF_MS_MAX)
    log.warn({ why: words, failures }, 'tool server failed')
  }

  function drop(): void {
    const ending = connection
    connection = undefined
    if (!ending) return
    const closed = ending.close().catch((err) => log.warn({ err }, 'tool server was not ended in order'))
    closing.add(closed)
    void closed.finally(() => closing.delete(closed))
  }

  function unavailable(why: string): Fault {
    return new Fault('tool_server_unavailable', `The tool server ${name} cannot be used: ${why}`, {
      hint: needsLogin ? `The owner logs in with \`claw tools login ${name}\`.` : '`claw tools` says more.',
    })
  }

  async function use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    idle?.[Symbol.dispose]()
    busy++
    try {
      return await work(await open())
    } finally {
      busy--
      if (busy === 0 && connection) idle = clock.after(idleMs, () => busy === 0 && drop())
    }
  }

  return {
    get state() {
      if (connection) return 'ready'
      if (opening) return 'starting'
      if (needsLogin) return 'login-needed'
      return words === null ? 'idle' : 'failed'
    },
    get words() {
      return words
    },
    get edition() {
      return edition
    },
    list: (signal) =>
      use(async (connected) => {
        try {
          return await connected.list(signal)
        } catch (error) {
          if (signal.aborted) throw error
          if (connection === connected) fail(`its tools could not be listed: ${(error as Error).message}`)
          drop()
          throw unavailable(words ?? (error as Error).message)
        }
      }),
    call: (tool, input, options) =>
      use(async (connected) => {
        try {
          const result = await connected.call(tool, input, options)
          failures = 0
          timeouts = 0
          return result
        } catch (error) {
          if (options.signal.aborted) throw error
          if (connection !== connected) throw unavailable(words ?? (error as Error).message)
          if (error instanceof LoginNeeded) {
            needsLogin = true
            fail(error.message)
            drop()
            throw unavailable(words!)
          }
          if (isTimeout(error) && ++timeouts >= TIMEOUTS_MAX) {
            fail(`${timeouts} calls in a row had no answer within ${Math.round(options.timeoutMs / SECOND)} s`)
            drop()
            throw unavailable(words!)
          }
          throw unavailable((error as Error).message)
        }
      }),
    retry() {
      failures = 0
      retryAt = 0
      words = null
      needsLogin = false
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      idle?.[Symbol.dispose]()
      await opening?.catch(() => {})
      drop()
      await Promise.all(closing)
    },
  }
}

function isTimeout(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'REQUEST_TIMEOUT'
}
