import { expect, test } from 'vitest'
import { costLines } from '../../../cli/commands/cost.ts'
import { PlanDraft } from '../../../core/plan.ts'
import { findGoalCost } from '../../../daemon/gateway/goal-cost.ts'
import { costSheet } from '../../../daemon/store/ledger-rows.ts'
import { createFakeApp } from '../../fakes/fake-app.ts'
import { addAGoal, chat, openRoom } from './a-gateway.ts'

const USAGE = { inputTokens: 600_000, cachedTokens: 500_000, outputTokens: 400_000 }
const PRICE = 'prices: {scripted-model: {input: 1, output: 1}}'

test('sums are by goal, agent, model and day, and what nobody knows is said', async () => {
  await using room = await openRoom({ config: PRICE, script: () => ({ say: 'x', usage: USAGE }) })
  const other = await addAGoal(room.store, {}, 2)
  using pi = room.grant()
  using goose = room.grant('openai-chat', { agent: 'goose', goalId: other.id })
  for (let n = 0; n < 3; n++) await (await chat(pi)).text()
  await (await chat(goose)).text()
  await (await chat(goose, { body: { model: 'nobody-knows' } })).text()
  await room.gateway.flush()
  const by = async (what: 'goal' | 'agent' | 'model' | 'day' | 'task', goalId?: `goal_${string}`) => {
    const { rows } = await costSheet(room.store.db, { by: what, ...(goalId ? { goalId } : {}) })
    return rows.map(({ key, requests, usd, unpriced }) => [key, requests, usd, unpriced])
  }
  expect(await by('goal')).toEqual([
    ['#2', 2, 1, 1],
    ['#1', 3, 3, 0],
  ])
  expect(await by('agent')).toEqual([
    ['pi', 3, 3, 0],
    ['goose', 2, 1, 1],
  ])
  expect(await by('model')).toEqual([
    ['scripted-model', 4, 4, 0],
    ['nobody-knows', 1, null, 1],
  ])
  expect(await by('task', room.goal.id)).toEqual([['#1', 3, 3, 0]])
  expect(await by('day')).toEqual([[expect.stringMatching(/^\d{4}-\d\d-\d\d$/), 5, 4, 1]])
  const sheet = await costSheet(room.store.db, { by: 'goal' })
  expect(sheet.total).toMatchObject({ requests: 5, inputTokens: 3_000_000, outputTokens: 2_000_000, usd: 4 })
  expect(costLines(sheet, { paint: (_style, text) => text })).toEqual([
    'goal           cost       input      cached      output    requests',
    '#2           >$1.00   1,200,000   1,000,000     800,000           2',
    '#1            $3.00   1,800,000   1,500,000   1,200,000           3',
    'total        >$4.00   3,000,000   2,500,000   2,000,000           5',
    '1 request of a model whose price is not known: not in the cost (set `prices` in the configuration)',
  ])
})

test('a goal’s cost is put beside what it was estimated at', async () => {
  await using room = await openRoom({ config: PRICE, script: () => ({ say: 'x', usage: USAGE }) })
  using pi = room.grant()
  await (await chat(pi)).text()
  await room.gateway.flush()
  const draft = PlanDraft.parse({ summary: 's', tasks: [{ key: 'a', title: 'A', brief: 'b', footprint: ['**'] }] })
  const plan = { draft, createdAt: 1 } as never
  const budget = { agent: () => 'pi', price: () => 0.5 }
  const { compared, sheet } = await findGoalCost(room.store.db, { goal: room.goal, plan }, budget)
  expect(sheet.rows.map(({ key }) => key)).toEqual(['pi'])
  expect(compared).toMatch(
    /^Estimated: about 0.50 USD \(412,000 tokens\), a guess.* It came to 1.00 USD \(1,000,000 tokens\)\. That is 2\.0 times/,
  )
  expect((await findGoalCost(room.store.db, { goal: room.goal, plan: null }, budget)).compared).toBeNull()
})

test.each([
  ['/v1/cost', 'goal'],
  ['/v1/cost?goal=1', 'task'],
  ['/v1/cost?goal=1&by=model', 'model'],
])('GET %s sums by %s', async (path, by) => {
  const { call } = createFakeApp()
  expect(await (await call(path)).json()).toMatchObject({ by, total: { requests: 2 } })
})

test('a goal that is not there, and a sum by nothing known, are refused', async () => {
  const { call } = createFakeApp()
  expect((await call('/v1/cost?goal=404')).status).toBe(404)
  expect((await call('/v1/cost?by=colour')).status).toBe(400)
})
