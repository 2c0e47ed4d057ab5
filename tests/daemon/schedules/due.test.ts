import { describe, expect, test } from 'vitest'
import { DAY, HOUR, MINUTE } from '../../../core/clock.ts'
import type { Schedule, When } from '../../../core/schedule.ts'
import { findDue, findNext, LOOK_BACK_MAX } from '../../../daemon/schedules/due.ts'
import { lastMoments, nextMoments } from '../../../daemon/schedules/moments.ts'
import { fromWallClock, wallClock } from '../../../daemon/schedules/show-moment.ts'
import { createOracle } from './zone-oracle.ts'

const YEAR = Date.UTC(2026, 0, 1)
const NEXT_YEAR = Date.UTC(2027, 0, 1)
/** Lord Howe moves its clocks by half an hour, Santiago at midnight. */
const ZONES = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Santiago']

function aTimed(when: When, over: Partial<Schedule> = {}) {
  return { id: 'schedule_1', when, misfire: 'once', jitterMs: 0, endAt: null, cursorAt: YEAR - 1, ...over } as Schedule
}

/** What a daemon that is awake all the time fires: it looks exactly when it was told to. */
function fireThrough(schedule: Schedule, to: number): number[] {
  const fired: number[] = []
  let cursorAt = schedule.cursorAt
  let nextAt = findNext(schedule, schedule.when as never, cursorAt)
  while (nextAt !== null && nextAt < to) {
    const due = findDue({ ...schedule, cursorAt }, nextAt)
    fired.push(...due.fire.map((one) => one.dueAt))
    expect(due.missed).toEqual([])
    ;({ cursorAt, nextAt } = due)
  }
  return fired
}

describe.each(ZONES)('a year in %s, against an independent calculation', (timezone) => {
  const expectedMoments = createOracle(timezone, YEAR, NEXT_YEAR)

  test.each(['30 2 * * *', '30 0 * * 1-5', '30 1,2,14 * * *', '0 6 1 * *'])('times of the day: %s', (pattern) => {
    const fired = fireThrough(aTimed({ kind: 'cron', pattern, timezone }), NEXT_YEAR)
    expect(fired).toEqual(expectedMoments(pattern))
  })

  test.each(['*/20 * * * *', '0 */2 * * *', '*/30 1-3 * * *'])('every so often: %s', (pattern) => {
    const expected = expectedMoments(pattern)
    expect(
      nextMoments({ kind: 'cron', pattern, timezone }, YEAR - 1, expected.length + 1).filter((at) => at < NEXT_YEAR),
    ).toEqual(expected)
  })

  test('looked back upon, a year has the same moments as looked forward', () => {
    for (const pattern of ['30 2 * * *', '30 0,1 * * *', '*/30 1-3 * * *']) {
      const expected = expectedMoments(pattern)
      const when = { kind: 'cron', pattern, timezone } as const
      expect(lastMoments(when, YEAR - 1, NEXT_YEAR - 1, expected.length + 5)).toEqual(expected)
    }
  })

  test('a wall clock is read back to the first moment that shows it', () => {
    for (const at of expectedMoments('30 0,1,2,3 * * 0')) {
      const { date, time } = wallClock(at, timezone)
      const [year, month, day] = date.split('-').map(Number) as [number, number, number]
      const [hour, minute] = time.split(':').map(Number) as [number, number]
      expect(fromWallClock({ year, month, day, hour, minute }, timezone)).toBe(at)
    }
  })
})

test('every so many milliseconds keeps its rhythm from its first moment, forwards and back', () => {
  const when = { kind: 'every', everyMs: 7 * MINUTE, fromAt: YEAR } as const
  expect(nextMoments(when, YEAR, 3)).toEqual([7, 14, 21].map((minutes) => YEAR + minutes * MINUTE))
  expect(nextMoments(when, YEAR - DAY, 1)).toEqual([YEAR])
  expect(lastMoments(when, YEAR, YEAR + 21 * MINUTE, 2)).toEqual([14, 21].map((minutes) => YEAR + minutes * MINUTE))
  expect(lastMoments(when, YEAR - DAY, YEAR, 5)).toEqual([YEAR])
})

const HOURLY: When = { kind: 'every', everyMs: HOUR, fromAt: YEAR }

describe('what is due', () => {
  test('on time it fires, whatever the misfire policy', () => {
    for (const misfire of ['skip', 'once', 'all'] as const) {
      const due = findDue(aTimed(HOURLY, { misfire, cursorAt: YEAR }), YEAR + HOUR + 59_000)
      expect(due).toEqual({
        fire: [{ dueAt: YEAR + HOUR, lateMs: 59_000 }],
        missed: [],
        isMore: false,
        cursorAt: YEAR + HOUR + 59_000,
        nextAt: YEAR + 2 * HOUR,
      })
    }
  })

  test.each([
    ['skip', [], [1, 2, 3]],
    ['once', [3], [1, 2]],
    ['all', [1, 2, 3], []],
  ] as const)('three hours late, %s fires %j and misses %j', (misfire, fire, missed) => {
    const due = findDue(aTimed(HOURLY, { misfire, cursorAt: YEAR }), YEAR + 3 * HOUR + 30 * MINUTE)
    expect(due.fire.map((one) => (one.dueAt - YEAR) / HOUR)).toEqual(fire)
    expect(due.missed.map((at) => (at - YEAR) / HOUR)).toEqual(missed)
  })

  test('one that is on time stands for those that were missed', () => {
    const due = findDue(aTimed(HOURLY, { cursorAt: YEAR }), YEAR + 3 * HOUR)
    expect(due.fire).toEqual([{ dueAt: YEAR + 3 * HOUR, lateMs: 0 }])
    expect(due.missed).toHaveLength(2)
  })

  test('a week of seconds is looked at by its end only', () => {
    const when: When = { kind: 'cron', pattern: '* * * * * *', timezone: 'Europe/Berlin' }
    const due = findDue(aTimed(when, { misfire: 'all', cursorAt: YEAR }), YEAR + 7 * DAY)
    expect(due.fire).toHaveLength(LOOK_BACK_MAX)
    expect(due.isMore).toBe(true)
    expect(due.nextAt).toBe(YEAR + 7 * DAY + 1000)
  })

  test('moments from the end date on do not count', () => {
    const due = findDue(aTimed(HOURLY, { misfire: 'all', cursorAt: YEAR, endAt: YEAR + 2 * HOUR }), YEAR + 5 * HOUR)
    expect(due.fire.map((one) => one.dueAt)).toEqual([YEAR + HOUR])
    expect(due.nextAt).toBeNull()
  })

  test('a moment that its jitter puts off is not due yet, and is when it is over', () => {
    const schedule = aTimed(HOURLY, { jitterMs: 50 * MINUTE, cursorAt: YEAR })
    const nextAt = findNext(schedule, HOURLY, YEAR)!
    expect(nextAt).toBeGreaterThan(YEAR + HOUR)
    expect(findDue(schedule, nextAt - 1)).toMatchObject({ fire: [], missed: [], cursorAt: YEAR, nextAt })
    expect(findDue(schedule, nextAt).fire).toEqual([{ dueAt: YEAR + HOUR, lateMs: 0 }])
  })
})
