import { expect, test } from 'vitest'
import { killAtMoment, killAtRandom } from './killed-everywhere.ts'

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
