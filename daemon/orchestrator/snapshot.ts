import type { Config } from '../../config/schema.ts'
import type { Ask, AskKind } from '../../core/ask.ts'
import type { Goal, GoalId } from '../../core/goal.ts'
import type { Landing } from '../../core/landing.ts'
import type { Plan } from '../../core/plan.ts'
import type { Run } from '../../core/run.ts'
import type { Tokens } from '../../core/spend.ts'
import type { Task } from '../../core/task.ts'
import { estimateGoal, estimateInWords } from '../gateway/estimate.ts'
import { findOverallLimit, type OverallLimit } from '../gateway/overall-limit.ts'
import { sumSpend } from '../store/ledger-rows.ts'
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
  /** No sandbox works here, and the owner has not accepted that for the goal's repository. */
  isUnconfined?: boolean
  /** What the goal's models cost; left out: nobody counts. */
  money?: Money
}

export interface Money {
  spent: { usd: number; tokens: number }
  /** A limit of the whole daemon that is used up. */
  overall: OverallLimit | null
  /** What the latest plan will probably cost, in words; null where there is none. */
  estimate: string | null
}

/** What must be known besides the rows to hold a goal against the owner's limits. */
export interface Budget {
  limits: Config['limits']
  /** Whoever works where the plan names nobody. */
  agent(): string | null
  price(tokens: Tokens): number | undefined
}

/** @param isConfined false: whatever is started is, until the owner accepts it, repository by repository */
export async function gather(
  db: Db,
  now: number,
  goalId: GoalId,
  budget?: Budget,
  isConfined = true,
): Promise<Snapshot> {
  const rows = await gatherRows(db, now, goalId)
  const snapshot = isConfined ? rows : { ...rows, isUnconfined: !(await isAccepted(db, rows.goal)) }
  return budget ? { ...snapshot, money: await gatherMoney(db, snapshot, budget) } : snapshot
}

/** The owner's word to a goal holds for every goal in the same repository. */
async function isAccepted(db: Db, goal: Goal): Promise<boolean> {
  for (const ask of await listAsks(db)) {
    if (ask.kind !== 'sandbox' || ask.answer?.choice !== 'accept') continue
    if (ask.goalId === goal.id || (await getGoal(db, ask.goalId)).repositoryId === goal.repositoryId) return true
  }
  return false
}

async function gatherMoney(db: Db, { now, goal, plans }: Snapshot, budget: Budget): Promise<Money> {
  const { usd, tokens } = await sumSpend(db, { goalId: goal.id })
  const plan = plans.at(-1)
  const estimate =
    plan?.state === 'proposed' && plan.draft
      ? await estimateGoal(db, plan.draft, {
          before: plan.createdAt,
          goalId: goal.id,
          agent: goal.agent ?? budget.agent(),
          price: budget.price,
        })
      : null
  return {
    spent: { usd, tokens },
    overall: await findOverallLimit(db, budget.limits, now),
    estimate: estimate && estimateInWords(estimate),
  }
}

async function gatherRows(db: Db, now: number, goalId: GoalId): Promise<Snapshot> {
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

/** The plan that counts: one that was replaced or set aside counts no more. */
export function latestPlan(snapshot: Snapshot): Plan | undefined {
  return snapshot.plans.findLast((plan) => plan.state !== 'replaced')
}

/** The plan whose tasks are being worked on, if any. */
export function activePlan(snapshot: Pick<Snapshot, 'plans'>): Plan | undefined {
  return snapshot.plans.findLast((plan) => plan.state === 'active')
}

export function nextVersion(snapshot: Snapshot): number {
  return (snapshot.plans.at(-1)?.version ?? 0) + 1
}

export function isOpen(snapshot: Snapshot, kind: AskKind): boolean {
  return snapshot.asks.some((ask) => ask.kind === kind && ask.state === 'open')
}

/** Whether a question about the task waits for an answer, or an answer for being acted upon. */
export function isHeld(task: Task, asks: readonly Ask[]): boolean {
  return asks.some(
    (ask) => ask.taskId === task.id && (ask.state === 'open' || (ask.state === 'answered' && ask.settledAt === null)),
  )
}
