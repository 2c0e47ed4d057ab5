/**
 * A month of goals in one daemon, with its daily upkeep. What is kept for good (rows, reports, notes, commits) grows
 * by little for each goal; everything else on the disk, and what the daemon holds in memory, is at the end of the
 * month what it was after ten days.
 */
import { readdirSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { DAY } from '../../core/clock.ts'
import { git, makeRepository } from '../fakes/repositories.ts'
import { openRoom, plan, task } from '../scenarios/daemon-room.ts'
import { createSkippingClock } from '../scenarios/skipping-clock.ts'

const DAYS = 30
const SETTLED_DAYS = 10
const GOALS_PER_DAY = 2
const KB = 1024
/** Folders of the home whose content is kept for good, with what is made of it: the memory's index, the backups. */
const FOR_GOOD = ['state', 'reports', 'notes', 'repositories', 'memory', 'backups']
/** What one small goal leaves in them, in whole blocks. */
const KB_PER_GOAL_MAX = 150
/** Not a tenth of what a goal's events alone take: nothing of a goal stays in memory. */
const HEAP_KB_PER_GOAL_MAX = 60

interface Day {
  heapKb: number
  /** Of what is kept for good. */
  keptKb: number
  /** Files of everything else. */
  others: string[]
  looseObjects: number
  events: number
}

test('after a month of goals, disk and memory are where they were after ten days', { timeout: 1_800_000 }, async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (how: object) => Promise<void>
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
  const days: Day[] = []
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
    // A day that passes while a note is put away would look like an engine that hangs.
    await (await room.daemon.memory.open()).settled()
    clock.skip(DAY)
    await room.daemon.upkeep.runNow()
    // Compiled code that is not in use goes too: how much of it there is says nothing about goals.
    await collect({ type: 'major', execution: 'async', flavor: 'last-resort' })
    const found = filesIn(room.paths.home)
    const others = found.filter(({ path }) => !FOR_GOOD.includes(path.split(sep)[0]!))
    days.push({
      heapKb: Math.round(process.memoryUsage().heapUsed / KB),
      keptKb: kilobytes(found) - kilobytes(others),
      others: others.map(({ path }) => path),
      looseObjects: found.filter(({ path }) => /objects.[0-9a-f]{2}./.test(path)).length,
      events: room.query('select id from event').length,
    })
  }
  const [early, late] = [days[SETTLED_DAYS - 1]!, days[DAYS - 1]!]
  console.table(days.filter((_, index) => (index + 1) % 5 === 0).map((day) => ({ ...day, others: day.others.length })))
  const kept = filesIn(room.paths.home)
  const inFolder = (name: string) => kept.filter(({ path }) => path.startsWith(name + sep))
  console.log(FOR_GOOD.map((name) => `${name} ${kilobytes(inFolder(name))} kB`).join(', '))
  const goals = (DAYS - SETTLED_DAYS) * GOALS_PER_DAY
  // What agents said and did is gone: beside what is kept for good there is nothing more than after ten days.
  expect(late.others.length, late.others.join('\n')).toBeLessThanOrEqual(early.others.length)
  expect(late.events).toBeLessThanOrEqual(early.events * 1.1)
  expect(late.keptKb - early.keptKb).toBeLessThan(goals * KB_PER_GOAL_MAX)
  // Two repositories, the clone and the notes, are packed from five hundred on.
  expect(Math.max(...days.map(({ looseObjects }) => looseObjects))).toBeLessThan(1_100)
  expect(late.heapKb - early.heapKb).toBeLessThan(goals * HEAP_KB_PER_GOAL_MAX)
  expect(await room.alive()).toEqual([])
  expect(readdirSync(room.paths.worktreesDir)).toEqual([])
  // And nothing that was worked for is lost.
  for (const n of [1, number]) expect((await room.daemon.goals.report(String(n))).markdown).toContain('done')
  expect(git(repository, 'ls-tree', '--name-only', 'main').split('\n')).toHaveLength(number + 1)
  expect(room.clone('fsck', '--full', '--no-dangling')).not.toMatch(/missing|broken|error/)
})

const kilobytes = (files: readonly { bytes: number }[]) =>
  Math.round(files.reduce((sum, { bytes }) => sum + bytes, 0) / KB)

/** With paths relative to the folder, and what they take on the disk. */
function filesIn(folder: string): { path: string; bytes: number }[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((path) => {
    const found = statSync(join(folder, path), { throwIfNoEntry: false })
    return found?.isFile() ? [{ path, bytes: found.blocks * 512 }] : []
  })
}
