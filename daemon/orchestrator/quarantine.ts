import type { GoalId } from '../../core/goal.ts'
import type { RunId } from '../../core/run.ts'
import type { World } from '../../core/world.ts'
import { openAsk } from '../inbox/ask.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent, updateGoal } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Tx } from '../store/tables.ts'
import type { Effect } from './carry-out.ts'
import { send } from './jobs.ts'

/**
 * Sets a goal apart that threw: it is shown with its stack and the owner is asked once; nothing else stops.
 *
 * Whatever is wrong with the goal's rows, they are not read here: a goal that cannot even be read must still be
 * shown, and dropped where the owner has said so.
 */
export async function quarantine(
  { store, queue, world }: { store: Store; queue: Queue; world: World },
  goalId: GoalId,
  error: Error,
): Promise<Effect[]> {
  world.log.error({ err: error, goalId }, 'goal quarantined')
  return store.transaction(async (tx) => {
    const now = world.clock.now()
    const asks = await tx
      .selectFrom('ask')
      .select(['id', 'state', 'answer'])
      .where('goalId', '=', goalId)
      .where('kind', '=', 'quarantine')
      .where('settledAt', 'is', null)
      .execute()
    const isDropped = asks.some((ask) => ask.answer !== null && /"choice":"drop"/.test(ask.answer))
    if (isDropped) return dropUnread(tx, queue, goalId, now)
    if (asks.some((ask) => ask.state === 'open')) return []
    // An answer that was to try again has been acted upon: this is what came of it.
    for (const ask of asks) await tx.updateTable('ask').set({ settledAt: now }).where('id', '=', ask.id).execute()
    const stack = error.stack ?? String(error)
    await updateGoal(tx, goalId, { quarantine: stack })
    await addEvent(tx, now, { type: 'goal.quarantined', goalId, data: { error: String(error).slice(0, 2_000) } })
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
    return []
  })
}

/** Ends a goal without reading it. What it did stays in its worktrees and refs. */
async function dropUnread(tx: Tx, queue: Queue, goalId: GoalId, now: number): Promise<Effect[]> {
  const outcome = 'dropped by the owner after an internal error'
  const ended = { state: 'cancelled', reason: outcome, endedAt: now }
  await tx
    .updateTable('task')
    .set(ended)
    .where('goalId', '=', goalId)
    .where('state', 'not in', ['done', 'failed', 'cancelled'])
    .execute()
  await tx.updateTable('ask').set({ state: 'moot' }).where('goalId', '=', goalId).where('state', '=', 'open').execute()
  await tx
    .updateTable('ask')
    .set({ settledAt: now })
    .where('goalId', '=', goalId)
    .where('settledAt', 'is', null)
    .execute()
  await tx.updateTable('goal').set({ state: 'dropped', outcome, endedAt: now }).where('id', '=', goalId).execute()
  await addEvent(tx, now, { type: 'goal.dropped', goalId, data: { outcome } })
  await send(queue, tx, 'report', goalId)
  const runs = await tx
    .selectFrom('run')
    .select('id')
    .where('goalId', '=', goalId)
    .where('state', '<>', 'ended')
    .execute()
  return runs.map((run) => ({ stopRun: run.id as RunId, why: 'cancelled' }))
}

/** A fault of the store (a full disk, a broken file) is nobody's goal's; it goes to the queue. */
export function isOfTheGoal(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  return !('code' in error && (error.code === 'disk_full' || error.code === 'store_broken' || error.code === 'ENOSPC'))
}
