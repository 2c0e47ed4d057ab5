import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type GoalId, type GoalState, isGoalEnded } from '../../core/goal.ts'
import { isTaskEnded, type TaskId, type TaskState } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import type { ProcessTable } from '../processes/process-table.ts'
import { stopOwned } from '../processes/stop-owned.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent, findRun, listOpenRuns, moveTask } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import { send } from './jobs.ts'

export interface ReconcileDeps {
  store: Store
  queue: Queue
  world: World
  table: ProcessTable
  worktreesDir: string
}

/** Kinds of id that a process of ours may carry: a run's, a landing's, a goal's (baseline), a proof's (again), a firing's (its condition), a tool server's. */
const OURS = ['run', 'landing', 'goal', 'proof', 'firing', 'toolserver'] as const

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
    // Only what is unsettled is looked at: a home may hold years of goals that are over, and a paused one waits.
    const goals = await tx
      .selectFrom('goal')
      .select(['id', 'state'])
      .where((is) => is.or([is('state', '=', 'open'), is('reportFile', 'is', null)]))
      .where('state', '<>', 'paused')
      .execute()
    for (const { id, state } of goals) {
      await send(queue, tx, isGoalEnded(state as GoalState) ? 'report' : 'advance', id as GoalId)
    }
    const landing = await tx.selectFrom('task').select('goalId').distinct().where('state', '=', 'landing').execute()
    for (const { goalId } of landing) await send(queue, tx, 'land', goalId as GoalId)
    // Ended on the way from an agent's hands into the owner's: nobody works on it.
    const worked = new Set<string>(runs.map((run) => run.taskId))
    const running = await tx.selectFrom('task').select('id').where('state', '=', 'running').execute()
    for (const { id } of running) if (!worked.has(id)) await moveTask(tx, world.clock.now(), id as TaskId, 'ready')
    const known = new Set<string>()
    const inWorktrees = tx.selectFrom('task').select(['id', 'state', 'worktree']).where('worktree', 'is not', null)
    for (const { id, state, worktree } of await inWorktrees.execute()) {
      known.add(worktree!)
      if (isTaskEnded(state as TaskState)) await send(queue, tx, 'tidy', id as TaskId)
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
