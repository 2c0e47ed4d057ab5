import { expect, test } from 'vitest'
import { parseWhen } from '../../../daemon/schedules/when-words.ts'

/** A Monday, 10:07 in Berlin. */
const NOW = Date.UTC(2026, 10, 23, 9, 7)
const read = (text: string, zone = 'Europe/Berlin') => parseWhen(text, NOW, zone)

test.each([
  ['every weekday at 9', '0 9 * * 1-5'],
  ['Every Monday and Thursday at 18:30', '30 18 * * 1,4'],
  ['every mon, wed, fri at 9 and 17', '0 9,17 * * 1,3,5'],
  ['mondays at noon', '0 12 * * 1'],
  ['daily', '0 9 * * *'],
  ['at 7am every day', '0 7 * * *'],
  ['every day at 5:30 pm', '30 17 * * *'],
  ['every morning', '0 8 * * *'],
  ['monday through friday at 8', '0 8 * * 1,2,3,4,5'],
  ['friday to monday at 8', '0 8 * * 0,1,5,6'],
  ['weekends at 10', '0 10 * * 0,6'],
  ['on the first of each month at 6', '0 6 1 * *'],
  ['on the 15th of every month', '0 9 15 * *'],
  ['on the last day of the month at 23:00', '0 23 L * *'],
  ['the first monday of each month at 10', '0 10 * * 1#1'],
  ['last friday of the month at 16', '0 16 * * 5L'],
  ['0 9 * * 1-5', '0 9 * * 1-5'],
  ['*/10 * * * * *', '*/10 * * * * *'],
])('"%s" is %s', (text, pattern) => {
  expect(read(text)).toEqual({ kind: 'cron', pattern, timezone: 'Europe/Berlin' })
})

test.each([
  ['tomorrow at 8:30', '2026-11-24T07:30'],
  ['in 20 minutes', '2026-11-23T09:27'],
  ['in two hours', '2026-11-23T11:07'],
  ['next monday at 9', '2026-11-30T08:00'],
  ['monday at 11', '2026-11-23T10:00'],
  ['on 24 december at 18', '2026-12-24T17:00'],
  ['march 3 at 6pm', '2027-03-03T17:00'],
  ['at 17', '2026-11-23T16:00'],
  ['at 8', '2026-11-24T07:00'],
  ['2026-12-24T18:00', '2026-12-24T17:00'],
  ['2026-12-24T18:00:00Z', '2026-12-24T18:00'],
])('"%s" is once, %s UTC', (text, iso) => {
  expect(read(text)).toEqual({ kind: 'at', at: Date.parse(`${iso}Z`) })
})

test.each([
  ['every 15 minutes', 15, '09:00'],
  ['every 15m', 15, '09:00'],
  ['hourly', 60, '09:00'],
  ['every half hour', 30, '09:00'],
])('"%s" is every %i minutes, on the round', (text, minutes, from) => {
  expect(read(text)).toEqual({ kind: 'every', everyMs: minutes * 60_000, fromAt: Date.parse(`2026-11-23T${from}Z`) })
})

test('the round is that of the wall clock, where it is half an hour off', () => {
  expect(read('every hour', 'Asia/Kolkata')).toMatchObject({ fromAt: Date.parse('2026-11-23T08:30Z') })
})

test.each([
  'now and then',
  'every 3 days',
  'every second friday',
  'every 2 weeks',
  'every blue moon at 9',
  'yesterday at 5',
  'every weekdayish at 9',
  '',
])('"%s" is refused with examples, not guessed at', (text) => {
  expect(() => read(text)).toThrow('is not a time that is understood')
})

test.each([
  ['every weekday at 25', '"25" is no time of day'],
  ['every day at 13pm', '"13pm" is no time of day'],
  ['every tuesday at 9:15 and 17:30', 'do not fit one schedule'],
  ['0 0 * * 9', 'is not a cron pattern: Invalid value for dayOfWeek: 9'],
  ['2026-02-31', 'There is no 2026-2-31'],
  ['2020-01-01', 'is over'],
])('"%s" is refused by name', (text, words) => {
  expect(() => read(text)).toThrow(words)
})

test('a zone that there is not is refused', () => {
  expect(() => read('daily', 'Europe/Atlantis')).toThrow('There is no time zone "Europe/Atlantis"')
})
