/**
 * Which moments a rule of time names. croner answers for cron patterns; it owns no timer and sees no clock.
 *
 * A moment that the wall clock leaps over (DST in spring) comes at the first valid time after the gap, and one
 * that it shows twice comes once, at the first: that is what "every day at 2:30" means. A pattern with a
 * wildcard or step in it ("every 15 minutes") goes on through both, gap and repetition, in real time.
 */
import { Cron } from 'croner'
import { Fault } from '../../core/fault.ts'
import type { When } from '../../core/schedule.ts'

export type TimedWhen = Extract<When, { kind: 'cron' | 'every' | 'at' }>

export function isTimed(when: When): when is TimedWhen {
  return when.kind === 'cron' || when.kind === 'every' || when.kind === 'at'
}

/** The first `count` moments after `after`, earliest first; fewer where there are no more. */
export function nextMoments(when: TimedWhen, after: number, count: number): number[] {
  switch (when.kind) {
    case 'at':
      return when.at > after && count > 0 ? [when.at] : []
    case 'every': {
      const first = Math.max(0, Math.floor((after - when.fromAt) / when.everyMs) + 1)
      return Array.from({ length: count }, (_, index) => when.fromAt + (first + index) * when.everyMs)
    }
    case 'cron':
      return openCron(when)
        .nextRuns(count, new Date(after))
        .map((date) => date.getTime())
  }
}

/** The last `count` moments in (after, until], earliest first. Costs by what it gives, not by how long the time is. */
export function lastMoments(when: TimedWhen, after: number, until: number, count: number): number[] {
  if (until <= after || count < 1) return []
  switch (when.kind) {
    case 'at':
      return when.at > after && when.at <= until ? [when.at] : []
    case 'every': {
      const last = Math.floor((until - when.fromAt) / when.everyMs)
      const first = Math.max(0, Math.floor((after - when.fromAt) / when.everyMs) + 1, last - count + 1)
      return Array.from(
        { length: Math.max(0, last - first + 1) },
        (_, index) => when.fromAt + (first + index) * when.everyMs,
      )
    }
    case 'cron':
      return lastOfCron(openCron(when), after, until, count)
  }
}

/** Mostly there is one moment or none, which two steps forward tell; only after a long sleep it pays to come from the end. */
function lastOfCron(cron: Cron, after: number, until: number, count: number): number[] {
  const first = cron.nextRuns(2, new Date(after)).map((date) => date.getTime())
  const fitting = first.filter((moment) => moment <= until)
  if (fitting.length < 2) return fitting
  for (let size = Math.min(8, count); ; size = Math.min(4 * size, count)) {
    // previousRuns looks strictly before its date; a millisecond more lets `until` count.
    const moments = cron.previousRuns(size, new Date(until + 1)).map((date) => date.getTime())
    if (size < count && moments.length === size && moments.at(-1)! > after) continue
    return moments.filter((moment) => moment > after).reverse()
  }
}

/**
 * Refuses a pattern or time zone that means nothing, in words for who wrote it.
 *
 * @throws input_invalid
 */
export function assertTimed(when: TimedWhen): void {
  if (when.kind !== 'cron') return
  assertZone(when.timezone)
  try {
    openCron(when)
  } catch (cause) {
    const words = (cause as Error).message.replace(/^CronPattern: /, '')
    throw new Fault('input_invalid', `"${when.pattern}" is not a cron pattern: ${words}`, {
      cause,
      hint: 'Five fields: minute hour day month weekday; six with seconds in front.',
    })
  }
}

export function assertZone(timezone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone })
  } catch (cause) {
    throw new Fault('input_invalid', `There is no time zone "${timezone}"`, {
      cause,
      hint: 'Use a name such as Europe/Berlin, America/New_York or UTC.',
    })
  }
}

function openCron({ pattern, timezone }: Extract<When, { kind: 'cron' }>): Cron {
  return new Cron(pattern, { timezone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' })
}
