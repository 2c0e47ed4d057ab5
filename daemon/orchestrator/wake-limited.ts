import type { Queue } from '../store/queue.ts'
import { listAsks } from '../store/rows.ts'
import type { Tx } from '../store/tables.ts'
import { send } from './jobs.ts'

/** Looks again at goals that wait at a limit: a new day has begun, or the owner raised what they share. */
export async function wakeLimited(tx: Tx, queue: Queue): Promise<void> {
  for (const ask of await listAsks(tx, { state: 'open' })) {
    if (ask.kind === 'limit') await send(queue, tx, 'advance', ask.goalId)
  }
}
