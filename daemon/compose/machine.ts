import { existsSync } from 'node:fs'
import type { Paths } from '../../config/paths.ts'
import type { Config } from '../../config/schema.ts'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { ModelAccess } from '../agents/agent.ts'
import { type AgentsHere, findAgentsHere } from '../agents/agents-here.ts'
import { createPrograms, type Programs } from '../agents/programs.ts'
import type { Host } from '../host.ts'
import { findSandbox } from '../sandbox/find-sandbox.ts'
import { createNoSandbox } from '../sandbox/no-sandbox.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { findToolchains } from '../sandbox/toolchains.ts'
import { toolchainEnvironment } from '../worktrees/toolchain.ts'

/** What this machine offers, found once at start. */
export interface Machine {
  sandbox: Sandbox
  programs: Programs
  agents: AgentsHere
  /** Folders of the owner's toolchains, which agents and checks may read. */
  toolchains: string[]
  /** What commands of a repository run with. */
  shell: { path: string; readable: readonly string[]; toolchainEnv: Record<string, string> }
}

/** Throws sandbox_unavailable where the configuration demands one that does not work here. */
export async function findMachine({
  config,
  paths,
  world,
  host,
  models,
}: {
  config: Readonly<Config>
  paths: Paths
  world: World
  host: Host
  models: readonly ModelAccess[]
}): Promise<Machine> {
  const sandbox =
    config.sandbox.kind === 'none'
      ? createNoSandbox('you accepted it in the configuration')
      : await findSandbox({ clock: world.clock }, { clawHome: paths.home, ownerHome: host.ownerHome, path: host.path })
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
  return {
    sandbox,
    programs,
    agents: findAgentsHere(config, { programs, ownerHome: host.ownerHome, models }),
    toolchains,
    shell: {
      path: host.path,
      readable: toolchains,
      toolchainEnv: toolchainEnvironment(host.env, host.ownerHome, existsSync),
    },
  }
}
