import { DAY } from '../../core/clock.ts'
import type { World } from '../../core/world.ts'
import type { Store } from '../store/store.ts'
import type { Chore } from './upkeep.ts'

/** Rows per transaction: nobody who writes waits for long. */
const BATCH = 2_000
const BATCHES_MAX = 10_000

/**
 * Takes old events away: first what agents said while they worked, later the rest. Rows of goals, tasks, proofs
 * and landings stay, and so do reports: no state is derived from events. A goal that has not ended keeps all.
 */
export function compactEvents(deps: { store: Store; world: World; eventDays: number; chatterDays: number }): Chore {
  const { store, world } = deps
  return {
    name: 'event compaction',
    async run(signal) {
      const now = world.clock.now()
      const chatter = await removeBefore(now - deps.chatterDays * DAY, true, signal)
      const others = await removeBefore(now - deps.eventDays * DAY, false, signal)
      if (chatter + others > 0) world.log.info({ chatter, others }, 'old events removed')
    },
  }

  async function removeBefore(before: number, onlyChatter: boolean, signal: AbortSignal): Promise<number> {
    let removed = 0
    for (let batch = 0; batch < BATCHES_MAX && !signal.aborted; batch++) {
      const open = store.db.selectFrom('goal').select('id').where('state', 'in', ['open', 'paused'])
      const old = store.db
        .selectFrom('event')
        .select('id')
        .where('at', '<', before)
        .where((row) => row.or([row('goalId', 'is', null), row('goalId', 'not in', open)]))
        .$if(onlyChatter, (query) => query.where('type', '=', 'run.updated'))
        .orderBy('id')
        .limit(BATCH)
      const { numDeletedRows } = await store.db.deleteFrom('event').where('id', 'in', old).executeTakeFirstOrThrow()
      removed += Number(numDeletedRows)
      if (Number(numDeletedRows) < BATCH) break
    }
    return removed
  }
}
