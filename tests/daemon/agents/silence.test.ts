import { expect, test } from 'vitest'
import { watchSilence } from '../../../daemon/agents/silence.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'

function watch(world: { waiting?: boolean; busy?: boolean } = {}) {
  const clock = createFakeClock()
  const silences: number[] = []
  const watcher = watchSilence({
    clock,
    silenceMs: 1000,
    isWaiting: () => world.waiting === true,
    isBusy: () => world.busy === true,
    onSilent: (ms) => silences.push(ms),
  })
  return { clock, silences, watcher, world }
}

test('says once that nothing was heard for so long', async () => {
  const { clock, silences } = watch()
  await clock.advance(999)
  expect(silences).toEqual([])
  await clock.advance(5000)
  expect(silences).toEqual([1000])
})

test('each sign of life starts the time anew', async () => {
  const { clock, silences, watcher } = watch()
  for (let i = 0; i < 5; i++) {
    await clock.advance(900)
    watcher.heard()
  }
  expect(silences).toEqual([])
  await clock.advance(1000)
  expect(silences).toHaveLength(1)
})

test('waiting for the owner is never silence, and the time starts anew with the answer', async () => {
  const { clock, silences, watcher, world } = watch({ waiting: true })
  await clock.advance(1_000_000)
  world.waiting = false
  watcher.heard()
  await clock.advance(999)
  expect(silences).toEqual([])
  await clock.advance(1001)
  expect(silences).toHaveLength(1)
})

test('a running tool may be quiet four times as long, not for ever', async () => {
  const { clock, silences } = watch({ busy: true })
  await clock.advance(3999)
  expect(silences).toEqual([])
  await clock.advance(1)
  expect(silences).toEqual([4000])
})

test('a watch that was disposed says nothing', async () => {
  const { clock, silences, watcher } = watch()
  watcher[Symbol.dispose]()
  await clock.advance(10_000)
  expect(silences).toEqual([])
})
