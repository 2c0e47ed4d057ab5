import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Goal, type GoalId, isGoalEnded } from '../../core/goal.ts'
import type { Plan } from '../../core/plan.ts'
import type { World } from '../../core/world.ts'
import type { GoalCost } from '../gateway/goal-cost.ts'
import { decide } from '../orchestrator/decide.ts'
import { send } from '../orchestrator/jobs.ts'
import { gather } from '../orchestrator/snapshot.ts'
import { listEffects } from '../store/effect-rows.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent, getGoal, listProofs, moveGoal, updateGoal } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import { writeDurably } from '../worktrees/durable-file.ts'

export interface ReportDeps {
  store: Store
  queue: Queue
  world: World
  dir: string
  /** Rows to Markdown. */
  render(input: Awaited<ReturnType<typeof gatherReport>> & { cost?: GoalCost }): string
  /** What its models cost, where that is counted. */
  cost?(of: { goal: Goal; plan: Plan | null }): Promise<GoalCost>
  /** Takes secrets out. */
  redact?(text: string): string
  /** What is done once the goal has ended: memory takes its lessons, channels are told. */
  onEnded(goal: Goal): Promise<void>
}

export async function gatherReport(store: Store, now: number, goalId: GoalId) {
  const { goal, plans, tasks, runs, asks, landings } = await gather(store.db, now, goalId)
  const plan = plans.findLast((other) => other.state === 'active') ?? plans.at(-1) ?? null
  const proofs = await listProofs(store.db, { goalId })
  return { goal, plan, tasks, runs, asks, landings, proofs, effects: await listEffects(store.db, { goalId }), now }
}

/** Writes the report of a goal that has one anew, once what it tells has changed: effects were undone. */
export function createRewriteReport(deps: Pick<ReportDeps, 'store' | 'world' | 'render' | 'redact' | 'cost'>) {
  return async function rewriteReport(goalId: GoalId): Promise<void> {
    const input = await gatherReport(deps.store, deps.world.clock.now(), goalId)
    if (!input.goal.reportFile) return
    const cost = await deps.cost?.(input)
    const report = deps.render({ ...input, ...(cost ? { cost } : {}) })
    await writeDurably(input.goal.reportFile, deps.redact?.(report) ?? report)
  }
}

/** The job that ends a goal: the report is on the disk before the row says that the goal is met. */
export function createWriteReport(deps: ReportDeps) {
  const { store, world } = deps

  return async function writeReport(goalId: GoalId): Promise<void> {
    const input = await gatherReport(store, world.clock.now(), goalId)
    const ending = isGoalEnded(input.goal.state)
      ? undefined
      : decide(await gather(store.db, input.now, goalId)).find((decision) => decision.do === 'report')
    if (!isGoalEnded(input.goal.state) && !ending) return
    const to = ending ? (ending.met ? 'met' : 'dropped') : input.goal.state
    const outcome = ending?.outcome ?? input.goal.outcome
    const file = join(deps.dir, `goal-${input.goal.number}.md`)
    const shown: Goal = { ...input.goal, state: to, outcome, endedAt: input.goal.endedAt ?? input.now }
    await mkdir(deps.dir, { recursive: true, mode: 0o700 })
    const cost = await deps.cost?.(input)
    const report = deps.render({ ...input, goal: shown, ...(cost ? { cost } : {}) })
    await writeDurably(file, deps.redact?.(report) ?? report)
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      const fresh = await getGoal(tx, goalId)
      await updateGoal(tx, goalId, { reportFile: file })
      if (!isGoalEnded(fresh.state)) {
        await moveGoal(tx, fresh, to, { outcome: outcome ?? '', endedAt: input.now })
        await addEvent(tx, now, {
          type: to === 'met' ? 'goal.met' : 'goal.dropped',
          goalId,
          data: { outcome: outcome ?? '' },
        })
      }
      await addEvent(tx, now, { type: 'goal.reported', goalId, data: { file } })
      await send(deps.queue, tx, 'learn', goalId)
    })
    await deps.onEnded(await getGoal(store.db, goalId))
  }
}
