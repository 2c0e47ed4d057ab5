import { expect, test } from 'vitest'
import { painter } from '../../cli/text.ts'
import { type WatchDeps, watchGoal } from '../../cli/watch-goal.ts'
import type { GoalView } from '../../daemon/goals/views.ts'
import { createFakeClock } from '../fakes/fake-clock.ts'
import { createFakeEventSource } from '../fakes/fake-event-source.ts'
import { aGoal, aGoalView } from '../fakes/views.ts'

class Away extends Error {}

/** A daemon in memory that a test can take away and bring back, on a clock that only it moves. */
function watching(mode: WatchDeps['mode']) {
  const clock = createFakeClock()
  const events = createFakeEventSource()
  const stop = new AbortController()
  let view: GoalView = aGoalView()
  let isAway = false
  let written = ''
  const here = () => {
    if (isAway) throw new Away('away')
  }
  const deps: WatchDeps = {
    async show() {
      here()
      return view
    },
    async page(after) {
      here()
      return events.page({ after, limit: 2 })
    },
    async *news(signal) {
      here()
      while (!signal.aborted && !isAway) {
        const wake = Promise.withResolvers<void>()
        using _ = events.onNew(() => wake.resolve())
        signal.addEventListener('abort', () => wake.resolve())
        await wake.promise
        yield
      }
    },
    out: { write: (text) => (written += text), columns: 80, rows: 24 },
    paint: painter(false),
    now: clock.now,
    signal: stop.signal,
    mode,
    sleep: (ms, signal) => clock.sleep(ms, signal).catch(() => {}),
    mayPass: (error) => error instanceof Away,
  }
  const done = watchGoal(deps)
  done.catch(() => {})
  return {
    clock,
    events,
    done,
    stop,
    written: () => written,
    end: (state: 'met' | 'dropped') => {
      view = aGoalView({ goal: aGoal({ state }), status: state })
      events.add(state === 'met' ? 'goal.met' : 'goal.dropped', { outcome: 'so it ended' })
    },
    setAway: (away: boolean) => {
      isAway = away
      if (away) events.add('goal.paused', { by: 'nobody sees this in time' })
    },
  }
}

test('lines: each event once, from the first to the last, then it ends with the goal', async () => {
  const watch = watching('lines')
  for (let n = 1; n <= 5; n++) watch.events.add('plan.requested', { version: n })
  await watch.clock.advance(1_000)
  watch.events.add('plan.requested', { version: 6 })
  await watch.clock.advance(1_000)
  watch.end('met')
  await watch.clock.advance(1_000)
  expect((await watch.done).goal.state).toBe('met')
  const said = watch
    .written()
    .trim()
    .split('\n')
    .map((line) => line.replace(/^\S+ /, ''))
  expect(said).toEqual([1, 2, 3, 4, 5, 6].map((n) => `planning, version ${n}`).concat('goal met: so it ended'))
})

test('json: events as they are, one to a line', async () => {
  const watch = watching('json')
  watch.end('dropped')
  await watch.clock.advance(1_000)
  await watch.done
  expect(
    watch
      .written()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).type),
  ).toEqual(['goal.dropped'])
})

test('the board draws over itself, and not more often than it may', async () => {
  const watch = watching('board')
  for (let n = 0; n < 500; n++) watch.events.add('plan.requested', { version: n })
  await watch.clock.advance(900)
  const draws = watch.written().split('\u001b[J').length - 1
  expect(draws).toBeGreaterThan(0)
  expect(draws).toBeLessThanOrEqual(7)
  watch.end('met')
  await watch.clock.advance(1_000)
  await watch.done
  expect(watch.written()).toContain('\u001b[2A\r\u001b[J')
  expect(watch.written().endsWith('\u001b[?25h')).toBe(true)
})

test('a daemon that restarts is waited for, and nothing is lost', async () => {
  const watch = watching('lines')
  watch.events.add('plan.requested', { version: 1 })
  await watch.clock.advance(1_000)
  watch.setAway(true)
  await watch.clock.advance(20_000)
  watch.events.add('plan.requested', { version: 2 })
  watch.setAway(false)
  watch.end('met')
  await watch.clock.advance(10_000)
  expect((await watch.done).goal.state).toBe('met')
  expect(watch.written()).toContain('version 1')
  expect(watch.written()).toContain('version 2')
})

test('a daemon that stays away ends the watch with what went wrong', async () => {
  const watch = watching('lines')
  await watch.clock.advance(1_000)
  watch.setAway(true)
  await watch.clock.advance(90_000)
  await expect(watch.done).rejects.toThrow(Away)
})

test('an interrupted watch ends with the reason and leaves nobody listening', async () => {
  const watch = watching('lines')
  await watch.clock.advance(1_000)
  watch.stop.abort(new Error('interrupted'))
  await watch.clock.advance(10_000)
  await expect(watch.done).rejects.toThrow('interrupted')
  expect(watch.events.listeners).toBe(0)
})
