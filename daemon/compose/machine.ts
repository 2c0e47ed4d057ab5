import { existsSync } from 'node:fs'
import { totalmem } from 'node:os'
import type { Paths } from '../../config/paths.ts'
import type { Config } from '../../config/schema.ts'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { ModelAccess } from '../agents/agent.ts'
import { type AgentsHere, findAgentsHere } from '../agents/agents-here.ts'
import { createPrograms, type Programs } from '../agents/programs.ts'
import type { Host } from '../host.ts'
import { type Containment, createContainment } from '../processes/containment.ts'
import { findControlGroups } from '../processes/control-groups.ts'
import type { ProcessTable } from '../processes/process-table.ts'
import { findSandbox } from '../sandbox/find-sandbox.ts'
import { createNoSandbox } from '../sandbox/no-sandbox.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { findToolchains } from '../sandbox/toolchains.ts'
import type { ConfinedShellDeps } from '../worktrees/confined-shell.ts'
import { toolchainEnvironment } from '../worktrees/toolchain.ts'

/** What this machine offers, found once at start. */
export interface Machine {
  sandbox: Sandbox
  programs: Programs
  agents: AgentsHere
  /** Folders of the owner's toolchains, which agents and checks may read. */
  toolchains: string[]
  /** Keeps what is started within its limits. */
  containment: Containment
  /** What commands of a repository run with. */
  shell: Omit<ConfinedShellDeps, 'world' | 'sandbox'>
}

const MB = 1024 * 1024
/** Of the machine's memory, for one run, where the owner has not said. */
const MEMORY_SHARE = 0.75

/** Throws sandbox_unavailable where the configuration demands one that does not work here. */
export async function findMachine({
  config,
  paths,
  world,
  host,
  models,
  table,
}: {
  config: Readonly<Config>
  paths: Paths
  world: World
  host: Host
  models: readonly ModelAccess[]
  table: ProcessTable
}): Promise<Machine> {
  const sandbox =
    config.sandbox.kind === 'none'
      ? createNoSandbox('you accepted it in the configuration')
      : await findSandbox(world, {
          clawHome: paths.home,
          ownerHome: host.ownerHome,
          path: host.path,
          node: host.node,
          deniedHosts: config.sandbox.deniedHosts,
        })
  if (config.sandbox.kind === 'bubblewrap' && sandbox.name !== 'bubblewrap') {
    throw new Fault('sandbox_unavailable', `sandbox.kind is bubblewrap, which does not work here: ${sandbox.words}`)
  }
  const programs = createPrograms({
    node: host.node,
    path: host.path,
    nodeModules: host.nodeModules,
    privateFolders: [host.ownerHome, paths.home],
  })
  const toolchains = findToolchains(host.ownerHome)
  const { memoryMaxMb, processesMax, diskMaxMb } = config.runs
  const limits = {
    memoryBytesMax: memoryMaxMb === null ? totalmem() * MEMORY_SHARE : memoryMaxMb * MB,
    processesMax,
    diskBytesMax: diskMaxMb * MB,
  }
  const groups = findControlGroups(limits, { pid: host.pid })
  const containment = createContainment({ clock: world.clock, table, limits, groups })
  return {
    sandbox,
    programs,
    agents: findAgentsHere(config, { programs, ownerHome: host.ownerHome, models }),
    toolchains,
    containment,
    shell: {
      containment,
      outputBytesEnd: config.checks.outputMaxMb * MB,
      path: host.path,
      readable: toolchains,
      hosts: { always: config.sandbox.hosts, setup: config.sandbox.setupHosts },
      toolchainEnv: toolchainEnvironment(host.env, host.ownerHome, existsSync),
    },
  }
}
