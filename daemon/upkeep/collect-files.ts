/**
 * Gives disk space back: raw wires of tasks that have ended, outputs of checks of goals that have ended,
 * dependency folders that can be built again. By age first; then, while there is more than the budget, the
 * oldest of them. Worktrees, clones, notes, reports and anything of a goal that goes on are never touched.
 */
import { lstat, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Paths } from '../../config/paths.ts'
import { DAY } from '../../core/clock.ts'
import { isGoalEnded } from '../../core/goal.ts'
import { isTaskEnded } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import { listGoals, listProofs } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Chore } from './upkeep.ts'

interface Item {
  path: string
  bytes: number
  usedAt: number
  /** After so long it goes whatever the budget; dependency folders go for the budget only. */
  maxAgeMs: number
}

export interface CollectDeps {
  store: Store
  world: World
  paths: Pick<Paths, 'runsDir' | 'outputsDir' | 'cacheDir' | 'worktreesDir' | 'repositoriesDir'>
  runDays: number
  diskMaxBytes: number
  /** Entries of the dependency cache that are being copied right now. */
  isInUse?(key: string): boolean
}

export function collectFiles(deps: CollectDeps): Chore {
  const { world } = deps
  return {
    name: 'disk collection',
    async run(signal) {
      const items = [...(await endedRuns(deps)), ...(await endedOutputs(deps)), ...(await dependencies(deps))]
      const { gone, left } = decideCollection(
        items,
        world.clock.now(),
        deps.diskMaxBytes - (await keptBytes(deps, items)),
      )
      for (const { path } of gone) {
        if (signal.aborted) return
        await rm(path, { recursive: true, force: true, maxRetries: 3 })
      }
      const bytes = gone.reduce((sum, item) => sum + item.bytes, 0)
      if (gone.length > 0) world.log.info({ files: gone.length, bytes }, 'disk space given back')
      if (left > 0) world.log.warn({ over: left }, 'more disk space is used than the budget; the rest holds work')
    },
  }
}

/** Pure: what goes, by age and then by budget, and by how much the budget is still exceeded. */
export function decideCollection(items: readonly Item[], now: number, budget: number): { gone: Item[]; left: number } {
  const gone = items.filter((item) => now - item.usedAt > item.maxAgeMs)
  const rest = items.filter((item) => !gone.includes(item)).sort((a, b) => a.usedAt - b.usedAt)
  let used = rest.reduce((sum, item) => sum + item.bytes, 0)
  for (const item of rest) {
    if (used <= budget) break
    gone.push(item)
    used -= item.bytes
  }
  return { gone, left: Math.max(0, used - budget) }
}

/** What a task's runs left (their wires), once the task has ended. Folders that no task names are left alone. */
async function endedRuns({ store, paths, runDays }: CollectDeps): Promise<Item[]> {
  const tasks = await store.db.selectFrom('task').select(['id', 'state', 'worktree']).execute()
  const items: Item[] = []
  for (const task of tasks) {
    if (!isTaskEnded(task.state as never) || task.worktree !== null) continue
    const item = await measured(join(paths.runsDir, task.id), runDays * DAY)
    if (item) items.push(item)
  }
  return items
}

/** Outputs that only proofs of ended goals name. The end of each output stands in the proof itself. */
async function endedOutputs({ store, paths, runDays }: CollectDeps): Promise<Item[]> {
  const needed = new Set<string>()
  for (const goal of await listGoals(store.db)) {
    if (isGoalEnded(goal.state)) continue
    for (const proof of await listProofs(store.db, { goalId: goal.id })) {
      for (const { outputDigest } of proof.results) needed.add(outputDigest)
    }
  }
  const items: Item[] = []
  for (const name of await readdir(paths.outputsDir).catch(() => [] as string[])) {
    const digest = /^[0-9a-f]{64}/.exec(name)?.[0]
    if (digest === undefined || needed.has(digest)) continue
    const item = await measured(join(paths.outputsDir, name), runDays * DAY)
    if (item) items.push(item)
  }
  return items
}

async function dependencies({ paths, isInUse }: CollectDeps): Promise<Item[]> {
  const dir = join(paths.cacheDir, 'dependencies')
  const items: Item[] = []
  for (const name of await readdir(dir).catch(() => [] as string[])) {
    // Half-made ones are the cache's own business.
    if (!/^[0-9a-f]+$/.test(name) || isInUse?.(name)) continue
    const item = await measured(join(dir, name), Number.POSITIVE_INFINITY)
    if (item) items.push(item)
  }
  return items
}

/** What counts towards the budget and is never taken. */
async function keptBytes({ paths }: CollectDeps, items: readonly Item[]): Promise<number> {
  const all = await Promise.all(
    [
      paths.runsDir,
      paths.outputsDir,
      join(paths.cacheDir, 'dependencies'),
      paths.worktreesDir,
      paths.repositoriesDir,
    ].map(bytesIn),
  )
  return all.reduce((sum, bytes) => sum + bytes, 0) - items.reduce((sum, item) => sum + item.bytes, 0)
}

async function measured(path: string, maxAgeMs: number): Promise<Item | undefined> {
  const found = await stat(path).catch(() => undefined)
  return found && { path, bytes: await bytesIn(path), usedAt: found.mtimeMs, maxAgeMs }
}

/** What it takes on the disk; what goes away meanwhile counts as nothing. */
async function bytesIn(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined)
  if (!found) return 0
  let bytes = found.blocks * 512
  if (found.isDirectory())
    for (const name of await readdir(path).catch(() => [] as string[])) bytes += await bytesIn(join(path, name))
  return bytes
}
