import { expect, test } from 'vitest'
import { judgeLedger } from './judge-ledger.ts'

const settled = (inputTokens: number) => ({ state: 'settled', inputTokens })

test('every answer named once is right; a refusal counts nothing', () => {
  expect(judgeLedger([settled(10), settled(11), { state: 'void', inputTokens: 0 }], [10, 11])).toMatchObject({
    wrong: [],
    unnamed: 0,
    servedTokens: 21,
    countedTokens: 21,
  })
})

test('an answer whose end nobody saw is right when an estimate stands for it', () => {
  expect(judgeLedger([settled(10), { state: 'estimated', inputTokens: 900 }], [10, 11])).toMatchObject({
    wrong: [],
    unnamed: 1,
  })
})

test.each([
  ['one that is missing', [settled(10)], [10, 11], 'only 0 estimates stand'],
  ['one that is there twice', [settled(10), settled(10)], [10], 'twice'],
  ['one that was never served', [settled(10), settled(12)], [10], 'never served'],
  ['one that is still open', [{ state: 'reserved', inputTokens: 5 }], [], 'still open'],
])('%s is wrong', (_, rows, served, words) => {
  expect(judgeLedger(rows, served).wrong.join()).toContain(words)
})
