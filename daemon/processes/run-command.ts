import { spawn } from 'node:child_process'
import type { Clock } from '../../core/clock.ts'
import { Fault, isFault } from '../../core/fault.ts'
import { overrun } from './containment.ts'
import { createProcessTable, type ProcessTable } from './process-table.ts'
import { ownedEnvironment, stopOwned } from './stop-owned.ts'

export interface CommandOptions {
  argv: readonly [string, ...string[]]
  cwd: string
  /** The whole environment; nothing is inherited. */
  env: Readonly<Record<string, string>>
  /** Unique to this command, or `<run id>/<something>`: whatever carries it is dead when the command has ended. */
  runId: string
  timeoutMs: number
  /** `onOutput` sees this much from the start; what comes after is only kept in the tail. */
  outputBytesMax: number
  /** More output than this ends the command. */
  outputBytesEnd?: number
  /** Ends the command when aborted; the answer then says `aborted`, or `overrun` where that is the reason: at once, then. */
  signal?: AbortSignal | undefined
  /** stdout and stderr as written, in order. A returned promise holds the command back until it resolves. */
  onOutput?(chunk: Buffer): void | Promise<void>
  /** Fed to its standard input; without it there is none. */
  input?: string
  /** Between TERM and KILL when it is ended early. */
  graceMs?: number
}

export interface CommandEnd {
  /** Null when a signal ended it. */
  exitCode: number | null
  signal: NodeJS.Signals | null
  timedOut: boolean
  aborted: boolean
  /** It was ended for what it used up: words for people. */
  overrun: string | null
  durationMs: number
  /** There was more output than `outputBytesMax`. */
  truncated: boolean
  outputBytes: number
  /** The end of the output, whatever the limit; undecodable bytes are replaced. */
  tail: string
}

const GRACE_MS = 1_000
const TAIL_BYTES_MAX = 16 * 1024
/** How long the pipe may stay open after all known processes of the command are dead. */
const DRAIN_MS = 2_000

/**
 * Runs a command to its end. Everything it started is dead when this returns, also children
 * that outlived it, left its group or started a session of their own.
 *
 * An exit code is an answer, not a fault. Faults: command_missing (the folder is not there or
 * the system refuses to start anything). A program that is not found exits 127 with the shell's words.
 */
export async function runCommand(
  deps: { clock: Clock; table?: ProcessTable },
  options: CommandOptions,
): Promise<CommandEnd> {
  const { clock, table = createProcessTable() } = deps
  const startedAt = clock.monotonic()
  // One pipe for both streams keeps an error beside the line it belongs to.
  const child = spawn('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', ...options.argv], {
    cwd: options.cwd,
    env: ownedEnvironment(options.env, options.runId),
    detached: true,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'ignore'],
  })
  const spawned = new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (cause) =>
      reject(
        new Fault('command_missing', `Cannot start ${options.argv[0]} in ${options.cwd}: ${cause.message}`, { cause }),
      ),
    )
  })
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  const early = Promise.withResolvers<'early'>()
  let overran: Fault | undefined
  const onFlood = () => {
    overran ??= overrun(`more than ${Math.round((options.outputBytesEnd ?? 0) / 1024 / 1024)} MB of output`)
    early.resolve('early')
  }
  const output = collect(child.stdout!, options, onFlood)
  await spawned
  child.on('error', () => {}) // a late error of the handle changes nothing: the exit is what counts
  child.stdin?.on('error', () => {}) // it may end without reading its input
  child.stdin?.end(options.input)
  const pid = child.pid!
  const pidStart = (await table.find(pid))?.start ?? ''
  const stop = (graceMs: number) => stopOwned({ clock, table }, { pid, pidStart, runId: options.runId }, { graceMs })

  let endedEarly: 'timeout' | 'abort' | undefined
  const endEarly = (why: 'timeout' | 'abort') => {
    endedEarly ??= why
    early.resolve('early')
  }
  using _timer = clock.after(options.timeoutMs, () => endEarly('timeout'))
  const onAbort = () => {
    const reason: unknown = options.signal?.reason
    if (isFault(reason, 'run_overrun')) overran ??= reason
    else return endEarly('abort')
    early.resolve('early')
  }
  if (options.signal?.aborted) onAbort()
  options.signal?.addEventListener('abort', onAbort, { once: true })

  const first = await Promise.race([exited, early.promise])
  options.signal?.removeEventListener('abort', onAbort)
  const durationMs = clock.monotonic() - startedAt
  const left = await stop(first === 'early' && !overran ? (options.graceMs ?? GRACE_MS) : 0)
  if (left.length > 0) {
    const pids = left.map((entry) => `${entry.pid} (${entry.name})`).join(', ')
    throw new Fault('command_timeout', `${options.argv[0]} cannot be ended; still alive: ${pids}`)
  }
  const end = await exited
  {
    // Normally closed by now; held open only by somebody who was handed the pipe and is not ours.
    using _drain = clock.after(DRAIN_MS, () => child.stdout!.destroy())
    await output.ended
  }
  return {
    exitCode: end.code,
    signal: end.signal,
    timedOut: endedEarly === 'timeout',
    aborted: endedEarly === 'abort',
    overrun: overran?.message ?? null,
    durationMs,
    truncated: output.bytes() > options.outputBytesMax,
    outputBytes: output.bytes(),
    tail: output.tail(),
  }
}

/** Passes the start of a stream on and remembers its end; memory stays bounded whatever comes. */
function collect(stream: NodeJS.ReadableStream, options: CommandOptions, onFlood: () => void) {
  let bytes = 0
  let tail: Buffer = Buffer.alloc(0)
  const ended = (async () => {
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        const room = options.outputBytesMax - bytes
        bytes += chunk.length
        if (bytes > (options.outputBytesEnd ?? Number.POSITIVE_INFINITY)) onFlood()
        tail = Buffer.concat([tail, chunk]).subarray(-TAIL_BYTES_MAX)
        if (room > 0) await options.onOutput?.(room < chunk.length ? chunk.subarray(0, room) : chunk)
      }
    } catch (error) {
      // Closed under us after the end: what was read stands. An error of the sink is the caller's.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    }
  })()
  ended.catch(() => {}) // looked at when the command has ended
  return { ended, bytes: () => bytes, tail: () => tail.toString('utf8') }
}
