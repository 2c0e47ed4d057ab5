import { expect, onTestFinished, test } from 'vitest'
import { DAY } from '../../../core/clock.ts'
import { CostBy, NO_TOKENS } from '../../../core/spend.ts'
import { silentLog } from '../../../core/world.ts'
import { addSpend, costSheet, settleSpend, sumSpend } from '../../../daemon/store/ledger-rows.ts'
import { moveGoal } from '../../../daemon/store/rows.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'
import { compactSpend } from '../../../daemon/upkeep/compact-spend.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { addAGoal } from '../gateway/a-gateway.ts'

const NOW = Date.UTC(2026, 10, 23)

/** Two goals, ended and open, with a year of requests of each kind. */
async function aLedger() {
  const store = openSqliteStore(':memory:')
  onTestFinished(() => store[Symbol.asyncDispose]())
  const ended = await addAGoal(store, {}, 1)
  const open = await addAGoal(store, {}, 2)
  await store.transaction((tx) => moveGoal(tx, ended, 'dropped'))
  let n = 0
  async function add(
    daysAgo: number,
    goalId: string | null,
    state: 'settled' | 'estimated' | 'void' | null,
    usd: number | null,
  ) {
    const at = NOW - daysAgo * DAY
    const day = new Date(at).toISOString().slice(0, 10)
    const about = { goalId: goalId as never, taskId: null, runId: null, agent: 'pi', purpose: 'work', upstream: 'main' }
    const tokens = { ...NO_TOKENS, inputTokens: 100 + ++n, outputTokens: n, cachedTokens: n % 7 }
    const model = n % 2 ? 'large' : 'small'
    const id = await addSpend(store.db, { ...about, ...tokens, at, day, api: 'anthropic', model, usd })
    if (state)
      await settleSpend(store.db, id, { ...tokens, settledAt: at, state, status: 200, usd: state === 'void' ? 0 : usd })
  }
  for (const daysAgo of [300, 100, 61, 59, 1]) {
    for (const goalId of [ended.id, open.id, null]) {
      for (let i = 0; i < 6; i++) await add(daysAgo, goalId, 'settled', 0.25)
      for (let i = 0; i < 4; i++) await add(daysAgo, goalId, 'settled', null)
      for (let i = 0; i < 3; i++) await add(daysAgo, goalId, 'estimated', 0.5)
      await add(daysAgo, goalId, 'void', 1)
      await add(daysAgo, goalId, null, 2)
    }
  }
  const run = () =>
    compactSpend({ store, world: { clock: createFakeClock(NOW), log: silentLog }, spendDays: 60 }).run(
      new AbortController().signal,
    )
  const sums = async () => ({
    sheets: await Promise.all(CostBy.options.map((by) => costSheet(store.db, { by }))),
    ofGoal: await costSheet(store.db, { by: 'day', goalId: ended.id }),
    all: await sumSpend(store.db, 'all'),
    goal: await sumSpend(store.db, { goalId: ended.id }),
    day: await sumSpend(store.db, { day: '2026-01-27' }),
  })
  const count = async () => (await store.db.selectFrom('spend').select('id').execute()).length
  return { store, ended, open, run, sums, count }
}

test('old requests become one row for each run, model and day, and no sum changes', async () => {
  const { store, ended, open, run, sums, count } = await aLedger()
  const before = await sums()
  const rows = await count()
  await run()
  expect(await sums()).toEqual(before)
  expect(await count()).toBeLessThan(rows)
  const of = async (goalId: string) =>
    (
      await store.db.selectFrom('spend').select(['at', 'requests', 'state']).where('goalId', '=', goalId).execute()
    ).filter(({ at }) => at < NOW - 60 * DAY)
  // By model and price: two of each of three kinds and two estimated, for each of three days; what is open stays.
  expect((await of(ended.id)).filter(({ state }) => state !== 'reserved')).toHaveLength(3 * 6)
  expect((await of(ended.id)).filter(({ state }) => state === 'reserved')).toHaveLength(3)
  expect((await of(ended.id)).some(({ state }) => state === 'void')).toBe(false)
  expect((await of(open.id)).every(({ requests }) => requests === 1)).toBe(true)
})

test('done again it changes nothing, and rows that were put together once are put together with later ones', async () => {
  const { run, sums, count } = await aLedger()
  await run()
  const [after, rows] = [await sums(), await count()]
  await run()
  expect(await sums()).toEqual(after)
  expect(await count()).toBe(rows)
})
