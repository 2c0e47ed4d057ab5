import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../core/clock.ts'
import type { Check } from '../../../core/plan.ts'
import type { Contract } from '../../../core/proof.ts'
import { silentLog } from '../../../core/world.ts'
import { createVerifier } from '../../../daemon/proof/verify.ts'
import { findSandbox } from '../../../daemon/sandbox/find-sandbox.ts'
import { findToolchains } from '../../../daemon/sandbox/toolchains.ts'
import { createDependencyCache } from '../../../daemon/worktrees/dependency-cache.ts'
import { createRepositories } from '../../../daemon/worktrees/git-repositories.ts'
import { toolchainEnvironment } from '../../../daemon/worktrees/toolchain.ts'
import { temporaryFolder } from '../../fakes/repositories.ts'

/** The real thing in a temporary Claw home: real git, the sandbox that this machine has, real processes. */
export async function aVerifier() {
  const folder = temporaryFolder('claw-proof')
  const clawHome = join(folder, 'claw')
  mkdirSync(clawHome)
  const world = { clock: systemClock, log: silentLog }
  const path = process.env['PATH'] ?? ''
  const sandbox = await findSandbox(world, { clawHome, ownerHome: homedir(), path })
  const dependencies = createDependencyCache({ world, dir: join(clawHome, 'dependencies') })
  const dir = join(clawHome, 'verify')
  const verifier = createVerifier({
    world,
    sandbox,
    dependencies,
    dir,
    outputDir: join(clawHome, 'outputs'),
    shell: {
      path,
      readable: [...findToolchains(homedir()), join(import.meta.dirname, '../../../node_modules')],
      toolchainEnv: toolchainEnvironment(process.env, homedir(), existsSync),
    },
  })
  const repositories = createRepositories({ world, ownerEnv: { PATH: path, HOME: join(folder, 'owner') } })
  return {
    folder,
    /** A run id that no other test on this machine has: what carries it is ended with its command. */
    tag: `run_${randomUUID()}`,
    verifier,
    sandbox,
    dir,
    dependencies,
    open: (repository: string) => repositories.openLocal(repository, join(clawHome, 'clone.git')),
  }
}

export function aContract(over: Partial<Contract> = {}): Contract {
  return { checks: [aCheck()], overlay: [], footprint: ['src/**', 'test/**'], sharedPaths: [], ...over }
}

export function aCheck(over: Partial<Check> = {}): Check {
  return { name: 'test', command: 'npm test', kind: 'holds', timeoutSeconds: 60, network: false, ...over }
}
