import { afterEach, expect, test } from 'vitest'
import { silentLog } from '../../../core/world.ts'
import { HEARTBEAT_MS } from '../../../daemon/http/events.ts'
import { createFakeApp } from '../../fakes/fake-app.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { aGoal, aGoalView } from '../../fakes/views.ts'

const SSE = { accept: 'text/event-stream' }
let open: ReadableStreamDefaultReader<Uint8Array>[] = []
afterEach(async () => {
  for (const reader of open) await reader.cancel().catch(() => {})
  open = []
})

/** Reads the stream as text, piece by piece. */
function reading(response: Response) {
  expect(response.status).toBe(200)
  const reader = response.body!.getReader()
  open.push(reader)
  const decoder = new TextDecoder()
  return {
    reader,
    async next() {
      const { value, done } = await reader.read()
      return done ? undefined : decoder.decode(value)
    },
  }
}

const idsIn = (text: string | undefined) => [...(text ?? '').matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))

test('a page says where the next one begins', async () => {
  const { call, events } = createFakeApp()
  for (let n = 0; n < 5; n++) events.add('goal.paused', { by: 'x' })
  const page = async (path: string) => (await (await call(path)).json()) as { events: unknown[]; next: number }
  expect(await page('/v1/events?limit=3')).toMatchObject({ events: [{ id: 1 }, { id: 2 }, { id: 3 }], next: 3 })
  expect(await page('/v1/events?after=3')).toMatchObject({ events: [{ id: 4 }, { id: 5 }], next: 5 })
  expect(await page('/v1/events?after=5')).toEqual({ events: [], next: 5 })
})

test('one goal’s events only, by its number; an unknown goal is named', async () => {
  const { call, events, goals } = createFakeApp()
  goals.put(aGoalView({ goal: aGoal({ number: 2 }) }))
  events.add('goal.paused', { by: 'x' }, 'goal_1')
  events.add('goal.paused', { by: 'x' }, 'goal_2')
  expect(await (await call('/v1/events?goal=2')).json()).toMatchObject({ events: [{ id: 2 }], next: 2 })
  expect((await call('/v1/events?goal=9', { headers: SSE })).status).toBe(404)
})

test('a stream begins with what comes next, and gives each event its id', async () => {
  const { call, events } = createFakeApp()
  events.add('goal.paused', { by: 'before' })
  const stream = reading(await call('/v1/events', { headers: SSE }))
  expect(await stream.next()).toMatch(/^: /)
  events.add('goal.paused', { by: 'after' })
  const text = await stream.next()
  expect(text).toMatch(/^id: 2\nevent: goal\.paused\ndata: \{.*"by":"after".*\}\n\n$/)
})

test('who comes back with Last-Event-ID goes on there, whatever `after` said', async () => {
  const { call, events } = createFakeApp()
  for (let n = 0; n < 5; n++) events.add('goal.paused', { by: 'x' })
  const stream = reading(await call('/v1/events?after=1', { headers: { ...SSE, 'last-event-id': '3' } }))
  await stream.next()
  expect(idsIn(await stream.next())).toEqual([4, 5])
})

test('a Last-Event-ID that is none is refused', async () => {
  const { call } = createFakeApp()
  expect((await call('/v1/events', { headers: { ...SSE, 'last-event-id': 'x' } })).status).toBe(400)
})

test('nothing is lost or repeated, whenever events are added', async () => {
  const { call, events } = createFakeApp()
  const stream = reading(await call('/v1/events?after=0', { headers: SSE }))
  const seen: number[] = []
  for (let n = 0; n < 60; n++) events.add('goal.paused', { by: 'x' })
  const adding = (async () => {
    for (let n = 0; n < 600; n++) {
      events.add('goal.paused', { by: 'x' })
      if (n % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  while (seen.length < 660) seen.push(...idsIn(await stream.next()))
  await adding
  expect(seen).toEqual(Array.from({ length: 660 }, (_, index) => index + 1))
})

test('an event that comes while an empty page is read does not wait for the heartbeat', async () => {
  const { call, events } = createFakeApp()
  const read = events.page
  let isFirst = true
  events.page = async (filter) => {
    const page = await read(filter)
    if (isFirst) events.add('goal.paused', { by: 'meanwhile' })
    isFirst = false
    return page
  }
  const stream = reading(await call('/v1/events', { headers: SSE }))
  await stream.next()
  let got: string | undefined
  void stream.next().then((text) => {
    got = text
  })
  for (let n = 0; n < 50 && got === undefined; n++) await new Promise((resolve) => setImmediate(resolve))
  expect(idsIn(got)).toEqual([1])
})

test('a client that does not read costs a page or two, not the table', async () => {
  const { call, events } = createFakeApp()
  for (let n = 0; n < 5000; n++) events.add('goal.paused', { by: 'x' })
  const stream = reading(await call('/v1/events?after=0', { headers: SSE }))
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve))
  expect(events.pages).toBeLessThanOrEqual(2)
  const seen: number[] = []
  while (seen.length < 5000) seen.push(...idsIn(await stream.next()))
  expect(seen.at(-1)).toBe(5000)
})

test('a quiet stream carries a heartbeat', async () => {
  const clock = createFakeClock()
  const { call } = createFakeApp({ world: { clock, log: silentLog } })
  const stream = reading(await call('/v1/events', { headers: SSE }))
  await stream.next()
  const beat = stream.next()
  await clock.advance(HEARTBEAT_MS)
  expect(await beat).toMatch(/^: still here/)
})

test('when the client goes, nobody listens any more', async () => {
  const { call, events } = createFakeApp()
  const stream = reading(await call('/v1/events', { headers: SSE }))
  await stream.next()
  expect(events.listeners).toBe(1)
  await stream.reader.cancel()
  expect(events.listeners).toBe(0)
})

test('when a client goes that was not reading, nobody listens any more either', async () => {
  const { call, events } = createFakeApp()
  for (let n = 0; n < 1000; n++) events.add('goal.paused', { by: 'x' })
  const stream = reading(await call('/v1/events?after=0', { headers: SSE }))
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve))
  await stream.reader.cancel()
  expect(events.listeners).toBe(0)
})

test('when the daemon closes, the stream ends and nobody listens any more', async () => {
  const { call, events, closing } = createFakeApp()
  const stream = reading(await call('/v1/events', { headers: SSE }))
  await stream.next()
  const last = stream.next()
  closing.abort()
  expect(await last).toBeUndefined()
  expect(events.listeners).toBe(0)
})
