import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isGoalEnded } from '../../core/goal.ts'
import { isTaskEnded } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import type { ProcessTable } from '../processes/process-table.ts'
import { stopOwned } from '../processes/stop-owned.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent, findRun, listGoals, listOpenRuns, listTasks } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import { send } from './jobs.ts'

export interface ReconcileDeps {
  store: Store
  queue: Queue
  world: World
  table: ProcessTable
  worktreesDir: string
}

/** Kinds of id that a process of ours may carry: a run's, a landing's, a goal's (baseline), a proof's (again). */
const OURS = ['run', 'landing', 'goal', 'proof'] as const

/**
 * Compares rows and world at the start and mends the difference. Jobs come back by themselves; what is left is
 * processes of a life before, goals and runs that lost their job, and ended tasks whose leavings stayed.
 */
export async function reconcile(deps: ReconcileDeps): Promise<{ processes: number; runs: number; worktrees: number }> {
  const { store, queue, world } = deps
  const processes = await endLeftovers(deps)
  const result = await store.transaction(async (tx) => {
    const runs = await listOpenRuns(tx)
    for (const run of runs) if (run.agent !== 'owner') await send(queue, tx, 'run', run.id)
    const known = new Set<string>()
    for (const goal of await listGoals(tx)) {
      const tasks = await listTasks(tx, goal.id).catch((error) => {
        // `advance` will find the same and put the goal in quarantine.
        world.log.warn({ err: error, goalId: goal.id }, 'a goal cannot be read')
        return []
      })
      for (const task of tasks) {
        if (task.worktree) known.add(task.worktree)
        if (isTaskEnded(task.state) && task.worktree !== null) await send(queue, tx, 'tidy', task.id)
      }
      if (!isGoalEnded(goal.state)) {
        await send(queue, tx, 'advance', goal.id)
        if (tasks.some((task) => task.state === 'landing')) await send(queue, tx, 'land', goal.id)
      } else if (goal.reportFile === null) await send(queue, tx, 'report', goal.id)
    }
    await send(queue, tx, 'dispatch', 'all')
    // A folder that no row names is left alone and named in the log: it may hold somebody's work.
    const folders = await readdir(deps.worktreesDir).catch(() => [])
    const strangers = folders.map((name) => join(deps.worktreesDir, name)).filter((path) => !known.has(path))
    if (strangers.length > 0) world.log.warn({ folders: strangers }, 'worktrees that no task names')
    const found = { processes, runs: runs.length, worktrees: strangers.length }
    await addEvent(tx, world.clock.now(), { type: 'daemon.reconciled', data: found })
    return found
  })
  return result
}

/**
 * Ends processes that carry an id of ours: after a crash nobody talks to them any more. An id that is not in
 * our rows belongs to another home's daemon and is not touched.
 */
async function endLeftovers({ store, world, table }: ReconcileDeps): Promise<number> {
  const ids = new Set((await table.list()).flatMap((entry) => (entry.runId ? [entry.runId.split('/')[0]!] : [])))
  let ended = 0
  for (const id of ids) {
    if (!(await isOurs(store, id))) continue
    const run = id.startsWith('run_') ? await findRun(store.db, id) : undefined
    const owned = run?.pid && run.pidStart ? { pid: run.pid, pidStart: run.pidStart, runId: id } : { runId: id }
    const left = await stopOwned({ clock: world.clock, table }, owned, { graceMs: 0 })
    if (left.length > 0)
      world.log.error({ runId: id, pids: left.map((entry) => entry.pid) }, 'processes cannot be ended')
    ended++
  }
  return ended
}

async function isOurs(store: Store, id: string): Promise<boolean> {
  const kind = OURS.find((other) => id.startsWith(`${other}_`))
  if (!kind) return false
  const row = await store.db.selectFrom(kind).select('id').where('id', '=', id).executeTakeFirst()
  return row !== undefined
}
