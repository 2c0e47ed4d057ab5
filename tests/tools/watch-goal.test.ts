import { expect, test } from 'vitest'
import { silentLog } from '../../core/world.ts'
import { TOKEN } from '../fakes/fake-app.ts'
import { createFakeClock } from '../fakes/fake-clock.ts'
import { openMcpPlace } from '../fakes/mcp-place.ts'
import { aGoal, aGoalView, anAsk } from '../fakes/views.ts'

interface Watched {
  steps: { words: string }[]
  cursor: number
  ended: boolean
  asks: { ask: number }[]
}

async function aPlace() {
  const fake = createFakeClock()
  let waits = 0
  const clock = {
    ...fake,
    after(ms: number, fn: () => void) {
      waits++
      return fake.after(ms, fn)
    },
    /** How often somebody began to wait. */
    get waits() {
      return waits
    },
  }
  const place = await openMcpPlace({ world: { clock, log: silentLog } })
  place.goals.put(aGoalView())
  const client = await place.connect(TOKEN)
  const watch = async (input: object, onprogress?: (progress: { message?: string | undefined }) => void) =>
    (
      await client.callTool(
        { name: 'watch_goal', arguments: { goal: '1', ...input } },
        onprogress ? { onprogress } : {},
      )
    ).structuredContent as unknown as Watched
  return { ...place, clock, watch }
}

test('gives what happened since the cursor, and nothing twice', async () => {
  await using place = await aPlace()
  place.events.add('plan.activated', { version: 1, tasks: 2 }, 'goal_1')
  place.events.add('plan.activated', { version: 7, tasks: 2 }, 'goal_2')
  const first = await place.watch({ waitSeconds: 0 })
  expect(first.steps.map(({ words }) => words)).toEqual(['plan 1 begins, 2 tasks'])
  place.events.add('goal.steered', { text: 'Per user' }, 'goal_1')
  const second = await place.watch({ waitSeconds: 0, cursor: first.cursor })
  expect(second.steps.map(({ words }) => words)).toEqual(['told: Per user'])
  expect((await place.watch({ waitSeconds: 0, cursor: second.cursor })).steps).toEqual([])
})

test('waits for news no longer than it was told', async () => {
  await using place = await aPlace()
  const answer = place.watch({ waitSeconds: 20 })
  await expect.poll(() => place.events.listeners, { timeout: 10_000 }).toBe(1)
  await expect.poll(() => place.clock.waits, { timeout: 10_000 }).toBeGreaterThan(0)
  await place.clock.advance(20_000)
  expect(await answer).toMatchObject({ steps: [], ended: false })
  expect(place.events.listeners).toBe(0)
})

test('answers as soon as something happens', async () => {
  await using place = await aPlace()
  const answer = place.watch({ waitSeconds: 300 })
  await expect.poll(() => place.clock.waits, { timeout: 10_000 }).toBeGreaterThan(0)
  place.events.add('goal.paused', { by: 'cli' }, 'goal_1')
  expect((await answer).steps.map(({ words }) => words)).toEqual(['paused by cli'])
})

test('chatter of an agent is progress for those who asked, and no step', async () => {
  await using place = await aPlace()
  const told: string[] = []
  const answer = place.watch({ waitSeconds: 300 }, ({ message }) => told.push(message ?? ''))
  await expect.poll(() => place.clock.waits, { timeout: 10_000 }).toBeGreaterThan(0)
  place.events.add('run.updated', { kind: 'text', text: 'Looking at the router' }, 'goal_1')
  await expect.poll(() => told, { timeout: 10_000 }).toEqual(['Looking at the router'])
  place.events.add('goal.met', { outcome: 'landed' }, 'goal_1')
  expect((await answer).steps.map(({ words }) => words)).toEqual(['goal met: landed'])
})

test('many steps come in pages, and only the last says that it has ended', async () => {
  await using place = await aPlace()
  place.goals.put(aGoalView({ goal: aGoal({ state: 'met' }), status: 'met' }))
  for (let n = 1; n <= 120; n++) place.events.add('plan.requested', { version: n }, 'goal_1')
  const seen: string[] = []
  let cursor = 0
  for (let page = 0, ended = false; !ended && page < 10; page++) {
    const answer = await place.watch({ cursor, waitSeconds: 300 })
    seen.push(...answer.steps.map(({ words }) => words))
    ;({ cursor, ended } = answer)
  }
  expect(seen).toEqual(Array.from({ length: 120 }, (_, n) => `planning, version ${n + 1}`))
})

test('a goal that is over is not waited for', async () => {
  await using place = await aPlace()
  place.goals.put(aGoalView({ goal: aGoal({ state: 'dropped' }), status: 'dropped' }))
  expect(await place.watch({ waitSeconds: 300 })).toMatchObject({ ended: true, steps: [] })
})

test('open questions come along', async () => {
  await using place = await aPlace()
  place.goals.put(aGoalView({ asks: [anAsk({ number: 4 }), anAsk({ number: 5, state: 'moot' })] }))
  expect((await place.watch({ waitSeconds: 0 })).asks.map(({ ask }) => ask)).toEqual([4])
})

test('waiting calls come back when the daemon closes', async () => {
  await using place = await aPlace()
  const client = await place.connect(TOKEN, { era: 'legacy' })
  const answer = client.callTool({ name: 'watch_goal', arguments: { goal: '1', waitSeconds: 300 } })
  await expect.poll(() => place.clock.waits, { timeout: 10_000 }).toBeGreaterThan(0)
  place.closing.abort()
  expect((await answer).structuredContent).toMatchObject({ steps: [] })
})
