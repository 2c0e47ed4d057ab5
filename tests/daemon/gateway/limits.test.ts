import { expect, test } from 'vitest'
import { judgeLimits, type LimitScope } from '../../../daemon/gateway/limits.ts'
import { setLimitFactor } from '../../../daemon/store/ledger-rows.ts'
import { updateGoal } from '../../../daemon/store/rows.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { chat, openRoom } from './a-gateway.ts'

const PRICE = 'prices: {scripted-model: {input: 1000, output: 1000}}'
const HUNDRED = { usage: { inputTokens: 60, cachedTokens: 0, outputTokens: 40 } }

const aScope = (over: Partial<LimitScope>): LimitScope => ({
  scope: 'goal',
  words: 'goal #1',
  spent: { usd: 0, tokens: 0 },
  inFlight: { usd: 0, tokens: 0 },
  usdMax: 10,
  tokensMax: null,
  ...over,
})

test.each([
  ['nothing spent', {}, { do: 'go', notices: [] }],
  ['below the notice', { spent: { usd: 7.9, tokens: 0 } }, { do: 'go', notices: [] }],
  ['at the notice', { spent: { usd: 8, tokens: 0 } }, { do: 'go', notices: [{ used: 8, max: 10, unit: 'usd' }] }],
  ['all spent', { spent: { usd: 10, tokens: 0 } }, { do: 'refuse', limit: { used: 10, max: 10, scope: 'goal' } }],
  [
    'what is under way may reach it',
    { spent: { usd: 5, tokens: 0 }, inFlight: { usd: 5, tokens: 0 } },
    { do: 'wait', notices: [] },
  ],
  ['nothing is under way: the one that reaches it goes', { spent: { usd: 9.99, tokens: 0 } }, { do: 'go' }],
  ['tokens count too', { usdMax: null, tokensMax: 5, spent: { usd: 0, tokens: 5 } }, { do: 'refuse' }],
  ['no limit', { usdMax: null, spent: { usd: 1e9, tokens: 1e9 } }, { do: 'go', notices: [] }],
] as const)('%s', (_name, scope, verdict) => {
  expect(judgeLimits([aScope(scope as Partial<LimitScope>)], 80)).toMatchObject(verdict)
})

test('a goal that has spent its money is refused for good, and somebody is told', async () => {
  await using room = await openRoom({
    limits: { usdMax: 0.25 },
    config: PRICE,
    script: () => ({ say: 'x', ...HUNDRED }),
  })
  using granted = room.grant('openai-chat', {})
  const answers = []
  for (let i = 0; i < 4; i++) answers.push(await chat(granted))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 400])
  expect(answers[3]!.headers.get('x-should-retry')).toBe('false')
  expect(await answers[3]!.json()).toEqual({
    error: {
      message:
        'Claw: goal #1 is out of budget: 0.30 USD of 0.25 USD are used. The owner is asked; stop here, your work is kept.',
      param: null,
      type: 'invalid_request_error',
      code: 'out_of_budget',
    },
  })
  expect(room.server.requests).toHaveLength(3)
  expect(room.reached).toEqual([{ runId: null, words: 'goal #1', unit: 'usd' }])
  const events = await room.events()
  expect(events.map(({ type, data }) => ({ type, data }))).toEqual([
    { type: 'limit.noticed', data: { limit: 'goal #1', used: '0.20 USD', max: '0.25 USD', percent: 80 } },
    { type: 'limit.reached', data: { limit: 'goal #1', used: '0.30 USD', max: '0.25 USD' } },
  ])
})

test('the notice is said once per limit, also over a restart, and again when the limit is raised', async () => {
  await using room = await openRoom({
    limits: { tokensMax: 100_000 },
    script: () => ({ say: 'x', usage: { inputTokens: 9_000, outputTokens: 1 } }),
  })
  using granted = room.grant()
  for (let i = 0; i < 11; i++) await chat(granted)
  await using again = await openRoom({ file: `${room.dir}/other.db`, limits: { tokensMax: 100_000 } })
  expect(await again.events()).toEqual([])
  const noticed = async () => (await room.events()).filter(({ type }) => type === 'limit.noticed').length
  expect(await noticed()).toBe(1)
  await room.store.transaction((tx) =>
    updateGoal(tx, room.goal.id, { limits: { ...room.goal.limits, tokensMax: 110_000 } }),
  )
  await chat(granted)
  expect(await noticed()).toBe(2)
})

test('a raised limit lets the goal go on', async () => {
  await using room = await openRoom({ limits: { tokensMax: 50 }, script: () => ({ say: 'x', ...HUNDRED }) })
  using granted = room.grant()
  expect((await chat(granted)).status).toBe(200)
  expect((await chat(granted)).status).toBe(400)
  await room.store.transaction((tx) =>
    updateGoal(tx, room.goal.id, { limits: { ...room.goal.limits, tokensMax: 150 } }),
  )
  expect((await chat(granted)).status).toBe(200)
})

test('a day’s limit holds for all goals, may be raised for the day, and is new on the next', async () => {
  const clock = createFakeClock(new Date(2026, 10, 23, 12).getTime())
  await using room = await openRoom({
    clock,
    config: 'limits: {dayTokensMax: 150}',
    script: () => ({ say: 'x', ...HUNDRED }),
  })
  using granted = room.grant()
  const brain = room.gateway.brain({
    provider: 'openai-chat',
    model: 'scripted-model',
    baseUrl: room.server.url,
    key: '',
  })
  const asBrain = { model: { ...granted.model, key: brain.keyFor({ purpose: 'plan' }) } }
  expect((await chat(granted)).status).toBe(200)
  expect((await chat(asBrain)).status).toBe(200)
  const refused = await chat(granted)
  expect(refused.status).toBe(400)
  expect(await refused.text()).toContain('today is out of budget: 200 tokens of 150 tokens')
  await room.store.transaction((tx) => setLimitFactor(tx, 'day 2026-11-23', 2))
  expect((await chat(granted)).status).toBe(200)
  expect((await chat(granted)).status).toBe(400)
  clock.jump(24 * 3_600_000)
  expect((await chat(granted)).status).toBe(200)
})

test('the whole daemon’s limit counts what was spent before a restart', async () => {
  const config = 'limits: {totalTokensMax: 150}'
  const script = () => ({ say: 'x', ...HUNDRED })
  await using room = await openRoom({ config, script })
  using granted = room.grant()
  for (let i = 0; i < 2; i++) expect((await chat(granted)).status).toBe(200)
  await using later = await room.again()
  using again = later.grant()
  expect((await chat(again)).status).toBe(400)
})

test('two requests at once cannot both slip under a limit that one of them reaches', async () => {
  const arrived = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  let asked = 0
  await using room = await openRoom({
    limits: { tokensMax: 2_010 },
    async script() {
      asked++
      arrived.resolve()
      await go.promise
      return { say: 'x', usage: { inputTokens: 2_200, outputTokens: 1 } }
    },
  })
  using granted = room.grant()
  const first = chat(granted, { body: { max_tokens: 5_000 } })
  await arrived.promise
  const second = chat(granted, { body: { max_tokens: 5_000 } })
  // The second is held while the first is under way; it is judged when that has ended.
  await expect.poll(() => room.gateway.upstreams()[0]!.inFlight).toBe(2)
  go.resolve()
  expect([(await first).status, (await second).status]).toEqual([200, 400])
  expect(asked).toBe(1)
})

test('a model without a price costs nobody knows what, and that is said', async () => {
  await using room = await openRoom({ limits: { usdMax: 1 } })
  using granted = room.grant()
  for (let i = 0; i < 2; i++) expect((await chat(granted)).status).toBe(200)
  expect((await room.spend()).map(({ usd, state }) => [usd, state])).toEqual([
    [null, 'settled'],
    [null, 'settled'],
  ])
  expect((await room.events()).map(({ type, data }) => ({ type, data }))).toEqual([
    { type: 'model.unpriced', data: { upstream: 'model', model: 'scripted-model' } },
  ])
})
