import type { Ask } from '../../core/ask.ts'
import type { Goal, GoalId } from '../../core/goal.ts'
import type { Landing } from '../../core/landing.ts'
import type { Plan } from '../../core/plan.ts'
import type { Run } from '../../core/run.ts'
import type { Task } from '../../core/task.ts'
import {
  getGoal,
  listAsks,
  listLandings,
  listPlans,
  listRuns,
  listTasks,
  listWaitingSteers,
  type Steer,
} from '../store/rows.ts'
import type { Db } from '../store/tables.ts'

/** All that one goal's next step depends on, as a plain value. */
export interface Snapshot {
  now: number
  goal: Goal
  /** All versions, oldest first. */
  plans: Plan[]
  tasks: Task[]
  runs: Run[]
  asks: Ask[]
  landings: Landing[]
  /** The owner's later words to the planner that no plan has taken up. */
  steers: Steer[]
}

export async function gather(db: Db, now: number, goalId: GoalId): Promise<Snapshot> {
  return {
    now,
    goal: await getGoal(db, goalId),
    plans: await listPlans(db, goalId),
    tasks: await listTasks(db, goalId),
    runs: await listRuns(db, { goalId }),
    asks: await listAsks(db, { goalId }),
    landings: await listLandings(db, goalId),
    steers: (await listWaitingSteers(db, goalId)).filter((steer) => steer.taskId === null),
  }
}

/** Milliseconds in which at least one run of the goal was under way. */
export function workedMs(runs: readonly Run[], now: number): number {
  const spans = runs
    .filter((run) => run.agent !== 'owner')
    .map((run) => [run.startedAt, run.endedAt ?? now] as const)
    .sort((a, b) => a[0] - b[0])
  let total = 0
  let reached = Number.NEGATIVE_INFINITY
  for (const [start, end] of spans) {
    // A clock that was set back while a run was under way must not take work away.
    if (end <= reached || end <= start) continue
    total += end - Math.max(start, reached)
    reached = end
  }
  return total
}
