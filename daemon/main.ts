/**
 * The process: load, lock, create, serve, wait for a signal, dispose. The only place in the daemon that looks
 * at the process itself.
 */
import { mkdirSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { EXIT_FINAL, findDaemonFile, newToken, removeDaemonFile, writeDaemonFile } from '../config/daemon-file.ts'
import { lockHome } from '../config/home-lock.ts'
import { loadConfig } from '../config/load.ts'
import { findPaths } from '../config/paths.ts'
import { MINUTE, SECOND, systemClock } from '../core/clock.ts'
import { Fault, isFault } from '../core/fault.ts'
import { createDaemon, type Daemon } from './daemon.ts'
import type { Health } from './health.ts'
import { findNodeModules, findProduct, type Host } from './host.ts'
import { createApp } from './http/app.ts'
import { serveHttp } from './http/serve.ts'
import { createLiveConfig } from './live-config.ts'
import { openLog } from './log.ts'
import type { McpEndpoint } from './mcp/endpoint.ts'
import { readPlanFile } from './planning/plan-file.ts'
import { collectSoon } from './service/garbage.ts'
import { createSupervisor, findListener, withCredentials } from './service/supervisor.ts'

/** How long an orderly stop may take before the process just ends; nothing is lost by that, only tidiness. */
const STOP_MS_MAX = 20 * SECOND

async function main(): Promise<void> {
  // Files are the owner's alone unless somebody says otherwise.
  process.umask(0o077)
  const ownerHome = process.env['HOME'] || homedir()
  const paths = findPaths(process.env, ownerHome)
  // With the files that systemd hands over (LoadCredential=), under the names of the variables they stand for.
  const env = withCredentials(process.env)
  const config = loadConfig(paths.configFile, env)
  mkdirSync(paths.stateDir, { recursive: true, mode: 0o700 })
  using _lock = lockOrSay(paths.lockFile, paths.daemonFile)

  const product = findProduct()
  const host: Host = {
    env,
    path: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    ownerHome,
    node: process.execPath,
    nodeModules: findNodeModules(product.dir),
    pid: process.pid,
    version: product.version,
    platform: process.platform,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  }
  const token = newToken()
  let daemon: Daemon | undefined
  await using output = await openLog({
    file: join(paths.logsDir, 'daemon.log'),
    level: config.log.level,
    bytesMax: config.log.fileMaxMb * 1024 ** 2,
    filesMax: config.log.files,
    secrets: () => [token, ...(daemon?.secrets.known() ?? [])],
    ...(process.argv.includes('--detached')
      ? {}
      : {
          people: {
            write: (text: string) => process.stderr.write(text),
            isColor: process.stderr.isTTY === true && !process.env['NO_COLOR'],
          },
        }),
  })
  process.on('exit', () => output.flush())
  const world = { clock: systemClock, log: output.log }

  const stopping = Promise.withResolvers<string>()
  using live = createLiveConfig({
    file: paths.configFile,
    env,
    initial: config,
    world,
    onChange: (next) => output.setLevel(next.log.level),
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stopping.resolve(signal))
  // A terminal that is closed takes the daemon along; without one, the signal asks to read the configuration again.
  process.on('SIGHUP', () => (process.stderr.isTTY ? stopping.resolve('SIGHUP') : live.reload()))
  process.on('unhandledRejection', (error) => {
    world.log.error({ err: error }, 'a promise failed with nobody waiting for it')
  })
  process.on('uncaughtException', (error) => {
    world.log.error({ err: error }, 'a bug ended the daemon')
    output.flush()
    process.exit(1)
  })

  let url = ''
  daemon = await createDaemon({ config, live, paths, world, host, url: () => url })
  const parts = daemon
  parts.secrets.hide(token)
  const closing = new AbortController()
  let endpoint: Promise<McpEndpoint> | undefined
  const mcp: McpEndpoint = {
    async handle(request) {
      endpoint ??= parts.mcp({ token, closing: closing.signal })
      return (await endpoint).handle(request)
    },
  }
  const health = async (): Promise<Health> => ({ ...(await parts.health()), url })
  const app = createApp({
    goals: parts.goals,
    inbox: parts.inbox,
    schedules: parts.schedules,
    events: parts.events,
    health,
    getProof: parts.getProof,
    readOutput: parts.readOutput,
    makeBackup: parts.makeBackup,
    cost: parts.cost,
    policy: parts.policy,
    examine: parts.examine,
    metrics: parts.metrics,
    mcp,
    memory: parts.memory,
    rooms: parts.rooms,
    tokens: parts.tokens,
    outside: parts.outside,
    chat: parts.chat,
    skills: parts.skills,
    readPlanFile,
    redactor: parts.redactor,
    token,
    version: host.version,
    pid: host.pid,
    port: () => server.port,
    stop: (by) => stopping.resolve(by),
    closing: closing.signal,
    world,
  })
  const server = await serveHttp({
    app,
    port: config.http.port,
    fd: findListener(process.env, process.pid),
    closing,
    world,
  })
  url = server.url
  // Asked for before jobs run, which it would have to wait for.
  const words = greeting(await health())
  await parts.start()
  writeDaemonFile(paths.daemonFile, {
    port: server.port,
    token,
    pid: process.pid,
    startedAt: world.clock.now(),
    version: host.version,
  })
  process.stdout.write(words)
  using supervisor = createSupervisor({ env: process.env, pid: process.pid, world, isWell: health })
  live.follow()
  await supervisor.ready(`on ${url}`)
  // Node keeps what it compiled when a process ends; this one may end by kill -9.
  flushCompileCache()
  using _garbage = collectSoon(world.clock)

  const why = await stopping.promise
  world.log.info({ why }, 'daemon stopping')
  await supervisor.stopping()
  setTimeout(() => {
    world.log.warn('the orderly stop took too long')
    output.flush()
    process.exit(0)
  }, STOP_MS_MAX).unref()
  removeDaemonFile(paths.daemonFile, { token })
  await server.close()
  await parts[Symbol.asyncDispose]()
  world.log.info('daemon stopped')
}

function lockOrSay(lockFile: string, daemonFile: string): Disposable {
  try {
    return lockHome(lockFile)
  } catch (error) {
    const holder = findDaemonFile(daemonFile)
    if (!isFault(error, 'home_locked') || !holder) throw error
    const minutes = Math.round((systemClock.now() - holder.startedAt) / MINUTE)
    throw new Fault(
      'home_locked',
      `a Claw daemon is running on this home already: pid ${holder.pid}, port ${holder.port}, for ${minutes} min`,
      {
        cause: error,
        hint: error.hint ?? '',
      },
    )
  }
}

/** Where it listens and what it found, for whoever looks at the terminal. */
function greeting(health: Health): string {
  const agents = health.agents.filter((agent) => agent.found)
  const others = health.agents.filter((agent) => !agent.found)
  const lines = [
    ['listening', `${health.url}  (home ${health.home})`],
    [
      'agents',
      agents.map((agent) => `${agent.name}: ${agent.words}`).join('; ') ||
        'none that can work: set a model key or log in to one (`claw doctor`)',
    ],
    ...(others.length > 0 ? [['', others.map((agent) => `${agent.name}: ${agent.words}`).join('; ')]] : []),
    ['brain', health.brain],
    ['sandbox', health.sandbox.words],
    ['memory', health.memory],
    ['goals', `${health.goals.open} open, ${health.goals.waiting} waiting on you`],
  ]
  return `Claw ${health.version} is ready.\n${lines.map(([name, words]) => `  ${name!.padEnd(10)}${words}`).join('\n')}\n`
}

main().then(
  () => process.exit(0),
  (error) => {
    if (error instanceof Fault) {
      process.stderr.write(`claw: ${error.message}\n${error.hint ? `${error.hint}\n` : ''}`)
      process.exit(error.code === 'home_locked' || error.code === 'config_invalid' ? EXIT_FINAL : 1)
    }
    process.stderr.write(`claw: ${error instanceof Error ? error.stack : String(error)}\n`)
    process.exit(1)
  },
)
