/** What `decide` may answer: each decision is carried out in one transaction (`carry-out.ts`). */
import type { Ask, AskId } from '../../core/ask.ts'
import type { GoalLimits } from '../../core/goal.ts'
import type { PlanDraft, PlanId } from '../../core/plan.ts'
import type { NextRun, TaskId } from '../../core/task.ts'

export type Decision = (
  | {
      do: 'draft-plan'
      version: number
      request: string[]
      steers: number[]
      instead: PlanId | null
      /** The owner's own plan, which no brain rewrites. */
      draft?: PlanDraft
    }
  | { do: 'refuse-plan'; planId: PlanId; reasons: string[] }
  | { do: 'activate-plan'; planId: PlanId }
  | { do: 'set-aside'; planIds: PlanId[] }
  | { do: 'ask'; ask: NewAsk }
  | { do: 'make-ready'; taskId: TaskId; next: NextRun | null; forgiven: boolean }
  | { do: 'land-task'; taskId: TaskId }
  | { do: 'end-task'; taskId: TaskId; as: 'failed' | 'cancelled'; reason: string }
  | { do: 'follow-up'; comment: string }
  | { do: 'stop-run'; runId: string; why: 'limit' }
  | { do: 'change-limits'; limits: GoalLimits; overall: { key: string; factor: number } | null }
  | { do: 'land-as-branch' }
  | { do: 'land-goal' }
  | { do: 'report'; met: boolean; outcome: string }
  | { do: 'drop-goal'; outcome: string }
  | { do: 'undo-effects' }
  | { do: 'unquarantine' }
  | { do: 'moot'; askId: AskId }
  | { do: 'nothing' }
) & {
  /** Answers that this decision acts upon; they are marked as settled with it. */
  settles?: AskId[]
}

export type NewAsk = Pick<Ask, 'kind' | 'question' | 'detail' | 'choices' | 'freeText'> & {
  taskId: TaskId | null
  fingerprint?: string
}
