import { expect, test } from 'vitest'
import { silentLog } from '../../../core/world.ts'
import { readProviderLimit } from '../../../daemon/gateway/provider-limit.ts'
import { createUpstreamGate, type Place } from '../../../daemon/gateway/upstream-gate.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { times } from '../../model-server/script.ts'
import { chat, openRoom, PROVIDER_KEY } from './a-gateway.ts'

const NOW = Date.UTC(2026, 10, 23, 9)
const S = 1000

test.each([
  ['seconds', 429, { 'retry-after': '30' }, '', 30 * S],
  ['a date', 429, { 'retry-after': 'Mon, 23 Nov 2026 09:02:00 GMT' }, '', 120 * S],
  ['milliseconds', 429, { 'retry-after-ms': '2500' }, '', 2.5 * S],
  ['overloaded', 529, {}, '{"error":{"message":"Overloaded"}}', 2 * S],
  [
    'anthropic’s reset',
    429,
    { 'anthropic-ratelimit-requests-remaining': '0', 'anthropic-ratelimit-requests-reset': '2026-11-23T09:01:00Z' },
    '',
    60 * S,
  ],
  [
    'a reset of what is left',
    429,
    { 'x-ratelimit-remaining-tokens': '90', 'x-ratelimit-reset-tokens': '6m0s' },
    '',
    2 * S,
  ],
  ['openai’s reset', 429, { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '6m0s' }, '', 360 * S],
  ['a subscription’s window', 429, { 'anthropic-ratelimit-unified-reset': String(NOW / S + 3600) }, '', 3600 * S],
  ['gemini', 429, {}, '{"error":{"details":[{"retryDelay":"41s"}]}}', 41 * S],
  ['no credit', 429, {}, '{"error":{"code":"insufficient_quota"}}', 900 * S],
  ['no credit, as 400', 400, {}, '{"error":{"message":"Your credit balance is too low"}}', 900 * S],
  [
    'a window, as 400',
    400,
    {},
    '{"error":{"message":"You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC"}}',
    Date.UTC(2026, 11, 1) - NOW,
  ],
  ['busy', 503, { 'retry-after': '5' }, '', 5 * S],
  ['zero is no time', 429, { 'retry-after': '0' }, '', 2 * S],
] as const)('a provider’s limit is read from %s', (_name, status, headers, body, ms) => {
  expect(readProviderLimit({ status, headers, body }, NOW, 0)?.until).toBe(NOW + ms)
})

test.each([
  ['a plain mistake', 400, '{"error":{"message":"max_tokens is too large"}}'],
  ['trouble', 500, ''],
  ['trouble without a time', 503, 'bad gateway'],
  ['no right', 401, '{"error":{"message":"rate limit"}}'],
])('%s is no limit', (_name, status, body) => {
  expect(readProviderLimit({ status, headers: {}, body }, NOW, 0)).toBeUndefined()
})

test('without a time of the provider’s the wait doubles with each refusal in a row, and ends somewhere', () => {
  const waits = [0, 1, 2, 20].map(
    (refusals) => readProviderLimit({ status: 429, headers: {}, body: '' }, NOW, refusals)!.until - NOW,
  )
  expect(waits).toEqual([2 * S, 4 * S, 8 * S, 300 * S])
})

function aGate(parallelMax = 8) {
  const clock = createFakeClock(NOW)
  const resumed: number[] = []
  const gate = createUpstreamGate({
    world: { clock, log: silentLog },
    name: 'a',
    parallelMax,
    before: undefined,
    onChanged() {},
    onPaused() {},
    onResumed: () => void resumed.push(clock.now()),
  })
  const signal = new AbortController().signal
  return { clock, gate, resumed, enter: () => gate.enter(signal) }
}

test('the width is halved once for all that were under way, and grows by one for each round of answers', async () => {
  const { gate, clock, enter } = aGate(8)
  const places = await Promise.all(Array.from({ length: 8 }, enter))
  for (const place of places) place.limited(clock.now() + S, '429')
  for (const place of places) place[Symbol.dispose]()
  expect([gate.width, gate.refusals]).toEqual([4, 1])
  await clock.advance(S)
  for (let i = 0; i < 4; i++) {
    using place = await enter()
    place.answered()
  }
  expect([gate.width, gate.refusals]).toEqual([5, 0])
})

test('who waits for a place gets in by turn, and who goes away is forgotten', async () => {
  const { gate, enter } = aGate(1)
  const first = await enter()
  const order: string[] = []
  const leaving = new AbortController()
  const gone = gate.enter(leaving.signal).catch(() => order.push('gone'))
  const second = enter().then((place: Place) => {
    order.push('second')
    place[Symbol.dispose]()
  })
  const third = enter().then((place: Place) => {
    order.push('third')
    place[Symbol.dispose]()
  })
  leaving.abort()
  await gone
  first[Symbol.dispose]()
  await Promise.all([second, third])
  expect(order).toEqual(['gone', 'second', 'third'])
  expect(gate.inFlight).toBe(0)
})

test('a pause ends at its time, and a later one of the provider’s goes over an earlier', async () => {
  const { gate, clock, resumed, enter } = aGate()
  using place = await enter()
  place.limited(NOW + 10 * S, 'first')
  place.limited(NOW + 30 * S, 'second')
  place.limited(NOW + 20 * S, 'third')
  expect([gate.pausedUntil(), gate.why]).toEqual([NOW + 30 * S, 'second'])
  await clock.advance(29 * S)
  expect(resumed).toEqual([])
  await clock.advance(S)
  expect([gate.pausedUntil(), resumed]).toEqual([undefined, [NOW + 30 * S]])
})

test('a short limit is waited for: the caller gets its answer and never sees the refusal', async () => {
  const limited = times(1, { error: { status: 429, retryAfter: 1 } })
  await using room = await openRoom({ script: (request) => limited(request) ?? { say: 'after all' } })
  using granted = room.grant()
  const response = await chat(granted)
  expect(response.status).toBe(200)
  expect(await response.text()).toContain('after all')
  const rows = await room.spend()
  expect(rows.map(({ state, status }) => [state, status])).toEqual([
    ['void', 429],
    ['settled', 200],
  ])
  expect((await room.events()).map(({ type }) => type)).toContain('upstream.paused')
  expect(room.resumed).toEqual(['model'])
})

test('a long limit is passed on with the time that is left, and nobody asks the provider again before it', async () => {
  await using room = await openRoom({ script: () => ({ error: { status: 429, retryAfter: 600 } }) })
  using granted = room.grant()
  const first = await chat(granted)
  expect([first.status, first.headers.get('x-should-retry')]).toEqual([429, 'false'])
  const second = await chat(granted)
  expect(second.status).toBe(429)
  expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(590)
  expect(await second.json()).toMatchObject({ error: { code: 'rate_limit_exceeded' } })
  expect(room.server.requests).toHaveLength(1)
  expect(room.gateway.pausedUntil('model')).toBeGreaterThan(Date.now() + 590_000)
  expect(room.gateway.upstreams()[0]).toMatchObject({ ready: false, words: expect.stringMatching(/^paused until 2/) })
})

test('a pause outlives the daemon', async () => {
  await using room = await openRoom({ script: () => ({ error: { status: 429, retryAfter: 600 } }) })
  using granted = room.grant()
  await chat(granted)
  await room.gateway.flush()
  expect(await room.store.db.selectFrom('upstream').selectAll().execute()).toMatchObject([
    { name: 'model', pausedUntil: expect.any(Number), why: '429: scripted error 429', refusals: 1 },
  ])
  const { openGateway } = await import('../../../daemon/gateway/gateway.ts')
  const { readConfig } = await import('../../../config/load.ts')
  const { systemClock } = await import('../../../core/clock.ts')
  await using later = await openGateway({
    config: readConfig('model: {provider: openai-chat, model: m, baseUrl: "http://127.0.0.1:1"}', 'c', {}),
    secrets: { find: () => ({ missing: 'none here' }) },
    env: {},
    store: room.store,
    world: { clock: systemClock, log: silentLog },
    traceDir: room.dir,
    redact: (text) => text,
    hooks: { onLimit() {}, onResumed() {}, onDay() {} },
  })
  expect(later.pausedUntil('model')).toBe(room.gateway.pausedUntil('model'))
})

const SECOND_UPSTREAM = (answers: string) => `upstreams:
  first: {provider: openai-chat, baseUrl: "${answers}", model: one, key: "env:PROVIDER_KEY", fallbacks: [second]}
  second: {provider: openai-chat, baseUrl: "{url}", model: two, key: "env:PROVIDER_KEY", models: {one: two}}`

async function viaFirst(room: Awaited<ReturnType<typeof openRoom>>) {
  const model = room.gateway.models.find((one) => one.upstream === 'first')!
  using granted = room.gateway.access(model, {
    goalId: room.goal.id,
    taskId: null,
    runId: null,
    agent: 'pi',
    purpose: 'work',
  })
  return await chat(granted)
}

test('another upstream answers while the first is paused, if the owner named one', async () => {
  let asked = 0
  await using room = await openRoom({
    config: SECOND_UPSTREAM('{url}'),
    script(request) {
      if (request.model !== 'one') return { say: 'me' }
      asked++
      return { error: { status: 429, retryAfter: 600 } }
    },
  })
  expect((await viaFirst(room)).status).toBe(200)
  expect((await viaFirst(room)).status).toBe(200)
  expect(asked).toBe(1)
  expect((await room.spend()).map(({ upstream, model, state }) => [upstream, model, state])).toEqual([
    ['first', 'one', 'void'],
    ['second', 'two', 'settled'],
    ['second', 'two', 'settled'],
  ])
  expect(room.gateway.pausedUntil('first')).toBeUndefined()
})

test('another upstream answers when the first cannot be reached; without one the caller is told which it was', async () => {
  await using room = await openRoom({ config: SECOND_UPSTREAM('http://127.0.0.1:9') })
  expect((await viaFirst(room)).status).toBe(200)
  await using alone = await openRoom({
    config:
      'upstreams: {far: {provider: openai-chat, baseUrl: "http://127.0.0.1:9", model: m, key: "env:PROVIDER_KEY"}}',
  })
  const model = alone.gateway.models.find((one) => one.upstream === 'far')!
  using granted = alone.gateway.access(model, { goalId: null, taskId: null, runId: null, agent: 'pi', purpose: 'work' })
  const response = await chat(granted)
  expect(response.status).toBe(502)
  expect(await response.text()).toContain('Claw: far cannot be reached: ')
  expect(await alone.spend()).toMatchObject([{ state: 'void', inputTokens: 0, usd: 0 }])
})

test('what the provider says of a wrong request reaches the caller, without the key', async () => {
  const body = { error: { message: `bad, ${PROVIDER_KEY} said so`, type: 'invalid_request_error' } }
  await using room = await openRoom({ script: () => ({ error: { status: 400, body } }) })
  using granted = room.grant()
  const response = await chat(granted)
  expect(response.status).toBe(400)
  expect(await response.json()).toEqual({ error: { message: 'bad, [secret] said so', type: 'invalid_request_error' } })
})

test('a provider that refuses our key is not quoted', async () => {
  const lines: unknown[] = []
  const log = {
    ...silentLog,
    error: (...words: unknown[]) => void lines.push(words),
    warn: (...words: unknown[]) => void lines.push(words),
    child: () => log,
  }
  const body = { error: { message: `Incorrect API key provided: ${PROVIDER_KEY.slice(0, 8)}****` } }
  await using room = await openRoom({ log, script: () => ({ error: { status: 401, body } }) })
  using granted = room.grant()
  const response = await chat(granted)
  expect(response.status).toBe(401)
  expect(await response.text()).toContain('Claw: model refuses the key that Claw has for it.')
  expect(lines.length).toBeGreaterThan(0)
  expect(JSON.stringify(lines)).not.toContain(PROVIDER_KEY.slice(0, 8))
})
