import { expect, test } from 'vitest'
import { ago, clip, columns, manyLines, oneLine, pad, span } from '../../cli/text.ts'

test('nothing that steers a terminal gets through', () => {
  const hostile = 'a\u001b[2Jb\u0007c\u009b31md\r\ne\u202etxt'
  expect(oneLine(hostile)).toBe('a [2Jb c 31md e txt')
  expect(manyLines(hostile)).toBe('a[2Jbc31md\netxt')
  expect(manyLines('\tindented\nline')).toBe('\tindented\nline')
})

test('wide letters count double and marks nothing', () => {
  expect([columns('abc'), columns('日本'), columns('e\u0301'), columns('🚀')]).toEqual([3, 4, 1, 2])
})

test('what is cut never takes more room than there is', () => {
  for (const text of ['hello world', '日本語のテキスト', 'é'.repeat(9), '🚀🚀🚀']) {
    for (let width = 0; width < 12; width++) {
      expect(columns(clip(text, width))).toBeLessThanOrEqual(width)
      expect(columns(pad(text, width))).toBe(width)
    }
  }
  expect(clip('hello world', 6)).toBe('hello…')
})

test.each([
  [0, '0s'],
  [34_000, '34s'],
  [64_000, '1m 04s'],
  [12 * 60_000, '12m'],
  [185 * 60_000, '3h 05m'],
  [52 * 3_600_000, '2d 4h'],
])('%i ms is %s', (ms, words) => expect(span(ms)).toBe(words))

test('the past is said as a person would', () => {
  const now = new Date(2026, 10, 23, 12).getTime()
  expect(ago(now - 30_000, now)).toBe('just now')
  expect(ago(now - 5 * 60_000, now)).toBe('5m ago')
  expect(ago(now - 26 * 3_600_000, now)).toBe('1d ago')
  expect(ago(now - 30 * 24 * 3_600_000, now)).toBe('2026-10-24')
})
