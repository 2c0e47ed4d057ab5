import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { Fault } from '../../core/fault.ts'
import type { ProcessTable } from './process-table.ts'
import { type OwnedIdentity, ownedEnvironment } from './stop-owned.ts'

/**
 * A program in a process group of its own that does not run yet.
 *
 * What exists is a tiny launcher with the final pid, start time and environment. It becomes the
 * program (same pid) on `release()`, and ends if the daemon dies first: so a program whose pid
 * was never stored has never done anything.
 */
export interface OwnedProcess extends OwnedIdentity {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  release(): void
  /** Lets the launcher end without ever becoming the program, as it does when the daemon dies. */
  abandon(): void
  /** Its end; 127 where the program was not found. Never rejects. */
  readonly ended: Promise<ProcessEnd>
}

export interface ProcessEnd {
  exitCode: number | null
  signal: NodeJS.Signals | null
}

export interface StartOptions {
  argv: readonly [string, ...string[]]
  cwd: string
  /** The whole environment; CLAW_RUN_ID is added. */
  env: Readonly<Record<string, string>>
  runId: string
}

const GO_FD = 3
/** `read` fails when the other end is closed without a word. */
const LAUNCHER = `read -r go <&${GO_FD} && [ "$go" = go ] && exec "$@" ${GO_FD}<&-`

/** Faults: agent_unavailable where nothing can be started at all. */
export async function startOwned(deps: { table: ProcessTable }, options: StartOptions): Promise<OwnedProcess> {
  const child = spawn('/bin/sh', ['-c', LAUNCHER, 'claw-launcher', ...options.argv], {
    cwd: options.cwd,
    env: ownedEnvironment(options.env, options.runId),
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  }) as ChildProcessWithoutNullStreams
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }))
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (cause) =>
      reject(new Fault('agent_unavailable', `Cannot start a program in ${options.cwd}: ${cause.message}`, { cause })),
    )
  })
  child.on('error', () => {}) // what matters from here on is its exit
  const go = child.stdio[GO_FD] as unknown as Writable
  for (const stream of [child.stdin, child.stdout, child.stderr, go]) stream.on('error', () => {})
  const pid = child.pid!
  const pidStart = (await deps.table.find(pid))?.start
  if (pidStart === undefined) {
    const { exitCode, signal } = await ended
    throw new Fault('agent_unavailable', `The launcher ended at once (${signal ?? `exit ${exitCode}`})`)
  }
  return {
    pid,
    pidStart,
    runId: options.runId,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    release: () => void go.end('go\n'),
    abandon: () => void go.end(),
    ended,
  }
}
