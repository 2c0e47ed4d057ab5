import type { GoalId } from '../../core/goal.ts'
import type { World } from '../../core/world.ts'
import type { Queue } from '../store/queue.ts'
import type { Store } from '../store/store.ts'
import type { Tx } from '../store/tables.ts'
import { carryOut, type Effect } from './carry-out.ts'
import { decide } from './decide.ts'
import { limitInMs } from './decide-limit.ts'
import type { Decision } from './decision.ts'
import { send } from './jobs.ts'
import { isOfTheGoal, quarantine } from './quarantine.ts'
import type { RunRegistry } from './run-registry.ts'
import { type Budget, gather } from './snapshot.ts'

/** Rounds of one pass. Each round changes rows, so a pass that needs more goes round in circles. */
const ROUNDS_MAX = 50

/** Decisions that only send a job: the rows change when the job has run, so the pass is over. */
const ENDS_PASS: ReadonlySet<Decision['do']> = new Set(['land-goal', 'land-as-branch', 'report', 'stop-run'])

/**
 * One pass of the reconciler over a goal: gather, decide, carry out, until nothing is left to
 * decide. The whole pass is one transaction; stopping processes comes after it. A pass that throws
 * quarantines its goal and leaves all others alone.
 */
export function createAdvance({
  store,
  queue,
  runs,
  world,
  budget,
  isConfined = true,
}: {
  store: Store
  queue: Queue
  runs: RunRegistry
  world: World
  /** Left out: money and tokens are not looked at. */
  budget?: Budget
  /** Whether a sandbox works here, or the configuration accepts that there is none. */
  isConfined?: boolean
}) {
  async function pass(tx: Tx, goalId: GoalId): Promise<Effect[]> {
    const effects: Effect[] = []
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const snapshot = await gather(tx, world.clock.now(), goalId, budget, isConfined)
      const decisions = decide(snapshot)
      if (decisions.length === 0) {
        const delayMs = limitInMs(snapshot)
        if (delayMs !== null) await send(queue, tx, 'advance', goalId, { delayMs })
        return effects
      }
      for (const decision of decisions) effects.push(...(await carryOut(tx, queue, decision, snapshot)))
      if (decisions.some((decision) => ENDS_PASS.has(decision.do))) return effects
    }
    throw new Error(`goal ${goalId} is not settled after ${ROUNDS_MAX} rounds`)
  }

  return async function advance(goalId: GoalId): Promise<void> {
    let effects: Effect[]
    try {
      effects = await store.transaction((tx) => pass(tx, goalId))
    } catch (error) {
      if (!isOfTheGoal(error)) throw error
      effects = await quarantine({ store, queue, world }, goalId, error)
    }
    for (const effect of effects) void runs.stop(effect.stopRun, effect.why)
  }
}
