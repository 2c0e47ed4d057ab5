import { z } from 'zod'

/** Tokens of one or many model calls. Input holds what was read from and written to the cache, output the reasoning. */
export const Tokens = z.object({
  inputTokens: z.int(),
  cachedTokens: z.int(),
  cacheWriteTokens: z.int(),
  outputTokens: z.int(),
  reasoningTokens: z.int(),
})
export type Tokens = z.infer<typeof Tokens>

export const NO_TOKENS: Tokens = {
  inputTokens: 0,
  cachedTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
}

/**
 * reserved: under way, counted at what it can cost at most; settled: the provider said what it used;
 * estimated: nobody said, so the estimate stays; void: the provider did not do it.
 */
export const SpendState = z.enum(['reserved', 'settled', 'estimated', 'void'])
export type SpendState = z.infer<typeof SpendState>

/** What sums of the ledger are made by. */
export const CostBy = z.enum(['goal', 'task', 'run', 'agent', 'model', 'day'])
export type CostBy = z.infer<typeof CostBy>

export const CostRow = z.object({
  /** `#12`, `12.3`, its run `12.3.1`, an agent, a model, a day; `-` for what belongs to no goal, task or run. */
  key: z.string(),
  ...Tokens.shape,
  requests: z.int(),
  /** Null where no price is known for any of it. */
  usd: z.number().nullable(),
  /** Requests without a known price: `usd` is too small by theirs. */
  unpriced: z.int(),
  /** Requests counted at an estimate, since nobody said what they used. */
  estimated: z.int(),
})
export type CostRow = z.infer<typeof CostRow>

export const CostSheet = z.object({ by: CostBy, rows: z.array(CostRow), total: CostRow })
export type CostSheet = z.infer<typeof CostSheet>

export function addTokens(a: Tokens, b: Tokens): Tokens {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  }
}
