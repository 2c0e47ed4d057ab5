import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { DaemonFile } from '../../config/daemon-file.ts'
import { Fault } from '../../core/fault.ts'
import type { Health } from '../../daemon/health.ts'
import { createClient } from '../client.ts'
import { answers, connect, findLiving, locateIn, startDaemon, waitForAnswer, waitUntilGone } from '../daemon.ts'
import { daemonArguments } from '../daemon-program.ts'
import { EXIT } from '../exit.ts'
import { findService, runCommands, tryCommand } from '../service/find-service.ts'
import type { Surface } from '../surface.ts'
import { ago, oneLine, pad } from '../text.ts'

/** Longer than the daemon itself takes to stop its agents in order. */
const STOP_MAX_MS = 60_000

/** In the foreground, with our terminal, signals and exit code. */
export async function run(surface: Surface): Promise<number> {
  const child = spawn(process.execPath, daemonArguments(), { stdio: 'inherit', env: surface.env })
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
    // Ctrl-C on a terminal reaches the daemon by itself.
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !surface.stdin.isTTY) child.kill(signal)
    })
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(signal ? 128 + constants.signals[signal] : (code ?? EXIT.failed)))
  })
}

export async function start(surface: Surface): Promise<void> {
  const running = await answers(surface.paths)
  const daemon = running ?? (await startDaemon(surface))
  const { pid, port, version } = daemon
  if (surface.isJson) return surface.printJson({ pid, port, version, started: running === undefined })
  surface.print(`The daemon ${running ? 'runs already' : 'runs'}: http://127.0.0.1:${port}, process ${pid}`)
}

export async function stop(surface: Surface): Promise<number> {
  const running = await answers(surface.paths)
  if (!running) {
    if (surface.isJson) surface.printJson({ stopped: false, pid: null })
    else surface.say('No daemon runs.')
    return EXIT.ok
  }
  // A supervisor that is not asked would start it again.
  const service = findService(surface)
  if (service) await runCommands(service.stop, surface.env)
  else await createClient(() => running, surface.signal).v1.stop.$post({ json: {} })
  const isGone = await waitUntilGone(surface, running.pid, STOP_MAX_MS)
  if (surface.isJson) surface.printJson({ stopped: isGone, pid: running.pid })
  else if (isGone) surface.print('The daemon has stopped.')
  else surface.say(`claw: process ${running.pid} is still there after ${STOP_MAX_MS / 1000} s; see: claw daemon logs`)
  return isGone ? EXIT.ok : EXIT.failed
}

export async function restart(surface: Surface): Promise<void> {
  const before = await answers(surface.paths)
  const { pid, port } = await renew(surface)
  if (surface.isJson) surface.printJson({ pid, port, before: before?.pid ?? null })
  else surface.print(`The daemon runs: http://127.0.0.1:${port}, process ${pid}`)
}

/** A fresh daemon that answers. Through the supervisor where there is one: then callers wait and none is refused. */
export async function renew(surface: Surface): Promise<DaemonFile> {
  const service = findService(surface)
  if (service) {
    await runCommands(service.restart, surface.env)
    return waitForAnswer(surface)
  }
  const before = await answers(surface.paths)
  if (before) {
    await createClient(() => before, surface.signal).v1.stop.$post({ json: {} })
    if (!(await waitUntilGone(surface, before.pid, STOP_MAX_MS))) {
      throw new Fault('command_failed', `process ${before.pid} is still there after ${STOP_MAX_MS / 1000} s`, {
        hint: 'See: claw daemon logs',
      })
    }
  }
  return startDaemon(surface)
}

/** How the supervisor sees it, in words; nothing where there is none. */
async function serviceWords(surface: Surface): Promise<string | undefined> {
  const service = findService(surface)
  if (!service) return undefined
  const { code } = await tryCommand(service.isActive, surface.env)
  return `${service.kind}, ${code === 0 ? 'active' : 'not active'}`
}

export async function status(surface: Surface): Promise<void> {
  const client = await connect(surface, { start: false })
  const health = (await (await client.v1.status.$get()).json()) as Health
  if (surface.isJson) return surface.printJson(health)
  const fact = (what: string, words: string) => surface.print(`${surface.paint('gray', pad(what, 9))}${oneLine(words)}`)
  fact('daemon', `${health.version}, process ${health.pid}, started ${ago(health.startedAt, surface.now())}`)
  fact('address', findLiving(surface.paths) ? health.url : `http://127.0.0.1:${locateIn(surface.paths)().port}`)
  fact('service', (await serviceWords(surface)) ?? 'none (claw daemon install)')
  fact('home', health.home)
  fact('node', health.node)
  const isHere = ({ installed }: Health['agents'][number]) => installed
  for (const { found, title, words } of health.agents.filter(isHere)) {
    fact('agent', `${found ? '✓' : '!'} ${title}: ${words}`)
  }
  const absent = health.agents.filter((agent) => !isHere(agent)).map(({ title }) => title)
  if (absent.length > 0) fact('agents', `not installed: ${absent.join(', ')}`)
  fact('brain', health.brain)
  fact('model', health.model ?? 'none')
  fact('sandbox', `${health.sandbox.name}: ${health.sandbox.words}`)
  fact('memory', health.memory)
  fact('goals', `${health.goals.open} open, ${health.goals.waiting} waiting for you, ${health.runs} runs`)
}
