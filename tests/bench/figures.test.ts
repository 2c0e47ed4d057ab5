import { expect, test } from 'vitest'
import { compare, figure, percentile, round, toLines } from '../../bench/figures.ts'

test('a median is the sample in the middle, or the mean of the two', () => {
  expect(percentile([9, 1, 5], 50)).toBe(5)
  expect(percentile([9, 1, 5, 7], 50)).toBe(6)
  expect(percentile([3], 50)).toBe(3)
})

test('the 99th percentile of a hundred samples leaves one out', () => {
  const samples = Array.from({ length: 100 }, (_, n) => n + 1)
  expect(percentile(samples, 99)).toBe(99)
  expect(percentile(samples.slice(0, 10), 99)).toBe(10)
})

test('nothing measured is an error, not a zero', () => {
  expect(() => figure('start', 'ms', [])).toThrow('nothing was measured for start')
  expect(() => percentile([], 50)).toThrow()
})

test('numbers keep three digits', () => {
  expect([1234.5, 0.012345, 0, 99.96].map(round)).toEqual([1230, 0.0123, 0, 100])
})

test('a figure stands beside the one of the same name and unit', () => {
  const now = [figure('start', 'ms', [300, 200, 250]), figure('memory', 'MB', [90])]
  const [start, memory] = compare(now, [figure('start', 'ms', [500]), figure('memory', '%', [3])])
  expect(start).toMatchObject({ value: 250, min: 200, max: 300, repeats: 3, baseline: { value: 500, ratio: 0.5 } })
  expect(memory?.baseline).toBeNull()
})

test('a line says value, spread, baseline and goal', () => {
  const [line] = toLines(compare([figure('start', 'ms', [1, 2, 3], { goal: '≤ 5 ms' })], []))
  expect(line).toBe('start  2 ms  1 to 3, 3 times  no baseline  goal ≤ 5 ms')
})
