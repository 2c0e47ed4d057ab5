/**
 * An independent calculation of what a cron pattern means in a zone over a time: every minute of real time is put
 * on the zone's wall clock, by the offsets that Intl names, and held against the pattern. Slow and simple; knows
 * nothing of croner.
 */
const MINUTE = 60_000

/** Wall clock minus UTC at each moment of [from, to), by quarter hours: no zone changes its clock between them. */
export function offsetsOf(zone: string, from: number, to: number): (at: number) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  const step = 15 * MINUTE
  const start = Math.floor(from / step) * step
  const offsets: number[] = []
  for (let at = start; at < to + step; at += step) {
    const name = format.formatToParts(at).find((part) => part.type === 'timeZoneName')!.value
    const match = /^GMT(?:([+-])(\d\d):(\d\d))?$/.exec(name)!
    const size = match[1] ? Number(match[2]) * 60 + Number(match[3]) : 0
    offsets.push((match[1] === '-' ? -size : size) * MINUTE)
  }
  return (at) => offsets[Math.floor((at - start) / step)]!
}

function numbers(field: string, low: number, high: number): Set<number> {
  const all = new Set<number>()
  for (const part of field.split(',')) {
    const [range, step = '1'] = part.split('/') as [string, string?]
    const [from, to] =
      range === '*' ? [low, high] : range.includes('-') ? range.split('-').map(Number) : [Number(range), Number(range)]
    for (let n = from!; n <= to!; n += Number(step)) all.add(n)
  }
  return all
}

/** A zone over [from, to), worked out once and asked for many patterns. */
export function createOracle(zone: string, from: number, to: number) {
  // Two days around, so that what begins before `from` on the wall is known.
  const margin = 48 * 60 * MINUTE
  const offsetAt = offsetsOf(zone, from - margin, to + margin)
  /** Where each minute first is on the wall, and minutes that the wall leaps over, with where it lands. */
  const firstShown = new Map<number, number>()
  const shown: { at: number; wall: number }[] = []
  for (let at = from - margin, before = Number.NaN; at < to + margin; at += MINUTE) {
    const wall = at + offsetAt(at)
    for (let lost = before + MINUTE; lost < wall; lost += MINUTE) firstShown.set(lost, at)
    if (!firstShown.has(wall)) firstShown.set(wall, at)
    shown.push({ at, wall })
    before = wall
  }

  /** Moments of the pattern. Days are given by day of month or by weekday, not both. */
  return function expectedMoments(pattern: string): number[] {
    const [minute, hour, day, month, weekday] = pattern.split(' ') as [string, string, string, string, string]
    const minutes = numbers(minute, 0, 59)
    const hours = numbers(hour, 0, 23)
    const days = numbers(day, 1, 31)
    const months = numbers(month, 1, 12)
    const weekdays = numbers(weekday, 0, 6)
    const fits = (wall: number) => {
      const ofDay = (wall / MINUTE) % 1440
      if (!minutes.has(ofDay % 60) || !hours.has(Math.floor(ofDay / 60))) return false
      const date = new Date(wall)
      return days.has(date.getUTCDate()) && months.has(date.getUTCMonth() + 1) && weekdays.has(date.getUTCDay())
    }
    const found = new Set<number>()
    if (/[*/]/.test(minute) || /[*/]/.test(hour)) {
      // As the clock runs: what it shows twice comes twice, what it leaps over does not come.
      for (const { at, wall } of shown) if (fits(wall)) found.add(at)
    } else {
      // Each named time of each day once: where it first is on the wall, or where the wall lands beyond it.
      for (const [wall, at] of firstShown) if (fits(wall)) found.add(at)
    }
    return [...found].filter((at) => at >= from && at < to).sort((a, b) => a - b)
  }
}
