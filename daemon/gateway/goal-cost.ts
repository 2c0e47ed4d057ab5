import type { Goal } from '../../core/goal.ts'
import type { Plan } from '../../core/plan.ts'
import type { CostSheet, Tokens } from '../../core/spend.ts'
import { costSheet } from '../store/ledger-rows.ts'
import type { Db } from '../store/tables.ts'
import { compareInWords, estimateGoal } from './estimate.ts'

/** What a goal cost, for its report. */
export interface GoalCost {
  /** By agent, the brain among them. */
  sheet: CostSheet
  /** What was expected and what it came to; null where nothing was planned or nothing was asked. */
  compared: string | null
}

/** The estimate is made again as it was before the first spend: from what had ended when the plan was made. */
export async function findGoalCost(
  db: Db,
  { goal, plan }: { goal: Goal; plan: Plan | null },
  budget: { agent(): string | null; price(tokens: Tokens): number | undefined },
): Promise<GoalCost> {
  const sheet = await costSheet(db, { by: 'agent', goalId: goal.id })
  const { total } = sheet
  if (!plan?.draft || total.requests === 0) return { sheet, compared: null }
  const agent = goal.agent ?? budget.agent()
  const options = { before: plan.createdAt, goalId: goal.id, agent, price: budget.price }
  const estimate = await estimateGoal(db, plan.draft, options)
  const actual = { tokens: total.inputTokens + total.outputTokens, usd: total.unpriced > 0 ? null : total.usd }
  return { sheet, compared: compareInWords(estimate, actual) }
}
