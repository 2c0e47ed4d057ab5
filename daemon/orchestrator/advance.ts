import type { GoalId } from '../../core/goal.ts'
import type { World } from '../../core/world.ts'
import { openAsk } from '../inbox/ask.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent, updateGoal } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Tx } from '../store/tables.ts'
import { carryOut, type Effect } from './carry-out.ts'
import { type Decision, decide } from './decide.ts'
import type { RunRegistry } from './run-registry.ts'
import { gather } from './snapshot.ts'

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
}: {
  store: Store
  queue: Queue
  runs: RunRegistry
  world: World
}) {
  async function pass(tx: Tx, goalId: GoalId): Promise<Effect[]> {
    const effects: Effect[] = []
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const snapshot = await gather(tx, world.clock.now(), goalId)
      const decisions = decide(snapshot)
      if (decisions.length === 0) return effects
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
      world.log.error({ err: error, goalId }, 'goal quarantined')
      await quarantine(goalId, error)
      return
    }
    for (const effect of effects) void runs.stop(effect.stopRun, effect.why)
  }

  async function quarantine(goalId: GoalId, error: Error): Promise<void> {
    const stack = error.stack ?? String(error)
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      await updateGoal(tx, goalId, { quarantine: stack })
      await addEvent(tx, now, { type: 'goal.quarantined', goalId, data: { error: String(error) } })
      await openAsk(tx, now, {
        kind: 'quarantine',
        goalId,
        taskId: null,
        question: `An internal error stopped this goal: ${String(error).slice(0, 200)}`,
        detail: `\`\`\`\n${stack}\n\`\`\``,
        choices: [
          { id: 'retry', label: 'Try again' },
          { id: 'drop', label: 'Drop the goal' },
        ],
        freeText: false,
      })
    })
  }
}

/** A fault of the store (a full disk, a broken file) is nobody's goal's; it goes to the queue. */
function isOfTheGoal(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  return !('code' in error && (error.code === 'disk_full' || error.code === 'store_broken'))
}
