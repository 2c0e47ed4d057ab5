/**
 * Plain English for times, by a small grammar: "every weekday at 9", "every 15 minutes", "tomorrow at 8:30",
 * "on the first of each month at 6". What it does not know it refuses; it never guesses. What it understood is
 * shown as the next moments before anything is saved.
 *
 * A cron pattern and an ISO moment are read as well. Pure: words, time and zone in, a When out.
 */
import { DAY, HOUR, MINUTE, SECOND } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import { assertTimed, assertZone, type TimedWhen } from './moments.ts'
import { fromWallClock, offsetAt, wallClock } from './show-moment.ts'

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
]
const ORDINALS = ['first', 'second', 'third', 'fourth', 'fifth']
const NUMBERS = [
  'zero',
  'one',
  'two',
  'three',
  'four',
  'five',
  'six',
  'seven',
  'eight',
  'nine',
  'ten',
  'eleven',
  'twelve',
]
const UNIT_MS: Record<string, number> = { second: SECOND, minute: MINUTE, hour: HOUR, day: DAY, week: 7 * DAY }
const EXAMPLES = [
  'every weekday at 9',
  'every 15 minutes',
  'every monday and thursday at 18:30',
  'tomorrow at 8:30',
  'on the first of each month at 6',
  '0 9 * * 1-5',
]

/** @throws input_invalid with examples */
export function parseWhen(text: string, now: number, timezone: string): TimedWhen {
  assertZone(timezone)
  const said = text.trim()
  const cron = readCron(said, timezone)
  if (cron) return cron
  const words = said
    .toLowerCase()
    .replace(/[,]+/g, ' and ')
    .replace(/\b(o'clock|sharp|please)\b/g, ' ')
    .replace(/\s+/g, ' ')
    .replace(/(\band )+/g, 'and ')
    .trim()
  const when =
    readMoment(said, words, now, timezone) ??
    readInterval(words, now, timezone) ??
    readDays(words, timezone) ??
    readMonths(words, timezone)
  if (!when) {
    throw new Fault('input_invalid', `"${said.slice(0, 200)}" is not a time that is understood`, {
      hint: `Say it like one of these: ${EXAMPLES.map((one) => `"${one}"`).join(', ')}.`,
    })
  }
  if (when.kind === 'at' && when.at <= now) {
    throw new Fault('input_invalid', `"${said.slice(0, 200)}" is over: it was ${new Date(when.at).toISOString()}`)
  }
  assertTimed(when)
  return when
}

function readCron(text: string, timezone: string): TimedWhen | undefined {
  const fields = text.split(/\s+/)
  if ((fields.length !== 5 && fields.length !== 6) || !/^[\d*?/,#LW+-]/.test(text)) return undefined
  if (!fields.every((field) => /^[\dA-Za-z*?/,#+-]+$/.test(field))) return undefined
  const when = { kind: 'cron', pattern: text, timezone } as const
  assertTimed(when)
  return when
}

/** Once: an ISO moment, "in 20 minutes", "tomorrow at 8:30", "on 24 december at 18", "next monday at 9". */
function readMoment(said: string, words: string, now: number, timezone: string): TimedWhen | undefined {
  const iso = /^(\d{4})-(\d\d)-(\d\d)(?:(?:[T ]|\s+at\s+)(\d\d):(\d\d)(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/i.exec(
    said.trim(),
  )
  if (iso) {
    if (iso[6]) return { kind: 'at', at: Date.parse(said.trim()) }
    const [year, month, day, hour = 9, minute = 0] = iso
      .slice(1, 6)
      .map((part) => (part === undefined ? undefined : Number(part)))
    return at({ year: year!, month: month!, day: day! }, { hour, minute }, timezone)
  }
  const span = /^in (an?|\w+) (second|minute|hour|day|week)s?$/.exec(words)
  const amount = span && readNumber(span[1]!)
  if (span && amount) return { kind: 'at', at: now + amount * UNIT_MS[span[2]!]! }

  const { rest, time } = takeTime(words)
  const today = wallClock(now, timezone)
  const [year, month, day] = today.date.split('-').map(Number) as [number, number, number]
  const inDays = (days: number) => {
    const date = new Date(Date.UTC(year, month - 1, day + days))
    return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() }
  }
  const clock = time ?? { hour: 9, minute: 0 }
  if (rest === 'today' && time) return at(inDays(0), clock, timezone)
  if (rest === 'tonight')
    return at(
      inDays(0),
      time ? { ...time, hour: time.hour < 12 ? time.hour + 12 : time.hour } : { hour: 20, minute: 0 },
      timezone,
    )
  if (rest === 'tomorrow') return at(inDays(1), clock, timezone)
  if (rest === 'the day after tomorrow' || rest === 'day after tomorrow') return at(inDays(2), clock, timezone)
  if (rest === '' && time) {
    const first = at(inDays(0), time, timezone)
    return first.at > now ? first : at(inDays(1), time, timezone)
  }
  const weekday = /^(?:on |next |this |on next )?([a-z]+)$/.exec(rest)
  const wanted = weekday ? readWeekday(weekday[1]!) : -1
  // "mondays" is a rule, "monday" a day.
  if (weekday && wanted >= 0 && !weekday[1]!.endsWith('s')) {
    const current = new Date(Date.UTC(year, month - 1, day)).getUTCDay()
    const days = (wanted - current + 7) % 7
    const first = at(inDays(days), clock, timezone)
    return days > 0 || first.at > now ? first : at(inDays(7), clock, timezone)
  }
  const date =
    /^(?:on )?(?:the )?(?:(\d{1,2})(?:st|nd|rd|th)?(?: of)? ([a-z]+)|([a-z]+) (\d{1,2})(?:st|nd|rd|th)?)(?: (\d{4}))?$/.exec(
      rest,
    )
  const named = date ? readMonth((date[2] ?? date[3])!) : 0
  if (date && named > 0) {
    const wantedDay = Number(date[1] ?? date[4])
    const inYear = (which: number) => at({ year: which, month: named, day: wantedDay }, clock, timezone)
    if (date[5]) return inYear(Number(date[5]))
    return inYear(year).at > now ? inYear(year) : inYear(year + 1)
  }
  return undefined
}

/** "every 15 minutes", "every hour", "hourly", "every other day" is not one: a day has no fixed length. */
function readInterval(words: string, now: number, timezone: string): TimedWhen | undefined {
  const text = words === 'hourly' ? 'every hour' : words
  const match =
    /^(?:every|each)(?: (\w+))? (second|minute|hour)s?$/.exec(text) ?? /^every (\d+)\s?(s|sec|m|min|h|hr)s?$/.exec(text)
  if (!match) return undefined
  const amount =
    match[1] === undefined ? 1 : match[1] === 'other' ? 2 : match[1] === 'half' ? 0.5 : readNumber(match[1])
  const unit = { s: 'second', m: 'minute', h: 'hour' }[match[2]![0]!]!
  if (!amount) return undefined
  const everyMs = amount * UNIT_MS[unit]!
  if (everyMs < SECOND) return undefined
  // On the round of the wall clock: every 15 minutes is at :00, :15, :30 and :45, in Kolkata too.
  const offset = offsetAt(now, timezone)
  return { kind: 'every', everyMs, fromAt: Math.floor((now + offset) / everyMs) * everyMs - offset }
}

/** "every day at 9", "every weekday at 9 and 17", "on mondays at 8:30", "every monday, wednesday at noon", "daily". */
function readDays(words: string, timezone: string): TimedWhen | undefined {
  const { rest, times } = takeTimes(words)
  const days = readDayList(rest)
  if (!days) return undefined
  return cronOf(times.length === 0 ? [{ hour: 9, minute: 0 }] : times, `* * ${days}`, timezone)
}

function readDayList(rest: string): string | undefined {
  if (/^(every|each) day$|^daily$|^every (morning|evening|night)$/.test(rest)) return '*'
  if (/^((every|each|on) )?(weekdays?|workdays?|working days?)$/.test(rest)) return '1-5'
  if (/^((every|each|on|at) )?(the )?weekends?$/.test(rest)) return '0,6'
  const range = /^(?:every |each |on |from )?([a-z]+) (?:to|through|until|-) ([a-z]+)$/.exec(rest)
  if (range) {
    const [from, to] = [readWeekday(range[1]!), readWeekday(range[2]!)]
    return from >= 0 && to >= 0 && from !== to ? daysFromTo(from, to) : undefined
  }
  const isRule = /^(every|each|on) |s( |$)/.test(rest)
  if (!isRule) return undefined
  const names = rest
    .replace(/^(every|each|on|weekly on)( every)? /, '')
    .split(/ and | /)
    .filter((name) => name !== '' && name !== 'and')
    .map(readWeekday)
  if (names.length === 0 || names.some((name) => name < 0)) return undefined
  return [...new Set(names)].sort().join(',')
}

function daysFromTo(from: number, to: number): string {
  const days: number[] = []
  for (let day = from; ; day = (day + 1) % 7) {
    days.push(day)
    if (day === to) return days.sort().join(',')
  }
}

/** "on the first of each month at 6", "on the 15th of every month", "on the last day of the month", "monthly", "the first monday of each month". */
function readMonths(words: string, timezone: string): TimedWhen | undefined {
  const { rest, times } = takeTimes(words)
  const clock = times.length === 0 ? [{ hour: 9, minute: 0 }] : times
  if (rest === 'monthly' || rest === 'every month' || rest === 'each month') return cronOf(clock, '1 * *', timezone)
  const match =
    /^(?:every month |monthly )?(?:on |every )?(?:the )?(.+?)(?: (?:of|in) (?:(?:each|every|the|a) )?(month|[a-z]+))?$/.exec(
      rest,
    )
  if (!match) return undefined
  const isMonthly = match[2] === 'month' || /^(every month|monthly) /.test(rest)
  const month = match[2] && match[2] !== 'month' ? readMonth(match[2]) : 0
  if (!isMonthly && month === 0) return undefined
  const inMonth = month === 0 ? '*' : String(month)
  // A day in a named month is a date, read above, unless it says every.
  if (month > 0 && !/\b(every|each)\b/.test(rest)) return undefined
  const what = match[1]!
  if (what === 'last day') return cronOf(clock, `L ${inMonth} *`, timezone)
  const weekday = /^(\w+) ([a-z]+)$/.exec(what)
  if (weekday) {
    const day = readWeekday(weekday[2]!)
    const nth = weekday[1] === 'last' ? 'L' : `#${readOrdinal(weekday[1]!)}`
    if (weekday[2] === 'day' && readOrdinal(weekday[1]!) > 0)
      return cronOf(clock, `${readOrdinal(weekday[1]!)} ${inMonth} *`, timezone)
    return day < 0 || nth === '#0' ? undefined : cronOf(clock, `* ${inMonth} ${day}${nth}`, timezone)
  }
  const day = readOrdinal(what)
  return day > 0 && day <= 31 ? cronOf(clock, `${day} ${inMonth} *`, timezone) : undefined
}

interface Time {
  hour: number
  minute: number
}

/** Several times of one day fit one pattern only when they share their minute. */
function cronOf(times: Time[], days: string, timezone: string): TimedWhen {
  const minutes = new Set(times.map((time) => time.minute))
  if (minutes.size > 1) {
    throw new Fault('input_invalid', 'Times with different minutes do not fit one schedule', {
      hint: 'Add one schedule for each of them.',
    })
  }
  const hours = [...new Set(times.map((time) => time.hour))].sort((a, b) => a - b)
  return { kind: 'cron', pattern: `${[...minutes][0]} ${hours.join(',')} ${days}`, timezone }
}

function at(
  date: { year: number; month: number; day: number },
  time: Time,
  timezone: string,
): { kind: 'at'; at: number } {
  const made = new Date(Date.UTC(date.year, date.month - 1, date.day))
  if (made.getUTCMonth() !== date.month - 1 || time.hour > 23 || time.minute > 59) {
    throw new Fault('input_invalid', `There is no ${date.year}-${date.month}-${date.day} ${time.hour}:${time.minute}`)
  }
  return { kind: 'at', at: fromWallClock({ ...date, ...time }, timezone) }
}

const TIME = String.raw`(?:\d{1,2}(?:[:.]\d\d)?\s?(?:am|pm|a\.m\.|p\.m\.)?|noon|midday|midnight)`
const TIMES_AT_END = new RegExp(String.raw`(?:^|\s)(?:at )(${TIME}(?: and (?:at )?${TIME})*)$`)
const TIMES_IN_FRONT = new RegExp(`^(?:at )(${TIME}(?: and (?:at )?${TIME})*) `)
const BARE_AT_END = /(?:^|\s)((?:\d{1,2}[:.]\d\d\s?(?:am|pm)?|\d{1,2}\s?(?:am|pm)|noon|midnight))$/

function takeTimes(words: string): { rest: string; times: Time[] } {
  const match = TIMES_AT_END.exec(words) ?? TIMES_IN_FRONT.exec(words) ?? BARE_AT_END.exec(words)
  if (!match) {
    const named = { morning: 8, evening: 18, night: 22 }[/^every (morning|evening|night)$/.exec(words)?.[1] ?? '']
    return { rest: words, times: named === undefined ? [] : [{ hour: named, minute: 0 }] }
  }
  const rest = words.replace(match[0], ' ').trim()
  return { rest, times: match[1]!.split(/ and (?:at )?/).map(readTime) }
}

function takeTime(words: string): { rest: string; time: Time | undefined } {
  const { rest, times } = takeTimes(words)
  return times.length > 1 ? { rest: words, time: undefined } : { rest, time: times[0] }
}

function readTime(text: string): Time {
  if (text === 'noon' || text === 'midday') return { hour: 12, minute: 0 }
  if (text === 'midnight') return { hour: 0, minute: 0 }
  const match = /^(\d{1,2})(?:[:.](\d\d))?\s?([ap])?/.exec(text)!
  const half = match[3]
  const number = Number(match[1])
  const minute = Number(match[2] ?? 0)
  const hour = half === undefined ? number : (number % 12) + (half === 'p' ? 12 : 0)
  if (hour > 23 || minute > 59 || (half !== undefined && (number < 1 || number > 12))) {
    throw new Fault('input_invalid', `"${text}" is no time of day`)
  }
  return { hour, minute }
}

function readWeekday(word: string): number {
  const name = word.replace(/s$/, '')
  if (name.length < 3) return -1
  return WEEKDAYS.findIndex(
    (day) =>
      day === word ||
      day === name ||
      day.slice(0, 3) === name ||
      (name === 'thur' && day === 'thursday') ||
      (name === 'tue' && day === 'tuesday'),
  )
}

function readMonth(word: string): number {
  return (
    MONTHS.findIndex(
      (month) => month === word || month.slice(0, 3) === word || (word === 'sept' && month === 'september'),
    ) + 1
  )
}

function readNumber(word: string): number {
  if (word === 'a' || word === 'an') return 1
  return /^\d{1,6}$/.test(word) ? Number(word) : Math.max(0, NUMBERS.indexOf(word))
}

function readOrdinal(word: string): number {
  const digits = /^(\d{1,2})(?:st|nd|rd|th)?$/.exec(word)
  return digits ? Number(digits[1]) : ORDINALS.indexOf(word) + 1
}
