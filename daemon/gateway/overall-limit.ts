import type { Config } from '../../config/schema.ts'
import { limitFactor, sumSpend } from '../store/ledger-rows.ts'
import type { Db } from '../store/tables.ts'
import { dayOf, judgeLimits, type LimitScope, type LimitUse } from './limits.ts'

/** Which limit of the whole daemon it is, and how often the owner has let it be used. */
export type OverallLimit = LimitUse & { key: string; factor: number }

/** A limit of the whole daemon that is used up now, for the goals that must wait because of it; null: none. */
export async function findOverallLimit(db: Db, limits: Config['limits'], now: number): Promise<OverallLimit | null> {
  const day = dayOf(now)
  const scopes: { scope: LimitScope; key: string; factor: number }[] = []
  const inFlight = { usd: 0, tokens: 0 }
  const times = (max: number | null, factor: number) => (max === null ? null : max * factor)
  if (limits.dayUsdMax !== null || limits.dayTokensMax !== null) {
    const key = `day ${day}`
    const factor = await limitFactor(db, key)
    const [usdMax, tokensMax] = [times(limits.dayUsdMax, factor), times(limits.dayTokensMax, factor)]
    const spent = await sumSpend(db, { day })
    scopes.push({ scope: { scope: 'day', words: 'today', spent, inFlight, usdMax, tokensMax }, key, factor })
  }
  if (limits.totalUsdMax !== null || limits.totalTokensMax !== null) {
    const key = 'total'
    const factor = await limitFactor(db, key)
    const [usdMax, tokensMax] = [times(limits.totalUsdMax, factor), times(limits.totalTokensMax, factor)]
    const spent = await sumSpend(db, 'all')
    scopes.push({
      scope: { scope: 'total', words: 'Claw as a whole', spent, inFlight, usdMax, tokensMax },
      key,
      factor,
    })
  }
  for (const { scope, key, factor } of scopes) {
    const verdict = judgeLimits([scope], 100)
    if (verdict.do === 'refuse') return { ...verdict.limit, key, factor }
  }
  return null
}
