import { sql } from 'kysely'
import { DAY } from '../../core/clock.ts'
import type { World } from '../../core/world.ts'
import type { Store } from '../store/store.ts'
import type { Tx } from '../store/tables.ts'
import type { Chore } from './upkeep.ts'

/** What must be the same for requests to become one row: everything that sums are made by. */
const KEY = ['day', 'goalId', 'taskId', 'runId', 'agent', 'purpose', 'upstream', 'api', 'model', 'state'] as const
const AMOUNTS = [
  'requests',
  'inputTokens',
  'cachedTokens',
  'cacheWriteTokens',
  'outputTokens',
  'reasoningTokens',
] as const

/**
 * Puts old requests together, a row for each run, model and day: every sum stays what it was. What is under way is
 * never touched, and neither is a goal that has not ended; what a provider did not do is taken away.
 */
export function compactSpend(deps: { store: Store; world: World; spendDays: number }): Chore {
  const { store, world } = deps
  return {
    name: 'spend compaction',
    async run(signal) {
      const before = world.clock.now() - deps.spendDays * DAY
      const days = await store.db.selectFrom('spend').select('day').distinct().where('at', '<', before).execute()
      let taken = 0
      for (const { day } of days) {
        if (signal.aborted) return
        taken += await store.transaction((tx) => compactDay(tx, day, before))
      }
      if (taken > 0) world.log.info({ rows: taken }, 'old requests put together')
    },
  }
}

/** A day at a time: nobody who spends waits for long. */
async function compactDay(tx: Tx, day: string, before: number): Promise<number> {
  const open = tx.selectFrom('goal').select('id').where('state', 'in', ['open', 'paused'])
  const old = tx
    .selectFrom('spend')
    .where('day', '=', day)
    .where('at', '<', before)
    .where((row) => row.or([row('goalId', 'is', null), row('goalId', 'not in', open)]))
  const empty = old.where('state', '=', 'void').select('id')
  const { numDeletedRows } = await tx.deleteFrom('spend').where('id', 'in', empty).executeTakeFirstOrThrow()
  let taken = Number(numDeletedRows)
  const isUnpriced = sql<number>`usd is null`
  const groups = await old
    .where('state', 'in', ['settled', 'estimated'])
    // The last stays, so that what was spent lately still comes first; what has no price stays apart.
    .select((row) => [
      row.fn.max('id').as('id'),
      row.fn.countAll<number>().as('rows'),
      sql<string>`json_group_array(id)`.as('ids'),
      sql<number | null>`sum(usd)`.as('usd'),
      ...AMOUNTS.map((name) => row.fn.sum<number>(name).as(name)),
    ])
    .groupBy([...KEY, isUnpriced])
    .having((row) => row(row.fn.countAll(), '>', 1))
    .execute()
  for (const { id, rows, ids, ...sums } of groups) {
    const others = (JSON.parse(ids) as number[]).filter((other) => other !== Number(id))
    await tx
      .deleteFrom('spend')
      .where(sql<boolean>`id in (select value from json_each(${JSON.stringify(others)}))`)
      .execute()
    await tx.updateTable('spend').set(sums).where('id', '=', Number(id)).execute()
    taken += Number(rows) - 1
  }
  return taken
}
