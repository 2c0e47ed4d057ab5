/** The owner's quiet hours. Pure; the zone's own clock decides, also on days with 23 or 25 hours. */

const HOURS = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/
const MINUTE_MS = 60_000
const DAY_MINUTES = 24 * 60

export function isQuietHours(text: string): boolean {
  return HOURS.test(text)
}

/** The moment until which nothing is said unasked; `now` where it may be said at once. */
export function quietUntil(hours: string | null, now: number, timezone: string): number {
  const found = hours === null ? null : HOURS.exec(hours)
  if (!found) return now
  const [from, to] = [Number(found[1]) * 60 + Number(found[2]), Number(found[3]) * 60 + Number(found[4])]
  if (from === to) return now
  const isQuiet = (minute: number) => (from < to ? minute >= from && minute < to : minute >= from || minute < to)
  if (!isQuiet(minuteOf(now, timezone))) return now
  // Walked by the wall clock, so that a clock that is changed in the night is met.
  let at = now - (now % MINUTE_MS)
  for (let minutes = 0; minutes < DAY_MINUTES + 60 && isQuiet(minuteOf(at, timezone)); minutes++) at += MINUTE_MS
  return at
}

const formats = new Map<string, Intl.DateTimeFormat>()

function minuteOf(at: number, timeZone: string): number {
  let format = formats.get(timeZone)
  if (!format) {
    format = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
    formats.set(timeZone, format)
  }
  const [hour = '0', minute = '0'] = format.format(at).split(':')
  return Number(hour) * 60 + Number(minute)
}
