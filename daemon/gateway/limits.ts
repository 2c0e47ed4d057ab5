/**
 * Decides whether one more request may be made. Pure: from what was spent, what is under way, and what
 * the owner allows.
 *
 * Only what was really spent ends a run. What is under way can only make the next one wait: whether it
 * will reach the limit is known when it has ended.
 */
export interface LimitScope {
  /** goal: one goal's; day: today's of all goals; total: of all time. */
  scope: 'goal' | 'day' | 'total'
  /** For people: `goal #12`, `today`. */
  words: string
  spent: Amount
  inFlight: Amount
  usdMax: number | null
  tokensMax: number | null
}

export interface Amount {
  usd: number
  tokens: number
}

export interface LimitUse {
  scope: LimitScope['scope']
  unit: 'usd' | 'tokens'
  words: string
  used: number
  max: number
}

export type LimitVerdict = { do: 'go' | 'wait'; notices: LimitUse[] } | { do: 'refuse'; limit: LimitUse }

export function judgeLimits(scopes: readonly LimitScope[], noticePercent: number): LimitVerdict {
  const notices: LimitUse[] = []
  let mustWait = false
  for (const { scope, words, spent, inFlight, usdMax, tokensMax } of scopes) {
    for (const [unit, max] of [
      ['usd', usdMax],
      ['tokens', tokensMax],
    ] as const) {
      if (max === null) continue
      const use: LimitUse = { scope, unit, words, used: spent[unit], max }
      if (use.used >= max) return { do: 'refuse', limit: use }
      if (use.used * 100 >= max * noticePercent) notices.push(use)
      // With nothing under way one request always goes: it is what reaches the limit.
      if (inFlight[unit] > 0 && use.used + inFlight[unit] >= max) mustWait = true
    }
  }
  return { do: mustWait ? 'wait' : 'go', notices }
}

/** `5.00 USD`, `1,200,000 tokens`. */
export function amountInWords(unit: LimitUse['unit'], amount: number): string {
  if (unit === 'usd') return `${amount.toFixed(amount > 0 && amount < 0.1 ? 4 : 2)} USD`
  return `${Math.round(amount).toLocaleString('en-US')} tokens`
}

/** The owner's calendar day of a moment: `2026-11-23`. */
export function dayOf(moment: number): string {
  const date = new Date(moment)
  const two = (number: number) => String(number).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** When the next of the owner's days begins. */
export function nextDayAt(moment: number): number {
  const date = new Date(moment)
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime()
}
