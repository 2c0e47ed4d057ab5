/**
 * A month of goals in one daemon, with its daily upkeep: what it holds in memory and on the disk is the same at
 * the end of the month as after ten days, but for what is kept for good (rows, reports, commits).
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { DAY } from '../../core/clock.ts'
import { makeRepository } from '../fakes/repositories.ts'
import { openRoom, plan, task } from '../scenarios/daemon-room.ts'
import { createSkippingClock } from '../scenarios/skipping-clock.ts'

const DAYS = 30
const GOALS_PER_DAY = 2
const KB = 1024
/** What a goal leaves for good: its rows, its report, a few git objects. */
const KB_PER_GOAL_MAX = 150

test('after a month of goals, disk and memory are where they were after ten days', { timeout: 1_800_000 }, async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const clock = createSkippingClock()
  const room = await openRoom({
    clock,
    waitMsMax: 120_000,
    config: {
      sandbox: { kind: 'none' },
      backup: { keep: 3 },
      retention: { chatterDays: 2, eventDays: 5, runDays: 3 },
    },
  })
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  const days: { diskKb: number; heapKb: number; files: number; wires: number; events: number }[] = []
  let number = 0
  for (let day = 0; day < DAYS; day++) {
    for (let n = 0; n < GOALS_PER_DAY; n++) {
      number++
      const key = `day-${number}`
      const chatter = { do: 'flood' as const, updates: 200, bytes: 200 }
      const work = { do: 'write' as const, path: `${key}.txt`, text: 'good\n' }
      await room.add(plan([task(key, [chatter, work])]), repository)
      const view = await room.settled(String(number))
      expect(view.goal.state, view.words).toBe('met')
    }
    clock.skip(DAY)
    await room.daemon.upkeep.runNow()
    collect()
    const found = filesIn(room.paths.home)
    days.push({
      diskKb: Math.round(found.reduce((sum, { bytes }) => sum + bytes, 0) / KB),
      heapKb: Math.round(process.memoryUsage().heapUsed / KB),
      files: found.length,
      wires: found.filter(({ path }) => path.includes('.wire')).length,
      events: room.query('select id from event').length,
    })
  }
  const [early, late] = [days[9]!, days[DAYS - 1]!]
  console.log(`after ten days ${JSON.stringify(early)}, after a month ${JSON.stringify(late)}`)
  const goals = (DAYS - 10) * GOALS_PER_DAY
  // What agents said is gone, whatever is kept for good.
  expect(late.wires).toBeLessThanOrEqual(early.wires + GOALS_PER_DAY)
  expect(late.events).toBeLessThan(early.events * 1.5)
  expect(late.diskKb - early.diskKb).toBeLessThan(goals * KB_PER_GOAL_MAX)
  expect(late.heapKb - early.heapKb).toBeLessThan(20 * KB)
  expect(await room.alive()).toEqual([])
  expect(readdirSync(room.paths.worktreesDir)).toEqual([])
})

function filesIn(folder: string): { path: string; bytes: number }[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const path = join(folder, name)
    const found = statSync(path, { throwIfNoEntry: false })
    return found?.isFile() ? [{ path, bytes: found.size }] : []
  })
}
