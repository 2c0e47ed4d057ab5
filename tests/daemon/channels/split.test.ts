import { expect, test } from 'vitest'
import { splitText } from '../../../daemon/channels/split.ts'

const words = (count: number) => Array.from({ length: count }, (_, n) => `word${n}`).join(' ')

test('what fits stays one piece, whatever is in it', () => {
  expect(splitText('a\n\n```ts\nb\n```\nc', 100)).toEqual(['a\n\n```ts\nb\n```\nc'])
})

test('pieces keep the limit and lose no word', () => {
  for (const max of [64, 100, 333, 4096]) {
    const text = Array.from({ length: 40 }, (_, n) => `${words(n)}.`).join('\n\n')
    const pieces = splitText(text, max)
    for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(max)
    expect(pieces.join(' ').split(/\s+/)).toEqual(text.split(/\s+/))
  }
})

test('a piece ends between paragraphs rather than lines, and lines rather than words', () => {
  expect(splitText(`${'a'.repeat(50)}\n\n${'b'.repeat(20)}\n${'c'.repeat(60)}`, 120)[0]).toBe('a'.repeat(50))
  expect(splitText(`${'a '.repeat(25)}\n${'b '.repeat(40)}`, 120)[0]).toBe('a '.repeat(25).trim())
})

test('a fence that is cut is closed and opened again with its language', () => {
  const lines = Array.from({ length: 30 }, (_, n) => `  const value${n} = ${n}`)
  const pieces = splitText(`Look:\n\`\`\`ts\n${lines.join('\n')}\n\`\`\`\nDone.`, 200)
  expect(pieces.length).toBeGreaterThan(2)
  for (const [n, piece] of pieces.entries()) {
    expect(piece.length).toBeLessThanOrEqual(200)
    expect(piece.match(/^```/gm)?.length ?? 0, `piece ${n}: ${piece}`).toSatisfy((count: number) => count % 2 === 0)
    if (n > 0 && piece.includes('const')) expect(piece.startsWith('```ts\n')).toBe(true)
  }
  expect(pieces.join('\n').match(/ {2}const value\d+/g)).toEqual(lines.map((line) => line.split(' =')[0]))
})

test('one word without an end is cut, but never through a character of two units', () => {
  const pieces = splitText('😀'.repeat(200), 61)
  expect(pieces.join('')).toBe('😀'.repeat(200))
  for (const piece of pieces) expect(piece.isWellFormed()).toBe(true)
})

test('a fence that is never closed and marks as long as a page end all the same', () => {
  expect(splitText(`\`\`\`\n${'x\n'.repeat(500)}`, 100).length).toBeGreaterThan(5)
  expect(splitText('`'.repeat(5_000), 100).length).toBeGreaterThan(40)
})
