import type { GoalId } from '../../core/goal.ts'
import type { PlanDraft } from '../../core/plan.ts'
import { NO_TOKENS, type Tokens } from '../../core/spend.ts'
import { listTaskCosts, type TaskCost } from '../store/ledger-rows.ts'
import type { Db } from '../store/tables.ts'
import { amountInWords } from './limits.ts'

/** What a plan will probably cost, before anything is spent. */
export interface Estimate {
  tokens: number
  /** Null where no price is known. */
  usd: number | null
  /** Tasks of the plan, and how many of them finished tasks like them speak for. */
  tasks: number
  fromHistory: number
}

export interface EstimateOptions {
  /** Only what had ended by then counts: the same plan gives the same estimate later. */
  before: number
  /** Its own tasks say nothing about what it was expected to cost. */
  goalId: GoalId
  /** Whoever works where the plan names nobody. */
  agent: string | null
  /** What tokens cost with the model in use; undefined where nobody knows. */
  price(tokens: Tokens): number | undefined
}

/**
 * What a task is taken for while too few like it were done: a dozen turns over a context that grows to
 * some 50 000 tokens, most of it read from the cache, and a few hundred lines written. Said as a guess.
 */
export const TASK_GUESS: Tokens = {
  ...NO_TOKENS,
  inputTokens: 400_000,
  cachedTokens: 320_000,
  outputTokens: 12_000,
}

const HISTORY_MAX = 500
const LIKE_MAX = 50
/** Fewer say nothing. */
const LIKE_MIN = 3

export async function estimateGoal(
  db: Db,
  plan: Pick<PlanDraft, 'tasks'>,
  options: EstimateOptions,
): Promise<Estimate> {
  const past = await listTaskCosts(db, { before: options.before, limit: HISTORY_MAX, exceptGoal: options.goalId })
  return estimateFrom(past, plan, options)
}

/** Pure: the middle of what tasks of the same agent and kind cost, else of the same kind, else the guess. */
export function estimateFrom(
  past: readonly TaskCost[],
  { tasks }: Pick<PlanDraft, 'tasks'>,
  { agent, price }: Pick<EstimateOptions, 'agent' | 'price'>,
): Estimate {
  const estimate: Estimate = { tokens: 0, usd: 0, tasks: tasks.length, fromHistory: 0 }
  for (const task of tasks) {
    const ofKind = past.filter((one) => one.kind === task.kind)
    const who = task.agent ?? agent
    const byWho = ofKind.filter((one) => one.agent === who)
    const like = (byWho.length >= LIKE_MIN ? byWho : ofKind).slice(0, LIKE_MAX)
    let usd: number | null
    if (like.length >= LIKE_MIN) {
      estimate.fromHistory++
      estimate.tokens += middle(like.map((one) => one.tokens))
      const priced = like.flatMap((one) => (one.usd === null ? [] : [one.usd]))
      usd = priced.length >= LIKE_MIN ? middle(priced) : null
    } else {
      estimate.tokens += TASK_GUESS.inputTokens + TASK_GUESS.outputTokens
      usd = price(TASK_GUESS) ?? null
    }
    estimate.usd = estimate.usd === null || usd === null ? null : estimate.usd + usd
  }
  return estimate
}

function middle(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** `about 1.20 USD (900,000 tokens), from what tasks like these cost before`. */
export function estimateInWords({ tokens, usd, tasks, fromHistory }: Estimate): string {
  const rounded = tokens >= 1000 ? Math.round(tokens / 1000) * 1000 : tokens
  const much =
    usd === null
      ? `about ${amountInWords('tokens', rounded)}`
      : `about ${amountInWords('usd', usd)} (${amountInWords('tokens', rounded)})`
  const from =
    fromHistory === tasks
      ? 'from what tasks like these cost before'
      : fromHistory === 0
        ? 'a guess, since no tasks like these were done here yet'
        : `${fromHistory} of ${tasks} tasks from what tasks like them cost before, the others a guess`
  return `${much}, ${from}`
}

/** For the report: what was expected and what it came to. */
export function compareInWords(estimate: Estimate, actual: { tokens: number; usd: number | null }): string {
  const came =
    actual.usd === null
      ? amountInWords('tokens', actual.tokens)
      : `${amountInWords('usd', actual.usd)} (${amountInWords('tokens', actual.tokens)})`
  const [was, became] =
    estimate.usd !== null && actual.usd !== null ? [estimate.usd, actual.usd] : [estimate.tokens, actual.tokens]
  const ratio = became / was
  const times =
    was > 0
      ? ` That is ${ratio < 0.1 ? 'less than a tenth of' : `${ratio.toFixed(ratio < 10 ? 1 : 0)} times`} the estimate.`
      : ''
  return `Estimated: ${estimateInWords(estimate)}. It came to ${came}.${times}`
}
