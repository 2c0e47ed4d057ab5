/**
 * What is due: from a schedule and the time, which moments fire, which were missed, and when to look again.
 *
 * Pure: the same schedule and time always give the same answer. Nothing here reads a clock or a database, so
 * every rule of misfire, jitter and end is a table of inputs and outputs. That no moment fires twice is not
 * decided here: it is the firing's key in the store.
 */
import { createHash } from 'node:crypto'
import { MINUTE } from '../../core/clock.ts'
import type { Schedule } from '../../core/schedule.ts'
import { isTimed, lastMoments, nextMoments, type TimedWhen } from './moments.ts'

/** So late a moment still counts as on time: a busy daemon or a restart is not a miss. */
export const ON_TIME_MS = MINUTE
/** Moments of one look back that are told apart, the latest of them. A week asleep with a firing each second has 604,800. */
export const LOOK_BACK_MAX = 100

export interface Due {
  /** These fire now, earliest first. `lateMs` is counted from the moment with its jitter. */
  fire: { dueAt: number; lateMs: number }[]
  /** These do not: nobody was awake. */
  missed: number[]
  /** There were moments before the first listed one that are not listed. */
  isMore: boolean
  /** Moments up to here are settled. */
  cursorAt: number
  /** When to look again; null when nothing is to come. */
  nextAt: number | null
}

type Timed = Pick<Schedule, 'id' | 'when' | 'misfire' | 'jitterMs' | 'endAt' | 'cursorAt'>

export function findDue(schedule: Timed, now: number): Due {
  const { when, cursorAt } = schedule
  if (!isTimed(when)) return { fire: [], missed: [], isMore: false, cursorAt: now, nextAt: null }
  const until = schedule.endAt === null ? now : Math.min(now, schedule.endAt - 1)
  const seen = lastMoments(when, cursorAt, until, LOOK_BACK_MAX + 1)
  const isMore = seen.length > LOOK_BACK_MAX
  const listed = isMore ? seen.slice(1) : seen
  // In the order of the moments: one that is put off by its jitter holds the ones after it back.
  const wait = listed.findIndex((moment) => moment + jitterOf(schedule, moment) > now)
  const due = wait < 0 ? listed : listed.slice(0, wait)
  const late = (moment: number) => now - moment - jitterOf(schedule, moment)
  const onTime = due.filter((moment) => late(moment) <= ON_TIME_MS)
  const past = due.filter((moment) => late(moment) > ON_TIME_MS)
  const caughtUp =
    schedule.misfire === 'all' ? past : schedule.misfire === 'once' && onTime.length === 0 ? past.slice(-1) : []
  const settledTo = wait < 0 ? Math.max(cursorAt, until) : (due.at(-1) ?? cursorAt)
  return {
    fire: [...caughtUp, ...onTime].map((dueAt) => ({ dueAt, lateMs: Math.max(0, late(dueAt)) })),
    missed: past.filter((moment) => !caughtUp.includes(moment)),
    isMore,
    cursorAt: settledTo,
    nextAt: findNext(schedule, when, settledTo),
  }
}

/** When the ticker must look at a schedule whose moments up to `after` are settled. */
export function findNext(schedule: Timed, when: TimedWhen, after: number): number | null {
  const [next] = nextMoments(when, after, 1)
  if (next === undefined || (schedule.endAt !== null && next >= schedule.endAt)) return null
  return next + jitterOf(schedule, next)
}

/** The next moments as they will be, jitter included: what is shown before a schedule is saved. */
export function findUpcoming(
  schedule: Timed & Pick<Schedule, 'firingsMax' | 'fired'>,
  now: number,
  count: number,
): number[] {
  if (!isTimed(schedule.when)) return []
  const left = schedule.firingsMax === null ? count : Math.max(0, schedule.firingsMax - schedule.fired)
  return nextMoments(schedule.when, now, Math.min(count, left))
    .filter((moment) => schedule.endAt === null || moment < schedule.endAt)
    .map((moment) => moment + jitterOf(schedule, moment))
}

/** How far a moment is put off: spread evenly over [0, jitterMs), and always the same for the same moment. */
export function jitterOf({ id, jitterMs }: Pick<Schedule, 'id' | 'jitterMs'>, moment: number): number {
  if (jitterMs === 0) return 0
  const digest = createHash('sha256').update(`${id} ${moment}`).digest()
  return Math.floor((digest.readUIntBE(0, 6) / 2 ** 48) * jitterMs)
}
