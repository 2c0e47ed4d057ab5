import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { World } from '../../core/world.ts'
import { runCommand } from '../processes/run-command.ts'
import { createBubblewrapSandbox } from './bubblewrap-sandbox.ts'
import { createNoSandbox } from './no-sandbox.ts'
import type { Sandbox } from './sandbox.ts'

export interface FindSandboxOptions {
  clawHome: string
  ownerHome: string
  /** The daemon's PATH. */
  path: string
  /** Runs the bridge of a program that may connect to some hosts. */
  node?: string
  /** Patterns of hosts that nothing confined connects to, whatever a reach says. */
  deniedHosts?: readonly string[]
  platform?: string
}

const PROBE_MS_MAX = 10_000

/**
 * Finds out once, at start, what this machine can do, by really running a command confined:
 * whether namespaces are allowed (containers, Ubuntu's AppArmor rules) cannot be told otherwise.
 * Never throws for a machine without a sandbox: that answer is a Sandbox too, with honest words.
 */
export async function findSandbox(deps: World, options: FindSandboxOptions): Promise<Sandbox> {
  const platform = options.platform ?? process.platform
  if (platform !== 'linux') return createNoSandbox(`there is no bubblewrap on ${platform}`)
  const program = findProgram('bwrap', options.path)
  if (!program) return createNoSandbox('bubblewrap is not installed; `apt install bubblewrap` or the like brings it')

  const folder = join(options.clawHome, 'tmp')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // Doors of a daemon that was killed; nothing it confined lives.
  rmSync(join(options.clawHome, 'doors'), { recursive: true, force: true })
  const probe = mkdtempSync(join(folder, 'probe-'))
  const outside = `${probe}.outside`
  try {
    const run = (argv: [string, ...string[]], env: Record<string, string>, name: string) =>
      runCommand(deps, {
        argv,
        env,
        cwd: '/',
        runId: `probe-${process.pid}-${name}`,
        timeoutMs: PROBE_MS_MAX,
        outputBytesMax: 0,
      })
    const env = { PATH: options.path }
    const help = await run([program, '--help'], env, 'help')
    const sandbox = createBubblewrapSandbox({
      ...options,
      program,
      limitsScratch: help.tail.includes('--size'),
      node: options.node ?? process.execPath,
      doorDir: join(options.clawHome, 'doors'),
      deniedHosts: options.deniedHosts ?? [],
      log: deps.log,
    })
    const words = ['/bin/sh', '-c', 'touch "$1/inside" && ! touch "$2" 2>/dev/null', 'sh', probe, outside] as const
    await using confined = await sandbox.confine([...words], {
      cwd: probe,
      writable: [probe],
      readable: [],
      hidden: [],
      network: 'none',
      env,
    })
    const tried = await run(confined.argv, confined.env, 'confined')
    if (tried.exitCode === 0) return sandbox
    const why = tried.timedOut ? 'it did not answer' : tried.tail.trim().split('\n').at(-1)?.slice(0, 200)
    return createNoSandbox(`bubblewrap does not work here: ${why || `exit ${tried.exitCode ?? tried.signal}`}`)
  } finally {
    for (const path of [probe, outside]) rmSync(path, { recursive: true, force: true })
  }
}

/** The first executable file of that name on a PATH. */
export function findProgram(name: string, path: string): string | undefined {
  for (const folder of path.split(delimiter)) {
    if (!folder.startsWith('/')) continue
    const file = join(folder, name)
    try {
      accessSync(file, constants.X_OK)
      if (statSync(file).isFile()) return file
    } catch {
      // not here
    }
  }
  return undefined
}
