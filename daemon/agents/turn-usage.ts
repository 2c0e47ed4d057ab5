import type { Usage } from '../../core/run.ts'
import { addTokens, NO_TOKENS, type Tokens } from '../../core/spend.ts'
import { record } from './acp-updates.ts'
import type { AgentQuirks, TurnSpend } from './agent.ts'

/** What came by while a turn ran, and its answer. */
export interface TurnReport {
  response: Readonly<Record<string, unknown>>
  /** Of the session so far, as the agent counts. */
  costUsd: number | null
  /** Counts that came with pieces of the answer, one for each model call. */
  inChunks: readonly unknown[]
  /** How full the context was after each model call that told. */
  contexts: readonly number[]
}

export interface UsageReader {
  read(report: TurnReport): TurnSpend
  /** The session was loaded: what it used before is not counted again. Null: nobody knows how much it was. */
  sessionLoaded(usedBefore: Usage | null): void
}

/**
 * Reads what a turn used, whatever the agent's way of telling: the sum of the turn, of the session so far, of
 * its last model call only, under Gemini's `quota`, beside Qwen's words, or not at all. Cost is counted per
 * session by everyone who counts it.
 */
export function createUsageReader(way: AgentQuirks['usage']): UsageReader {
  let before: { tokens: Tokens; usd: number } | null = { tokens: NO_TOKENS, usd: 0 }

  function costOf(usd: number | null): number | null {
    if (usd === null || before === null) return null
    return usd < before.usd ? usd : usd - before.usd
  }

  return {
    read({ response, costUsd, inChunks, contexts }) {
      const usd = costOf(costUsd)
      const counted = countedIn(way, response, inChunks)
      const known = before
      before = { tokens: counted ?? before?.tokens ?? NO_TOKENS, usd: costUsd ?? before?.usd ?? 0 }
      if (counted === undefined || way === 'last-call') return { ...leastOf(counted, contexts), usd, isWhole: false }
      if (way !== 'session') return { ...counted, usd, isWhole: true }
      // Of a loaded session nobody knows what it had used before: the first number is where we start.
      if (known === null) return { ...leastOf(undefined, contexts), usd, isWhole: false }
      return { ...difference(counted, known.tokens), usd, isWhole: true }
    },
    sessionLoaded(usedBefore) {
      before = usedBefore && { tokens: { ...NO_TOKENS, ...tokensOf(usedBefore) }, usd: usedBefore.usd ?? 0 }
    },
  }
}

function countedIn(
  way: AgentQuirks['usage'],
  response: Readonly<Record<string, unknown>>,
  inChunks: readonly unknown[],
): Tokens | undefined {
  if (way === 'none') return undefined
  if (way === 'quota') {
    const count = record(record(record(response['_meta'])['quota'])['token_count'])
    return readTokens({ inputTokens: count['input_tokens'], outputTokens: count['output_tokens'] })
  }
  if (way === 'chunks') {
    const calls = inChunks.flatMap((one) => readTokens(record(one)) ?? [])
    return calls.length > 0 ? calls.reduce(addTokens) : undefined
  }
  return readTokens(record(response['usage']))
}

/**
 * Some count what came from the cache and what was thought beside input and output, others within: the total
 * says which.
 */
function readTokens(usage: Readonly<Record<string, unknown>>): Tokens | undefined {
  if (typeof usage['inputTokens'] !== 'number' || typeof usage['outputTokens'] !== 'number') return undefined
  const whole = (name: string) => {
    const value = usage[name]
    return typeof value === 'number' && value > 0 && Number.isFinite(value) ? Math.round(value) : 0
  }
  const [input, output] = [whole('inputTokens'), whole('outputTokens')]
  const [cachedTokens, cacheWriteTokens] = [whole('cachedReadTokens'), whole('cachedWriteTokens')]
  const thought = whole('thoughtTokens')
  const cache = cachedTokens + cacheWriteTokens
  const beside = whole('totalTokens') - input - output
  const isThoughtBeside = thought > 0 && (beside === thought || beside === thought + cache)
  const isCacheBeside = cache > 0 && (beside === cache || beside === thought + cache)
  return {
    inputTokens: input + (isCacheBeside ? cache : 0),
    cachedTokens,
    cacheWriteTokens,
    outputTokens: output + (isThoughtBeside ? thought : 0),
    reasoningTokens: thought,
  }
}

/** Each model call reads its whole context: where the calls are not counted, what they held is the least they used. */
function leastOf(lastCall: Tokens | undefined, contexts: readonly number[]): Tokens {
  const counted = lastCall ?? NO_TOKENS
  const held = contexts.reduce((all, one) => all + one, 0)
  return { ...counted, inputTokens: Math.max(counted.inputTokens, held - counted.outputTokens) }
}

const NAMES = Object.keys(NO_TOKENS) as (keyof Tokens)[]

/** What was added; some begin at nothing again when a session is loaded. */
function difference(now: Tokens, before: Tokens): Tokens {
  if (now.inputTokens < before.inputTokens || now.outputTokens < before.outputTokens) return now
  const added = Object.fromEntries(NAMES.map((name) => [name, Math.max(0, now[name] - before[name])]))
  return added as unknown as Tokens
}

function tokensOf({ inputTokens, cachedTokens, outputTokens }: Usage) {
  return { inputTokens, cachedTokens, outputTokens }
}
