/**
 * The real daemon killed with -9 at every moment at which something outside its memory changes, and started
 * again; and over and over at random times. tests/fakes/kill-at.ts says what a moment is.
 */
import { expect, test } from 'vitest'
import { killAtMoment, killAtRandom, type Story, TWO_TASKS, WITH_TROUBLE } from '../scenarios/killed-everywhere.ts'

/** Daemons at the same time; each keeps about one core busy. */
const WIDTH = 2
/** A goal has a few hundred moments; with so many it goes round in circles. */
const MOMENTS_MAX = 2_000

/** Kills at every `step`th moment from `first` on, until a goal gets through without coming so far. Answers how often, and what was wrong. */
async function killAtEvery(story: Story, first: number, step: number): Promise<{ kills: number; wrong: string[] }> {
  const wrong: string[] = []
  let kills = 0
  let next = first
  let isThrough = false
  async function work(): Promise<void> {
    while (!isThrough && next < MOMENTS_MAX) {
      const nth = next
      next += step
      const outcome = await killAtMoment(nth, story)
      wrong.push(...outcome.wrong.map((words) => `killed at moment ${nth} (${outcome.at}): ${words}`))
      if (outcome.killed) kills++
      else isThrough = true
    }
  }
  await Promise.all(Array.from({ length: WIDTH }, work))
  return { kills, wrong }
}

test('wherever the daemon is killed, two parallel tasks are worked on, proven and landed exactly once', async () => {
  const { kills, wrong } = await killAtEvery(TWO_TASKS, 1, 1)
  expect(wrong).toEqual([])
  expect(kills).toBeGreaterThan(150)
})

test('the same where a check fails at first, an agent asks for permission, and a task needs others (every 9th)', async () => {
  const { kills, wrong } = await killAtEvery(WITH_TROUBLE, 5, 9)
  expect(wrong).toEqual([])
  expect(kills).toBeGreaterThan(25)
})

test('killed 48 times at random, with three goals at once, nothing is lost', async () => {
  const first = Math.floor(Math.random() * 1_000_000)
  let kills = 0
  for (let seed = first; kills < 48; seed++) {
    console.log(`seed ${seed}`)
    const outcome = await killAtRandom({ seed, killsMax: 8 })
    expect(outcome.wrong, `seed ${seed}`).toEqual([])
    expect(outcome.kills, `seed ${seed}`).toBeGreaterThan(0)
    kills += outcome.kills
  }
})
