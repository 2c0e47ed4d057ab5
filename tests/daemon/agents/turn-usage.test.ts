import { describe, expect, test } from 'vitest'
import { createUsageReader, type TurnReport } from '../../../daemon/agents/turn-usage.ts'

const report = (over: Partial<TurnReport>): TurnReport => ({
  response: {},
  costUsd: null,
  inChunks: [],
  contexts: [],
  ...over,
})
const counted = (usage: object) => report({ response: { usage } })

describe('each program counts in its own way', () => {
  test('Claude counts the cache beside the input; the ledger’s input holds it', () => {
    const usage = { inputTokens: 10, outputTokens: 5, cachedReadTokens: 100, cachedWriteTokens: 20, totalTokens: 135 }
    expect(createUsageReader('turn').read(counted(usage))).toEqual({
      inputTokens: 130,
      cachedTokens: 100,
      cacheWriteTokens: 20,
      outputTokens: 5,
      reasoningTokens: 0,
      usd: null,
      isWhole: true,
    })
  })

  test('Codex counts cache and thoughts within: nothing is added twice', () => {
    const usage = { inputTokens: 130, outputTokens: 50, cachedReadTokens: 100, thoughtTokens: 30, totalTokens: 180 }
    expect(createUsageReader('turn').read(counted(usage))).toMatchObject({
      inputTokens: 130,
      cachedTokens: 100,
      outputTokens: 50,
      reasoningTokens: 30,
    })
  })

  test('Copilot counts the session: each turn is what it added', () => {
    const reader = createUsageReader('session')
    const at = (inputTokens: number) => reader.read(counted({ inputTokens, outputTokens: 1 }))
    expect([at(10), at(25)].map(({ inputTokens, isWhole }) => [inputTokens, isWhole])).toEqual([
      [10, true],
      [15, true],
    ])
    // Loaded again, nobody knows what it held: the first turn is an estimate.
    reader.sessionLoaded(null)
    expect(at(40)).toMatchObject({ inputTokens: 0, isWhole: false })
    expect(at(70)).toMatchObject({ inputTokens: 30, isWhole: true })
  })

  test('goose and OpenCode count their last call only: what each call read before it is the least', () => {
    const turn = report({ response: { usage: { inputTokens: 300, outputTokens: 20 } }, contexts: [100, 200, 320] })
    expect(createUsageReader('last-call').read(turn)).toMatchObject({
      inputTokens: 600,
      outputTokens: 20,
      isWhole: false,
    })
  })

  test('Gemini counts under its quota', () => {
    const response = { _meta: { quota: { token_count: { input_tokens: 7, output_tokens: 3 }, model_usage: [] } } }
    expect(createUsageReader('quota').read(report({ response }))).toMatchObject({
      inputTokens: 7,
      outputTokens: 3,
      isWhole: true,
    })
  })

  test('Qwen counts beside its words, once for each call, its thoughts apart', () => {
    const call = { inputTokens: 100, outputTokens: 10, thoughtTokens: 4, totalTokens: 114, cachedReadTokens: 50 }
    const turn = report({ inChunks: [call, { ...call, inputTokens: 200, totalTokens: 214 }] })
    expect(createUsageReader('chunks').read(turn)).toMatchObject({
      inputTokens: 300,
      cachedTokens: 100,
      outputTokens: 28,
      reasoningTokens: 8,
      isWhole: true,
    })
  })

  test('pi counts nothing: how full its context was is the least', () => {
    expect(createUsageReader('none').read(report({ contexts: [50, 90] }))).toMatchObject({
      inputTokens: 140,
      isWhole: false,
    })
  })

  test.each(['turn', 'session', 'last-call', 'quota', 'chunks', 'none'] as const)(
    'an agent that should count (%s) and did not is not taken to have used nothing for sure',
    (way) => {
      const nonsense = { usage: { inputTokens: '7', outputTokens: null }, _meta: 'none' }
      const read = createUsageReader(way).read(report({ response: nonsense, inChunks: [null, 3, {}] }))
      expect(read).toMatchObject({ inputTokens: 0, outputTokens: 0, usd: null, isWhole: false })
    },
  )
})

test('cost is counted per session: a turn’s is what it added, also where one turn said nothing', () => {
  const reader = createUsageReader('turn')
  const usd = (costUsd: number | null) => reader.read(report({ costUsd })).usd
  expect([usd(0.5), usd(null), usd(0.75)]).toEqual([0.5, null, 0.25])
  reader.sessionLoaded(null)
  expect([usd(2), usd(2.5)]).toEqual([null, 0.5])
})

test('of a loaded session that we counted before, the first turn counts too, whether the agent goes on or begins anew', () => {
  const loaded = (inputTokens: number, costUsd: number) => {
    const reader = createUsageReader('session')
    reader.sessionLoaded({ inputTokens: 100, cachedTokens: 0, outputTokens: 10, usd: 1 })
    return reader.read({ ...counted({ inputTokens, outputTokens: 12 }), costUsd })
  }
  expect(loaded(130, 1.5)).toMatchObject({ inputTokens: 30, outputTokens: 2, usd: 0.5, isWhole: true })
  expect(loaded(30, 0.5)).toMatchObject({ inputTokens: 30, outputTokens: 12, usd: 0.5, isWhole: true })
})
