import { expect, test } from 'vitest'
import { killAtMoment, killAtRandom, namesOfMoments, TWO_TASKS } from './killed-everywhere.ts'

/**
 * A sample of tests/long/killed-everywhere.test.ts that fits into `npm test`: every 41st moment of the
 * several hundred, which are other ones whenever the code changes.
 */
const STEP = 41
const MOMENTS_MAX = 2_000

test('wherever the daemon is killed, each task is worked on, proven and landed exactly once (a sample)', async () => {
  let kills = 0
  for (let nth = 11, killed = true; killed && nth < MOMENTS_MAX; nth += STEP) {
    const outcome = await killAtMoment(nth)
    expect(outcome.wrong, `killed at moment ${nth}: ${outcome.at}`).toEqual([])
    killed = outcome.killed
    if (killed) kills++
  }
  expect(kills).toBeGreaterThan(5)
}, 300_000)

test('killed over and over with three goals at once, nothing is lost', async () => {
  const { kills, wrong } = await killAtRandom({ seed: 7, killsMax: 4 })
  expect(wrong, 'seed 7').toEqual([])
  expect(kills).toBeGreaterThan(0)
}, 120_000)

test('killed while it writes down what the goal taught: nothing of it is lost, nothing is counted or told twice', async () => {
  const names = await namesOfMoments(TWO_TASKS)
  const first = names.findIndex((name) => name.startsWith('before link '))
  expect(first).toBeGreaterThan(0)
  const moments = names.length - first
  let kills = 0
  // Which moment is which differs a little from goal to goal; beside each other they are all hit.
  for (let nth = first + 1; nth <= names.length; nth += Math.max(1, Math.floor(moments / 6))) {
    const outcome = await killAtMoment(nth, TWO_TASKS)
    expect(outcome.wrong, `killed at moment ${nth}: ${outcome.at}`).toEqual([])
    if (outcome.killed) kills++
  }
  expect(kills).toBeGreaterThan(3)
}, 300_000)
