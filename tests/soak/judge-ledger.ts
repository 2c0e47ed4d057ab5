/** A request to a model, as the ledger has it. */
export interface LedgerRow {
  state: string
  inputTokens: number
}

export interface LedgerVerdict {
  /** What is wrong, in words; empty when every answer is counted, once. */
  wrong: string[]
  settled: number
  estimated: number
  void: number
  /** Answers that no row names: their rows stand as estimates, since somebody died before it was known. */
  unnamed: number
  /** Input tokens, as served and as counted; never fewer are counted. */
  servedTokens: number
  countedTokens: number
}

/**
 * Holds the ledger against what a provider has served. Pure. Each answer served counts a number of tokens of
 * its own: a settled row names exactly one of them, and each that none names needs an estimate of its own.
 */
export function judgeLedger(rows: readonly LedgerRow[], served: readonly number[]): LedgerVerdict {
  const wrong: string[] = []
  const of = (state: string) => rows.filter((row) => row.state === state)
  const known = new Set(served)
  const named = new Set<number>()
  for (const { inputTokens } of of('settled')) {
    if (!known.has(inputTokens)) wrong.push(`${inputTokens} tokens are in the ledger and were never served`)
    if (named.has(inputTokens)) wrong.push(`${inputTokens} tokens are in the ledger twice`)
    named.add(inputTokens)
  }
  const unnamed = served.filter((tokens) => !named.has(tokens))
  const estimated = of('estimated')
  if (unnamed.length > estimated.length) {
    wrong.push(`${unnamed.length} answers are not in the ledger, and only ${estimated.length} estimates stand for them`)
  }
  const open = of('reserved').length
  if (open > 0) wrong.push(`${open} requests are still open in the ledger`)
  const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0)
  const servedTokens = sum(served)
  const countedTokens = sum(rows.filter(({ state }) => state !== 'void').map((row) => row.inputTokens))
  return {
    wrong,
    settled: of('settled').length,
    estimated: estimated.length,
    void: of('void').length,
    unnamed: unnamed.length,
    servedTokens,
    countedTokens,
  }
}
