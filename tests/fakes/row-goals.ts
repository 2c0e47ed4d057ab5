import type { Fault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import { newId } from '../../core/id.ts'
import type { World } from '../../core/world.ts'
import { type Goals, NewGoal } from '../../daemon/goals/goals.ts'
import { goalNamed } from '../../daemon/goals/names.ts'
import { addGoal, addRepository, findGoalByKey, moveGoal, nextGoalNumber, updateGoal } from '../../daemon/store/rows.ts'
import type { Store } from '../../daemon/store/store.ts'
import { aGoal } from './views.ts'

/**
 * Goals that are rows and nothing more: no repository, no plan, no advance. Keeps what schedules rely on: an
 * acknowledged goal is on the disk, and the same key gives the same goal.
 */
export function createRowGoals({ store, world }: { store: Store; world: World }) {
  let refusal: Fault | undefined

  async function add(input: Parameters<Goals['add']>[0]): Promise<{ goal: Goal }> {
    const wanted = NewGoal.parse(input)
    if (refusal) throw refusal
    return store.transaction(async (tx) => {
      const before = wanted.idempotencyKey ? await findGoalByKey(tx, wanted.idempotencyKey) : undefined
      if (before) return { goal: before }
      const now = world.clock.now()
      const repository = await tx.selectFrom('repository').select('id').executeTakeFirst()
      if (!repository) {
        await addRepository(tx, { id: 'repo_1', path: '/repo', url: null, gitDir: '/git', createdAt: now })
      }
      const number = await nextGoalNumber(tx)
      const goal = aGoal({ id: newId('goal', now), number, text: wanted.text, source: wanted.source, createdAt: now })
      await addGoal(tx, goal, wanted.idempotencyKey)
      return { goal }
    })
  }

  async function end(name: string, to: 'met' | 'dropped', report?: { file: string }): Promise<Goal> {
    const goal = await goalNamed(store.db, name)
    await store.transaction(async (tx) => {
      await moveGoal(tx, goal, to, { outcome: `it was ${to}`, endedAt: world.clock.now() })
      if (report) await updateGoal(tx, goal.id, { reportFile: report.file })
    })
    return goalNamed(store.db, name)
  }

  return {
    add: add as unknown as Goals['add'],
    async cancel(name: string) {
      await end(name, 'dropped')
    },
    end,
    /** From now on adding is refused so; undefined takes it back. */
    refuse(fault: Fault | undefined) {
      refusal = fault
    },
    async list(): Promise<{ number: number; text: string; state: string; createdAt: number }[]> {
      return store.db.selectFrom('goal').select(['number', 'text', 'state', 'createdAt']).orderBy('number').execute()
    },
  }
}
