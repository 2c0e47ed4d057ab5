/**
 * Which of the owner's limits a goal has used up, and what the owner may do about it. Pure.
 *
 * Minutes, money and tokens are the goal's own; a day's and the whole daemon's are shared by all goals,
 * and each goal that must wait because of them asks for itself.
 */
import { MINUTE } from '../../core/clock.ts'
import type { GoalLimits } from '../../core/goal.ts'
import { amountInWords } from '../gateway/limits.ts'
import type { OverallLimit } from '../gateway/overall-limit.ts'
import { type Snapshot, workedMs } from './snapshot.ts'

export interface ReachedLimit {
  /** `its 30 minutes`, `its 5.00 USD`, `today’s 20.00 USD`. */
  words: string
  /** What is true of it when the owner lets it go on. */
  raise: { goal: Partial<GoalLimits> } | { overall: Pick<OverallLimit, 'key' | 'factor'> }
}

/** In the order in which they are said. */
export function reachedLimits({ goal, runs, now, money }: Snapshot): ReachedLimit[] {
  const { minutesMax, usdMax, tokensMax } = goal.limits
  const reached: ReachedLimit[] = []
  const minutes = workedMs(runs, now) / MINUTE
  if (minutesMax !== null && minutes >= minutesMax) {
    reached.push({ words: `its ${minutesMax} minutes`, raise: { goal: { minutesMax: again(minutesMax, minutes) } } })
  }
  if (money && usdMax !== null && money.spent.usd >= usdMax) {
    const raise = { goal: { usdMax: again(usdMax, money.spent.usd) } }
    reached.push({ words: `its ${amountInWords('usd', usdMax)}`, raise })
  }
  if (money && tokensMax !== null && money.spent.tokens >= tokensMax) {
    const raise = { goal: { tokensMax: Math.ceil(again(tokensMax, money.spent.tokens)) } }
    reached.push({ words: `its ${amountInWords('tokens', tokensMax)}`, raise })
  }
  const overall = money?.overall
  if (overall) {
    const whose = overall.scope === 'day' ? 'today’s' : 'Claw’s'
    // The first limit is let be used once more each time; what went over it counts.
    const once = overall.max / overall.factor
    const factor = Math.max(overall.factor, Math.floor(overall.used / once)) + 1
    reached.push({
      words: `${whose} ${amountInWords(overall.unit, overall.max)}`,
      raise: { overall: { key: overall.key, factor } },
    })
  }
  return reached
}

/** As much again; what went over the limit does not eat it up. */
function again(max: number, used: number): number {
  return max * 2 > used ? max * 2 : used + max
}
