import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import type { Watch } from '../../../daemon/processes/containment.ts'
import { type CommandEnd, type CommandOptions, runCommand } from '../../../daemon/processes/run-command.ts'
import { findProgram, findSandbox } from '../../../daemon/sandbox/find-sandbox.ts'
import type { Confinement, Sandbox } from '../../../daemon/sandbox/sandbox.ts'

export const PATH = '/usr/bin:/bin:/usr/sbin:/sbin'

/** Not below /tmp, which is private in any case; a checkout may lie there, and then root has other places. */
export const place = [import.meta.dirname, '/opt', '/srv'].find(
  (folder) => !/^\/(var\/)?tmp\//.test(folder) && isWritable(folder),
)

/** As root, everything is tried twice: the daemon may belong to root or to an ordinary user. */
export const users = process.getuid?.() === 0 && findProgram('setpriv', PATH) ? ['root', 'nobody'] : ['myself']

export interface SandboxPlace extends Disposable {
  sandbox: Sandbox
  base: string
  clawHome: string
  ownerHome: string
  worktree: string
  doorDir: string
  /** Runs a bash script inside, as that user. */
  inside(
    script: string,
    wishes?: Partial<Confinement>,
    options?: Partial<CommandOptions> & { wrap?: Watch['wrap'] },
  ): Promise<CommandEnd & { argv: string[] }>
}

/** A Claw home with a worktree, an owner's HOME, and the sandbox that works here; undefined where none does. */
export async function aSandboxPlace(user: string): Promise<SandboxPlace | undefined> {
  if (place === undefined) return undefined
  const base = mkdtempSync(join(place, '.claw-sandbox-'))
  const clawHome = join(base, 'claw')
  const ownerHome = join(base, 'owner')
  const worktree = join(clawHome, 'worktrees', 'mine')
  const home = join(clawHome, 'home')
  const doorDir = join(clawHome, 'doors')
  for (const folder of [worktree, home, ownerHome]) mkdirSync(folder, { recursive: true })
  const world = { clock: systemClock, log: silentLog }
  const sandbox = await findSandbox(world, { clawHome, ownerHome, path: PATH })
  mkdirSync(doorDir, { recursive: true })
  for (const folder of [base, clawHome, join(clawHome, 'worktrees')]) chmodSync(folder, 0o755)
  for (const folder of [worktree, home, ownerHome]) chmodSync(folder, 0o777)
  let serial = 0
  const made: SandboxPlace = {
    sandbox,
    base,
    clawHome,
    ownerHome,
    worktree,
    doorDir,
    async inside(script, wishes = {}, { wrap = asItIs, ...options } = {}) {
      await using confined = await sandbox.confine(['/bin/bash', '-c', script], {
        cwd: worktree,
        writable: [worktree, home],
        readable: [],
        hidden: [],
        network: 'none',
        env: { PATH, HOME: home },
        ...wishes,
      })
      // A daemon of that user's would own its doors; this one is somebody else's.
      for (const name of readdirSync(doorDir)) chmodSync(join(doorDir, name), 0o666)
      chmodSync(doorDir, 0o755)
      const as = ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups'] as const
      const end = await runCommand(world, {
        argv: wrap(user === 'nobody' ? [...as, ...confined.argv] : confined.argv),
        env: confined.env,
        cwd: '/',
        runId: `sandbox-${process.pid}-${user}-${base.slice(-6)}-${serial++}`,
        timeoutMs: 30_000,
        outputBytesMax: 100_000,
        ...options,
      })
      return { ...end, argv: confined.argv }
    },
    [Symbol.dispose]: () => rmSync(base, { recursive: true, force: true }),
  }
  if (sandbox.name !== 'none') return made
  made[Symbol.dispose]()
  return undefined
}

const asItIs: Watch['wrap'] = ([first, ...rest]) => [first, ...rest]

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
