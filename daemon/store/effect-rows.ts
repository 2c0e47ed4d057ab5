import { type Act, EFFECT_MOVES, EffectRow, type EffectState } from '../../core/act.ts'
import type { GoalId } from '../../core/goal.ts'
import { newId } from '../../core/id.ts'
import { assertMove } from '../../core/moves.ts'
import type { Task } from '../../core/task.ts'
import type { Db, Row, Tx } from './tables.ts'

/** Effects of acts, as rows. A row is there before anybody could have brought its effect about. */

const readEffect = (row: Row<'effect'>): EffectRow => EffectRow.parse({ ...row, spec: JSON.parse(row.spec) })

/** In the order in which they were declared, task by task. */
export async function listEffects(db: Db, by: { goalId: GoalId } | { taskId: Task['id'] }): Promise<EffectRow[]> {
  const query = db.selectFrom('effect').selectAll()
  const rows = await ('goalId' in by ? query.where('goalId', '=', by.goalId) : query.where('taskId', '=', by.taskId))
    .orderBy('createdAt')
    .orderBy('taskId')
    .orderBy('number')
    .execute()
  return rows.map(readEffect)
}

/** Writes down all that an act may change from now on. Again is harmless; what was undone may be there again. */
export async function expectEffects(tx: Tx, now: number, task: Pick<Task, 'id' | 'goalId'>, act: Act): Promise<void> {
  const there = await listEffects(tx, { taskId: task.id })
  for (const [index, spec] of act.effects.entries()) {
    const before = there.find((effect) => effect.number === index + 1)
    if (!before) {
      await tx
        .insertInto('effect')
        .values({
          id: newId('effect', now),
          goalId: task.goalId,
          taskId: task.id,
          number: index + 1,
          spec: JSON.stringify(spec),
          state: 'possible',
          note: null,
          createdAt: now,
          changedAt: now,
        })
        .execute()
    } else if (before.state === 'undone' || before.state === 'failed') await moveEffect(tx, now, before, 'possible')
  }
}

export async function moveEffect(
  tx: Tx,
  now: number,
  effect: EffectRow,
  to: EffectState,
  note: string | null = null,
): Promise<void> {
  assertMove(EFFECT_MOVES, `The effect ${effect.spec.name}`, effect.state, to)
  await tx.updateTable('effect').set({ state: to, note, changedAt: now }).where('id', '=', effect.id).execute()
}

/** Says more about an effect that stays in its state. */
export async function noteEffect(tx: Tx, now: number, effect: EffectRow, note: string): Promise<void> {
  await tx.updateTable('effect').set({ note, changedAt: now }).where('id', '=', effect.id).execute()
}
