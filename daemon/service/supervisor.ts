/**
 * What systemd hands a service and wants to hear from it: a socket that it keeps across restarts, credentials,
 * "ready", and a sign of life. Without systemd nothing here does anything.
 *
 * Node has no datagram socket of the kind that the messages go over, so `systemd-notify` carries them.
 */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { SECOND } from '../../core/clock.ts'
import type { World } from '../../core/world.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The first descriptor that a service is handed (sd_listen_fds(3)). */
const FIRST_FD = 3
const NOTIFY_MS_MAX = 10 * SECOND
/** Of the watchdog's time; one sign may be lost without harm. */
const PULSE_SHARE = 3

/** The descriptor that is listened on already; undefined where there is none for this very process. */
export function findListener(env: Environment, pid: number): number | undefined {
  return env['LISTEN_PID'] === String(pid) && Number(env['LISTEN_FDS']) >= 1 ? FIRST_FD : undefined
}

/** The environment with the credentials under their names, where the environment itself does not say otherwise. */
export function withCredentials(env: Environment): Environment {
  const folder = env['CREDENTIALS_DIRECTORY']
  if (!folder) return env
  const found: Record<string, string> = {}
  for (const name of readdirSync(folder)) {
    if (/^[A-Z][A-Z0-9_]*$/.test(name)) found[name] = readFileSync(join(folder, name), 'utf8').trim()
  }
  return { ...found, ...env }
}

export interface Supervisor extends Disposable {
  /** Requests are answered from now on. */
  ready(status: string): Promise<void>
  reloading(): Promise<void>
  stopping(): Promise<void>
}

/** @param isWell asked before each sign of life; when it fails or does not come back, systemd starts us again */
export function createSupervisor(deps: {
  env: Environment
  pid: number
  world: World
  isWell(): Promise<unknown>
  /** Delivers one message. */
  notify?: (...words: string[]) => Promise<void>
}): Supervisor {
  const { env, pid, world } = deps
  const isWatched = Boolean(env['NOTIFY_SOCKET'])
  const notify = deps.notify ?? ((...words: string[]) => runNotify(env, pid, words))
  const tell = async (...words: string[]) => {
    if (!isWatched) return
    await notify(...words).catch((error) => world.log.warn({ err: error }, 'systemd was not told'))
  }
  const watchdogMs =
    env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === String(pid)
      ? Number(env['WATCHDOG_USEC'] ?? 0) / 1000
      : 0
  let pulse: Disposable | undefined
  let isStopped = false

  function beat(): void {
    if (!isWatched || watchdogMs <= 0 || isStopped) return
    pulse = world.clock.after(watchdogMs / PULSE_SHARE, async () => {
      try {
        await deps.isWell()
        await tell('WATCHDOG=1')
      } catch (error) {
        world.log.error({ err: error }, 'not well, systemd is given no sign of life')
      }
      beat()
    })
  }

  return {
    async ready(status) {
      await tell('--ready', `--status=${status}`)
      pulse?.[Symbol.dispose]()
      beat()
    },
    reloading: () => tell('RELOADING=1'),
    async stopping() {
      isStopped = true
      pulse?.[Symbol.dispose]()
      await tell('STOPPING=1')
    },
    [Symbol.dispose]() {
      isStopped = true
      pulse?.[Symbol.dispose]()
    },
  }
}

async function runNotify(env: Environment, pid: number, words: string[]): Promise<void> {
  await promisify(execFile)('systemd-notify', [`--pid=${pid}`, ...words], {
    env: { PATH: '/usr/bin:/bin', NOTIFY_SOCKET: env['NOTIFY_SOCKET'] },
    timeout: NOTIFY_MS_MAX,
  })
}
