import type { MakeBackup } from '../backup/make-backup.ts'
import { collectFiles } from '../upkeep/collect-files.ts'
import { compactEvents } from '../upkeep/compact-events.ts'
import { compactSpend } from '../upkeep/compact-spend.ts'
import { dailyBackup } from '../upkeep/daily-backup.ts'
import { packRepositories } from '../upkeep/pack-repositories.ts'
import { createUpkeep, type Upkeep } from '../upkeep/upkeep.ts'
import type { DependencyCache } from '../worktrees/dependency-cache.ts'
import { createGit } from '../worktrees/git.ts'
import type { Ground } from './ground.ts'

const GIGABYTE = 1024 ** 3

/** What is done once a day so that the daemon can be left alone for months. */
export function createDailyUpkeep(
  { config, store, world, host, paths, memory }: Ground,
  { makeBackup, dependencies }: { makeBackup: MakeBackup; dependencies: DependencyCache },
): Upkeep {
  const { retention, backup } = config
  return createUpkeep({
    store,
    world,
    chores: [
      { name: 'memory self-test', run: () => memory.selfTest() },
      ...(backup.daily ? [dailyBackup({ store, world, makeBackup, ...paths, keep: backup.keep })] : []),
      packRepositories({ world, git: createGit({ world, ownerEnv: host.env }), paths }),
      compactEvents({ store, world, ...retention }),
      compactSpend({ store, world, ...retention }),
      collectFiles({
        store,
        world,
        paths,
        runDays: retention.runDays,
        diskMaxBytes: retention.diskMaxGb * GIGABYTE,
        isInUse: (key) => dependencies.isInUse(key),
      }),
    ],
  })
}
