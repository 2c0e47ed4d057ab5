import type { z } from 'zod'
import type { Usage } from '../../core/run.ts'

/**
 * The model that thinks for the daemon: plans, reviews, settles, writes up. Every question has a
 * schema; an answer that does not fit is asked again once with the reason and is then a
 * brain_answer_invalid. Text from repositories or the web goes in as data, marked as such by the caller.
 */
export interface Brain {
  /** For people and plans: `anthropic claude-…`, `agent pi`. */
  readonly name: string
  /**
   * Faults: brain_missing, brain_answer_invalid, provider_limited (details.retryAt), provider_refused,
   * provider_unavailable. Nothing is cached; nothing runs while no question is open.
   */
  ask<T>(question: Question<T>, signal?: AbortSignal): Promise<{ value: T; usage: Usage }>
}

export interface Question<T> {
  /** What it is for; goes into the log and the meter. */
  purpose: 'plan' | 'review' | 'reconcile' | 'write-up' | 'lessons' | 'converse' | 'time'
  /** The goal it is asked for, where it is one's; for the meter. */
  goalId?: string | undefined
  system: string
  prompt: string
  schema: z.ZodType<T>
  /**
   * Called with the answer as far as it has come, which may not fit yet. Only a wish: where a brain cannot say it
   * piece by piece, it is never called.
   */
  onPartial?: ((partial: unknown) => void) | undefined
}
