export interface WallClock {
  date: string
  time: string
  weekday: string
}

/** How a moment reads on a wall clock. */
export function wallClock(at: number, timezone: string): WallClock {
  return wallClockOf(timezone)(at)
}

/** For who reads many: making it costs a hundred times what reading it does. */
export function wallClockOf(timezone: string): (at: number) => WallClock {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  })
  return (at) => {
    const parts = format.formatToParts(at)
    const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((one) => one.type === type)?.value ?? ''
    const seconds = part('second')
    return {
      date: `${part('year')}-${part('month')}-${part('day')}`,
      time: `${part('hour')}:${part('minute')}${seconds === '00' ? '' : `:${seconds}`}`,
      weekday: part('weekday'),
    }
  }
}

/** The moment at which a wall clock shows this; after a gap the first that exists, of a repeated one the first. */
export function fromWallClock(
  { year, month, day, hour, minute }: { year: number; month: number; day: number; hour: number; minute: number },
  timezone: string,
): number {
  const wanted = Date.UTC(year, month - 1, day, hour, minute)
  const offsets = [wanted - 86_400_000, wanted + 86_400_000].map((at) => offsetAt(at, timezone))
  const fitting = offsets.map((offset) => wanted - offset).filter((at) => at + offsetAt(at, timezone) === wanted)
  if (fitting.length > 0) return Math.min(...fitting)
  // In a gap: the clock leaps at the moment that both offsets agree on.
  const [before, after] = [wanted - offsets[0]!, wanted - offsets[1]!]
  let low = Math.min(before, after)
  let high = Math.max(before, after)
  const start = offsetAt(low, timezone)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (offsetAt(middle, timezone) === start) low = middle
    else high = middle
  }
  return high
}

/** Wall clock minus UTC. */
export function offsetAt(at: number, timezone: string): number {
  const { date, time } = wallClock(at, timezone)
  const [year, month, day] = date.split('-').map(Number) as [number, number, number]
  const [hour, minute, second = 0] = time.split(':').map(Number) as [number, number, number?]
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000
}
