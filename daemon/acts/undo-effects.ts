import type { EffectRow } from '../../core/act.ts'
import { Fault } from '../../core/fault.ts'
import type { GoalId } from '../../core/goal.ts'
import { taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import { listEffects, moveEffect, noteEffect } from '../store/effect-rows.ts'
import { addEvent, getGoal, getTask } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Acts } from './acts.ts'

export interface UndoEffectsDeps {
  store: Store
  world: World
  acts: Pick<Acts, 'undo'>
  /** What is there is told anew where it was told before. */
  onUndone(goalId: GoalId): Promise<void>
}

/** Beside an effect whose step has been started: a step that a crash cut short is not run a second time by itself. */
const BEGUN = 'its undo step has begun'

/**
 * The job that runs the undo steps an owner agreed to, from the last effect to the first, each at most once. A step
 * that fails is said and left; the others go on, because each takes back its own effect and no other.
 */
export function createUndoEffects(deps: UndoEffectsDeps) {
  const { store, world } = deps

  return async function undoEffects(goalId: GoalId, signal: AbortSignal): Promise<void> {
    const waiting = (await listEffects(store.db, { goalId })).filter((effect) => effect.state === 'undoing').reverse()
    for (const effect of waiting) {
      if (effect.note === BEGUN) await settle(effect, 'failed', 'cut short by a restart; look before it is run again')
      else await undoOne(effect, signal)
    }
    if (waiting.length > 0) await deps.onUndone(goalId)
  }

  async function undoOne(effect: EffectRow, signal: AbortSignal): Promise<void> {
    const task = await getTask(store.db, effect.taskId)
    const goal = await getGoal(store.db, effect.goalId)
    await store.transaction((tx) => noteEffect(tx, world.clock.now(), effect, BEGUN))
    try {
      const end = await deps.acts.undo({ task, goal, effect: effect.spec }, signal)
      // The daemon is being stopped: whether it was done nobody knows, and the next start says so.
      signal.throwIfAborted()
      const how = end.timedOut ? 'it ran into its time limit' : `it ended with ${end.exitCode ?? 'a signal'}`
      if (end.exitCode === 0 && !end.timedOut) await settle(effect, 'undone', end.tail || null)
      else await settle(effect, 'failed', [how, end.tail].filter(Boolean).join(': '))
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      await settle(effect, 'failed', error.message)
    }
  }

  async function settle(effect: EffectRow, state: 'undone' | 'failed', note: string | null): Promise<void> {
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      const task = await getTask(tx, effect.taskId)
      const goal = await getGoal(tx, effect.goalId)
      await moveEffect(tx, now, effect, state, note)
      await addEvent(tx, now, {
        type: 'effect.undone',
        goalId: goal.id,
        taskId: task.id,
        data: {
          label: taskLabel(goal.number, task.number),
          effect: `${effect.spec.kind} ${effect.spec.name}`,
          state: state === 'undone' ? 'undone' : 'could not be undone',
          note: state === 'undone' ? null : note,
        },
      })
    })
  }
}
