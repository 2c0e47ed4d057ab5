import { expect, test } from 'vitest'
import { DAY, HOUR } from '../../core/clock.ts'
import { makeRepository } from '../fakes/repositories.ts'
import { openRoom, plan, task } from './daemon-room.ts'
import { aBrain } from './scripted-brain.ts'
import { createSkippingClock } from './skipping-clock.ts'

test('a daemon with nothing to do asks no model for a week, starts no agent, and fires what is due at its end', async () => {
  const clock = createSkippingClock()
  const brain = await aBrain(plan([task('a')]), plan([task('b')]))
  const room = await openRoom({ ...brain.options, clock })
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  await room.add(null, repository)
  expect((await room.settled()).goal.state).toBe('met')
  await room.daemon.schedules.add({
    when: { kind: 'at', at: clock.now() + 7 * DAY + HOUR },
    goal: { text: 'Once the week is over', repo: repository, autonomy: 'auto' },
  })
  const before = { asked: brain.server.requests.length, runs: room.query('select id from run').length }
  expect(before.asked).toBeGreaterThan(0)

  for (let hour = 0; hour < 7 * 24; hour++) {
    clock.skip(HOUR)
    await room.daemon.idle()
  }
  expect(brain.server.requests.length).toBe(before.asked)
  expect(room.query('select id from run')).toHaveLength(before.runs)
  expect(room.query('select id from goal')).toHaveLength(1)

  // The same week was not spent asleep: what is due now is done.
  clock.skip(2 * HOUR)
  await expect.poll(() => room.query('select id from goal').length, { timeout: 30_000 }).toBe(2)
  expect((await room.settled('2')).goal.source.surface).toBe('schedule')
  expect(brain.server.requests.length).toBeGreaterThan(before.asked)
})
