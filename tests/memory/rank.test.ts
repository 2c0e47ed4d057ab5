import { expect, test } from 'vitest'
import { readQuestion, spanOf } from '../../memory/question.ts'
import { overlap, type Pool, rank } from '../../memory/rank.ts'

const none = () => ({})
const hits = (...scores: [string, number][]): Pool['hits'] =>
  scores.map(([id, score]) => ({ id, note: id.split('#')[0]!, item: id, score }))

test('a list counts by its weight, whatever the scale of its scores', () => {
  const ranked = rank(
    [
      { name: 'text', weight: 1, hits: hits(['a#0', 30], ['b#0', 1]) },
      { name: 'vectors', weight: 0.4, hits: hits(['b#0', 0.9], ['a#0', 0.1]) },
    ],
    none,
  )
  expect(ranked.map(({ id }) => id)).toEqual(['a#0', 'b#0'])
})

test('a passage that one list was too short for is not taken to score nothing there', () => {
  const [first] = rank(
    [
      { name: 'text', weight: 1, hits: hits(['a#0', 10], ['b#0', 9.9]) },
      { name: 'vectors', weight: 1, hits: hits(['b#0', 0.9], ['c#0', 0.88]) },
    ],
    none,
  ).filter(({ id }) => id === 'a#0')
  expect(first!.parts['vectors']).toBeGreaterThan(0.9)
})

test('of the passages of one turn the best stands for all', () => {
  const pool = {
    name: 'text',
    weight: 1,
    hits: [
      { id: 'n#0', note: 'n', item: 't1', score: 1 },
      { id: 'n#1', note: 'n', item: 't1', score: 2 },
      { id: 'n#2', note: 'n', item: 't2', score: 1 },
    ],
  }
  expect(rank([pool], none).map(({ id }) => id)).toEqual(['n#1', 'n#2'])
})

test('a prior moves a passage a little, and is told apart in the score', () => {
  const pool = { name: 'text', weight: 1, hits: hits(['a#0', 10], ['b#0', 9.5]) }
  const ranked = rank([pool], (id) => ({ speaker: id === 'b#0' ? 0.2 : 0 }))
  expect(ranked[0]).toMatchObject({ id: 'b#0', parts: { speaker: 0.2 } })
})

test('the score is the sum of its parts', () => {
  const pool = { name: 'text', weight: 1, hits: hits(['a#0', 10], ['a#1', 9], ['b#0', 2]) }
  for (const { score, parts } of rank([pool], () => ({ past: -0.3 }))) {
    expect(score).toBeCloseTo(Object.values(parts).reduce((a, b) => a + b, 0))
  }
})

test('overlap is the share of words in common', () => {
  expect(overlap(new Set(['a', 'b']), new Set(['b', 'c']))).toBeCloseTo(1 / 3)
  expect(overlap(new Set(), new Set(['b']))).toBe(0)
})

test('a question about somebody is put as they would have said it', () => {
  const question = readQuestion("What is Ann's favourite book?", ['Ann', 'Bob'])
  expect(question.statements).toEqual(["Ann: What is I's favourite book?"])
  expect(question.names).toEqual(['ann'])
})

test('a question about two people is asked once as each', () => {
  expect(readQuestion('What do Ann and Bob both like?', ['Ann', 'Bob', 'Cleo']).statements).toHaveLength(2)
})

test('what stands in quotation marks is kept as written', () => {
  expect(readQuestion('where is "Port 8080" or `npm ci` used', []).quoted).toEqual(['Port 8080', 'npm ci'])
})

test('a question with parts is searched for each of them too', () => {
  const { parts } = readQuestion('When did the server crash, and who restarted the database?', [])
  expect(parts).toEqual([
    ['server', 'crash'],
    ['restart', 'databas'],
  ])
})

test.each([
  ['on 8 May 2023', Date.UTC(2023, 4, 8), Date.UTC(2023, 4, 9)],
  ['on May 8th, 2023', Date.UTC(2023, 4, 8), Date.UTC(2023, 4, 9)],
  ['2023-05-08', Date.UTC(2023, 4, 8), Date.UTC(2023, 4, 9)],
  ['in May 2023', Date.UTC(2023, 4), Date.UTC(2023, 5)],
  ['in 2023', Date.UTC(2023, 0), Date.UTC(2024, 0)],
])('a span of time is read from "%s"', (text, from, to) => {
  expect(spanOf(text)).toEqual({ from, to })
})

test('a question without a date has no span', () => {
  expect(spanOf('may I ask version 2024 something')).toBeNull()
})

test('a hostile name or a very long question neither breaks nor takes long', () => {
  expect(readQuestion('x(((+ asks about a+b)'.repeat(20_000), ['x(((+', '*', '']).words.length).toBeLessThanOrEqual(48)
})
