/**
 * Finding the daemon, and starting it when there is none.
 *
 * daemon.json may outlive its daemon. It counts only while its process is alive, and a request that finds
 * nobody there counts as no daemon too.
 */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DaemonFile, EXIT_FINAL, findDaemonFile } from '../config/daemon-file.ts'
import type { Paths } from '../config/paths.ts'
import { Fault, isFault } from '../core/fault.ts'
import { type Client, createClient, type Locate, request, START_HINT } from './client.ts'
import { daemonArguments } from './daemon-program.ts'
import type { Surface } from './surface.ts'

/** From the first sign of life to ready, on a slow and busy machine. */
const START_MAX_MS = 60_000
/** Another `claw` may have been first: its daemon is given so long to show up once ours has gone. */
const OTHER_MAX_MS = 10_000
const POLL_MS = 50

/** The daemon that daemon.json names, if its process is alive. */
export function findLiving(paths: Paths): DaemonFile | undefined {
  const file = findDaemonFile(paths.daemonFile)
  return file && isAlive(file.pid) ? file : undefined
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return !isZombie(pid)
}

/** It has ended and nobody asked how. In a container whose first process asks after nobody's end this lasts for ever. */
function isZombie(pid: number): boolean {
  try {
    return /\) Z [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

/** Asked at each request. */
export function locateIn(paths: Paths): Locate {
  return () => {
    const living = findLiving(paths)
    if (!living) throw new Fault('daemon_down', 'The daemon is not running', { hint: START_HINT })
    return living
  }
}

/** Whether the daemon that daemon.json names really is one. */
export async function answers(paths: Paths): Promise<DaemonFile | undefined> {
  const living = findLiving(paths)
  if (!living) return undefined
  try {
    const response = await request(() => living, '/healthz', { signal: AbortSignal.timeout(5_000) })
    const { claw, pid } = (await response.json()) as { claw?: boolean; pid?: number }
    return claw === true && pid === living.pid ? living : undefined
  } catch {
    return undefined
  }
}

/** A client of the running daemon; with `start`, of one that is started for it when none runs. */
export async function connect(surface: Surface, { start }: { start: boolean }): Promise<Client> {
  const locate = locateIn(surface.paths)
  if (start && !(await answers(surface.paths))) await startDaemon(surface)
  return createClient(locate, surface.signal)
}

/** Starts the daemon on its own and waits until it answers. Throws daemon_down with its last words. */
export async function startDaemon(surface: Surface): Promise<DaemonFile> {
  const { paths } = surface
  // Said here, where somebody reads it; what the daemon then still refuses is another one's home.
  const { loadConfig } = await import('../config/load.ts')
  loadConfig(paths.configFile, surface.env)
  surface.say(surface.paintErr('gray', `starting the daemon (${paths.home})`))
  mkdirSync(paths.home, { recursive: true, mode: 0o700 })
  mkdirSync(paths.logsDir, { recursive: true, mode: 0o700 })
  // Where a supervisor has the daemon in its hands, it starts it; never a second one beside it.
  const { findService, runCommands } = await import('./service/find-service.ts')
  const service = findService(surface)
  if (service) {
    await runCommands(service.start, surface.env)
    return waitForAnswer(surface)
  }
  const outFile = join(paths.logsDir, 'daemon.out')
  const out = openSync(outFile, 'w', 0o600)
  const child = spawn(process.execPath, [...daemonArguments(), '--detached'], {
    cwd: paths.home,
    env: surface.env,
    detached: true,
    stdio: ['ignore', out, out],
  })
  closeSync(out)
  let exited: number | undefined
  child.once('error', () => {
    exited = 1
  })
  child.once('exit', (code) => {
    exited = code ?? 1
  })
  child.unref()

  let deadline = surface.now() + START_MAX_MS
  let isLast = false
  while (surface.now() < deadline) {
    const ready = await answers(paths)
    if (ready) return ready
    if (exited !== undefined && !isLast) {
      if (exited !== EXIT_FINAL) break
      deadline = surface.now() + OTHER_MAX_MS
      isLast = true
    }
    await sleep(POLL_MS, undefined, { signal: surface.signal }).catch(() => surface.signal.throwIfAborted())
  }
  const words = lastWords(outFile)
  const why = exited === undefined ? `did not answer within ${START_MAX_MS / 1000} s` : 'ended at once'
  throw new Fault('daemon_down', `The daemon ${why}${words === '' ? '' : `: ${words}`}`, { hint: `See ${outFile}` })
}

/** For a daemon that somebody else starts. */
export async function waitForAnswer(surface: Surface): Promise<DaemonFile> {
  const deadline = surface.now() + START_MAX_MS
  for (;;) {
    const ready = await answers(surface.paths)
    if (ready) return ready
    if (surface.now() >= deadline) {
      throw new Fault('daemon_down', `The daemon did not answer within ${START_MAX_MS / 1000} s`, {
        hint: 'See: claw daemon logs',
      })
    }
    await sleep(POLL_MS, undefined, { signal: surface.signal }).catch(() => surface.signal.throwIfAborted())
  }
}

/** Waits until the process is gone; answers whether it is. */
export async function waitUntilGone(surface: Surface, pid: number, withinMs: number): Promise<boolean> {
  const deadline = surface.now() + withinMs
  while (isAlive(pid)) {
    if (surface.now() >= deadline) return false
    await sleep(POLL_MS, undefined, { signal: surface.signal }).catch(() => surface.signal.throwIfAborted())
  }
  return true
}

function lastWords(file: string): string {
  try {
    return lastWordsOf(readFileSync(file, 'utf8'))
  } catch {
    return ''
  }
}

/** Why a program ended, by what it said last. What Node says of an error it was ended by stands above its stack. */
export function lastWordsOf(output: string): string {
  const lines = output.trim().split('\n')
  const last = lines.at(-1) ?? ''
  const words = /^Node\.js v\d/.test(last) ? (lines.findLast((line) => /^\w*Error\b/.test(line)) ?? last) : last
  return words.slice(0, 500)
}

export function isDown(error: unknown): boolean {
  return isFault(error, 'daemon_down')
}
