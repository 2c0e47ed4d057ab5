/** Which service this home has or could have, and the running of its commands. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { MINUTE } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import { daemonArguments } from '../daemon-program.ts'
import type { Surface } from '../surface.ts'
import { launchdPlan } from './launchd.ts'
import type { Command, ServiceFacts, ServicePlan } from './service.ts'
import { systemdPlan } from './systemd.ts'
import { taskSchedulerPlan } from './task-scheduler.ts'

const COMMAND_MS_MAX = 3 * MINUTE

/** Undefined where this machine has no supervisor that a user can talk to. */
export function planFor(facts: ServiceFacts, platform: NodeJS.Platform = process.platform): ServicePlan | undefined {
  if (platform === 'darwin') return launchdPlan(facts)
  if (platform === 'win32') return taskSchedulerPlan(facts)
  return existsSync('/run/systemd/system') ? systemdPlan(facts) : undefined
}

/** The service of this home, if one is installed. */
export function findService(surface: Pick<Surface, 'paths' | 'env'>): ServicePlan | undefined {
  const plan = planFor(factsOf(surface, { port: 0, credentials: {} }))
  return plan?.files.every(({ path }) => existsSync(path)) ? plan : undefined
}

export function factsOf(
  { paths, env }: Pick<Surface, 'paths' | 'env'>,
  { port, credentials }: Pick<ServiceFacts, 'port' | 'credentials'>,
): ServiceFacts {
  const ownerHome = env['HOME'] || homedir()
  const isUsual = paths.home === join(ownerHome, '.claw')
  const digest = createHash('sha256').update(paths.home).digest('hex').slice(0, 8)
  // Asked for by variables: in a container a user may be a number without a name.
  const username = env['USERNAME'] ?? env['USER'] ?? ''
  return {
    name: isUsual ? 'claw' : `claw-${digest}`,
    home: paths.home,
    ownerHome,
    node: process.execPath,
    args: daemonArguments(),
    path: env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    logsDir: paths.logsDir,
    port,
    credentials,
    uid: process.getuid?.() ?? 0,
    user: env['USERDOMAIN'] ? `${env['USERDOMAIN']}\\${username}` : username,
  }
}

/** The one that was chosen at an earlier installation, so that callers who know it go on knowing it. */
export function portOfSocket(text: string): number | undefined {
  const found = /^ListenStream=127\.0\.0\.1:(\d+)$/m.exec(text)
  return found ? Number(found[1]) : undefined
}

export function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** Runs one command of a plan; answers its exit code and what it said. */
export function tryCommand(command: Command, env: NodeJS.ProcessEnv): Promise<{ code: number; words: string }> {
  const [program, ...args] = command
  return new Promise((resolve) => {
    execFile(program, args, { env, timeout: COMMAND_MS_MAX }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : 127) : 0
      resolve({ code, words: (stderr || stdout || (error?.message ?? '')).trim().split('\n')[0] ?? '' })
    })
  })
}

/** Throws command_failed with the supervisor's own words at the first that fails. */
export async function runCommands(commands: readonly Command[], env: NodeJS.ProcessEnv): Promise<void> {
  for (const command of commands) {
    const { code, words } = await tryCommand(command, env)
    if (code !== 0) throw new Fault('command_failed', `${command.join(' ')} failed (${code}): ${words}`)
  }
}
