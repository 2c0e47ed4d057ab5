import { basename } from 'node:path'
import type { World } from '../../core/world.ts'
import type { Facts } from '../../memory/facts.ts'
import type { KnownSetups } from '../worktrees/mend-setup.ts'
import type { MemoryDoor } from './open-memory.ts'

/** Which checks say one thing and then another on the same files. */
export interface KnownFlaky {
  commands(gitDir: string): Promise<ReadonlySet<string>>
  /** It did so on files that no agent has touched. */
  saw(gitDir: string, seen: { command: string; tree: string }): Promise<void>
}

/**
 * What memory knows of a repository, for those who work with its clone. Without memory, or with one that is
 * broken, nothing is known and nothing learned; no work waits for it or fails by it.
 */
export function createRepositoryFacts({ memory, world }: { memory: MemoryDoor; world: World }): {
  setups: KnownSetups
  flaky: KnownFlaky
} {
  async function orElse<T>(nothing: T, work: (facts: Facts) => Promise<T>): Promise<T> {
    if (!memory.isOn) return nothing
    try {
      return await work(await memory.facts())
    } catch (err) {
      world.log.warn({ err }, 'memory said nothing of a repository')
      return nothing
    }
  }

  return {
    setups: {
      find: (gitDir) => orElse(undefined, (facts) => facts.findRecipe(repositoryOf(gitDir))),
      learn: (gitDir, setup) =>
        orElse(undefined, (facts) => facts.learnRecipe(repositoryOf(gitDir), { ...setup, at: world.clock.now() })),
    },
    flaky: {
      commands: (gitDir) =>
        orElse(new Set<string>(), async (facts) => {
          const known = await facts.flakyChecks(repositoryOf(gitDir))
          return new Set(known.map(({ command }) => command))
        }),
      saw: (gitDir, { command, tree }) =>
        orElse(undefined, (facts) => {
          const both = [true, false].map((passed) => ({ command, tree, passed }))
          return facts.learnChecks(repositoryOf(gitDir), both, `${tree} ${command}`.slice(0, 300))
        }),
    },
  }
}

/** Claw's clone of a repository bears its id. */
function repositoryOf(gitDir: string): string {
  return basename(gitDir, '.git')
}
