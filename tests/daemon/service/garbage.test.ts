import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { collectGarbage, collectSoon } from '../../../daemon/service/garbage.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'

/** Held by nobody when it returns. */
function leaveBehind(): WeakRef<object> {
  return new WeakRef({ large: new Array(100_000).fill('left behind') })
}

test('what nobody holds is given back', async () => {
  const left = leaveBehind()
  // The engine keeps what a WeakRef was asked about until the turn is over.
  await setImmediate()
  collectGarbage()
  expect(left.deref()).toBeUndefined()
  expect(Object.hasOwn(globalThis, 'gc')).toBe(false)
})

test('the garbage of the start is given back soon after it, once, and not by a daemon that stops before', async () => {
  const clock = createFakeClock()
  let times = 0
  using _soon = collectSoon(clock, () => times++)
  await clock.advance(60_000)
  expect(times).toBe(1)
  collectSoon(clock, () => times++)[Symbol.dispose]()
  await clock.advance(60_000)
  expect(times).toBe(1)
})
