import { type ChildProcess, fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { FaultCode } from '../../core/fault.ts'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { Engine } from './engine.ts'
import type { EngineSettings } from './local-engine.ts'

type Method = Exclude<keyof Engine, symbol>
export type Call =
  | { id: number; method: 'open'; args: [EngineSettings] }
  | { id: number; method: 'close'; args: [] }
  | { id: number; method: Method; args: unknown[] }
export type Reply =
  | { id: number; ok: true; value: unknown }
  | {
      id: number
      ok: false
      message: string
      stack: string
      fault: { code: FaultCode; hint: string | undefined } | null
    }
  | { progress: { file: string; done: number; total: number | null } }

export interface ChildEngineDeps {
  world: World
  settings: EngineSettings
  /** With nothing asked for this long the process ends, and its memory with it. */
  idleMs: number
  onProgress?: (file: string, done: number, total: number | null) => void
}

/** How long a call may take before the process is taken to hang: LanceDB has stopped for ever before. */
const LIMIT_MS: Record<Method | 'open' | 'close', number> = {
  open: 60_000,
  close: 30_000,
  put: 300_000,
  remove: 120_000,
  embed: 900_000,
  model: 1_800_000,
  recall: 60_000,
  similar: 60_000,
  count: 60_000,
  countByNote: 120_000,
  notesWithVectors: 120_000,
  wantsMerge: 60_000,
  optimize: 1_800_000,
  clear: 120_000,
}
/** Somebody may be waiting. */
const TIDY_MS = 30_000
/** Reads are asked again of a new process when theirs ended; writes are the caller's to repeat. */
const REPEATABLE = new Set<Method>([
  'recall',
  'similar',
  'count',
  'countByNote',
  'notesWithVectors',
  'model',
  'wantsMerge',
])
/** After these the index keeps what was there before, until it is tidied up. */
const WRITES = new Set<Method>(['put', 'remove', 'embed', 'optimize', 'clear'])

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
  limit: Disposable
}

/** One process and the calls it has not answered. */
interface Session {
  child: ChildProcess
  waiting: Map<number, Waiting>
  ready: Promise<unknown>
  ended: Promise<void>
}

/**
 * The engine in a process of its own, started by the first call and ended when idle.
 *
 * A process that dies or hangs fails the calls it had (`memory_unavailable`); the next call
 * starts another.
 */
export function createChildEngine(deps: ChildEngineDeps): Engine & { readonly pid: number | undefined } {
  const { clock } = deps.world
  const log = deps.world.log.child({ part: 'memory-engine' })
  let session: Session | undefined
  let closing: Promise<void> | undefined
  let nextId = 1
  let busy = 0
  /** Whether old versions may lie around. */
  let isUntidy = false
  let idle: Disposable | undefined
  let disposed = false

  function start(): Session {
    const waiting = new Map<number, Waiting>()
    const file = fileURLToPath(
      new URL(`./engine-main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
    )
    const child = fork(file, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
      // Built from nothing. Two threads at least: with fewer, LanceDB's index build never ends.
      env: { LANCE_CPU_THREADS: String(Math.max(4, availableParallelism())), LANCE_LOG: 'error', TZ: 'UTC' },
    })
    let lastWords = ''
    child.stderr?.on('data', (piece: Buffer) => {
      lastWords = (lastWords + piece.toString('utf8')).slice(-2000)
    })
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    const made: Session = { child, waiting, ready: Promise.resolve(), ended }
    const gone = (why: string) => {
      if (session === made) session = undefined
      for (const call of waiting.values()) {
        call.limit[Symbol.dispose]()
        call.reject(new Fault('memory_unavailable', `the memory's engine ${why}`, { details: { lastWords } }))
      }
      waiting.clear()
      end()
    }
    child.on('error', (error) => gone(`could not be started: ${error.message}`))
    child.on('exit', (code, signal) => {
      if (waiting.size > 0) log.warn({ code, signal, lastWords }, 'memory engine ended at work')
      gone(`ended (${signal ?? code})`)
    })
    child.on('message', (reply: Reply) => {
      if ('progress' in reply) return deps.onProgress?.(reply.progress.file, reply.progress.done, reply.progress.total)
      const call = waiting.get(reply.id)
      if (!call) return
      waiting.delete(reply.id)
      call.limit[Symbol.dispose]()
      if (reply.ok) call.resolve(reply.value)
      else if (reply.fault)
        call.reject(
          new Fault(reply.fault.code, reply.message, reply.fault.hint === undefined ? {} : { hint: reply.fault.hint }),
        )
      else call.reject(Object.assign(new Error(reply.message), { stack: reply.stack }))
    })
    made.ready = ask(made, 'open', [deps.settings])
    made.ready.catch(() => child.kill('SIGKILL'))
    return made
  }

  function ask(
    to: Session,
    method: Method | 'open' | 'close',
    args: readonly unknown[],
    limitMs = LIMIT_MS[method],
  ): Promise<unknown> {
    const id = nextId++
    return new Promise((resolve, reject) => {
      const limit = clock.after(limitMs, () => {
        log.error({ method }, 'memory engine hangs, killed')
        to.child.kill('SIGKILL')
      })
      to.waiting.set(id, { resolve, reject, limit })
      to.child.send({ id, method, args }, (error) => {
        if (error && to.waiting.delete(id)) {
          limit[Symbol.dispose]()
          reject(new Fault('memory_unavailable', "the memory's engine takes no calls", { cause: error }))
        }
      })
    })
  }

  async function call<T>(method: Method, args: readonly unknown[], again = REPEATABLE.has(method)): Promise<T> {
    idle?.[Symbol.dispose]()
    busy++
    isUntidy ||= WRITES.has(method)
    try {
      await closing
      if (disposed) throw new Fault('memory_unavailable', 'the memory is closed')
      session ??= start()
      const used = session
      await used.ready
      return (await ask(used, method, args)) as T
    } catch (error) {
      if (again && !disposed && error instanceof Fault && error.code === 'memory_unavailable') {
        return await call<T>(method, args, false)
      }
      throw error
    } finally {
      busy--
      if (busy === 0 && !disposed) idle = clock.after(deps.idleMs, () => void end({ isIdle: true }))
    }
  }

  /** Lets the process finish and end; calls that come meanwhile wait for the next one, so that it may tidy up. */
  function end({ isIdle = false } = {}): Promise<void> {
    const ending = session
    if (!ending || closing) return closing ?? Promise.resolve()
    session = undefined
    closing = (async () => {
      if (isIdle && isUntidy) {
        isUntidy = false
        await ask(ending, 'optimize', [clock.now(), true], TIDY_MS).catch(() => {})
      }
      await ask(ending, 'close', []).catch(() => {})
      if (ending.child.connected) ending.child.disconnect()
      const limit = clock.after(5_000, () => ending.child.kill('SIGKILL'))
      await ending.ended
      limit[Symbol.dispose]()
      log.debug('memory engine ended, idle')
    })().finally(() => {
      closing = undefined
    })
    return closing
  }

  return {
    get pid() {
      return session?.child.pid
    },
    put: (...args) => call('put', args),
    remove: (...args) => call('remove', args),
    embed: (...args) => call('embed', args),
    model: (...args) => call('model', args),
    recall: (...args) => call('recall', args),
    similar: (...args) => call('similar', args),
    count: (...args) => call('count', args),
    countByNote: (...args) => call('countByNote', args),
    notesWithVectors: (...args) => call('notesWithVectors', args),
    wantsMerge: (...args) => call('wantsMerge', args),
    optimize: (...args) => call('optimize', args),
    clear: (...args) => call('clear', args),
    async [Symbol.asyncDispose]() {
      disposed = true
      idle?.[Symbol.dispose]()
      await end()
      await closing
    },
  }
}
