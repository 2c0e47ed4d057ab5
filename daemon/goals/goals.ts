import { z } from 'zod'
import { Autonomy, GoalSource, Land } from '../../core/goal.ts'
import { PermissionProfile } from '../../core/permission.ts'
import { PlanDraft } from '../../core/plan.ts'
import type { Proof } from '../../core/proof.ts'
import type { Undone } from './undo.ts'
import type { GoalSummary, GoalView, ReviewView, TaskView } from './views.ts'

/** What an owner says to add a goal. Everything but the text has a default. */
export const NewGoal = z.strictObject({
  text: z.string().trim().min(1, 'a goal needs words').max(100_000),
  /** A path on this machine (absolute), a URL, or nothing for a fresh workspace. */
  repo: z.string().min(1).nullable().default(null),
  branch: z.string().min(1).nullable().default(null),
  land: Land.nullable().default(null),
  autonomy: Autonomy.nullable().default(null),
  minutesMax: z.number().positive().nullable().default(null),
  attemptsMax: z.int().min(1).max(20).nullable().default(null),
  usdMax: z.number().positive().nullable().default(null),
  tokensMax: z.int().positive().nullable().default(null),
  agent: z.string().min(1).nullable().default(null),
  /** How much its agents may do without you; null: as the configuration says. */
  permissions: PermissionProfile.nullable().default(null),
  plan: PlanDraft.nullable().default(null),
  source: GoalSource.default({ surface: 'http', from: null }),
  /** The same key twice gives the same goal; a client that lost the answer may send again. */
  idempotencyKey: z.string().min(1).max(200).nullable().default(null),
})
export type NewGoal = z.infer<typeof NewGoal>
export type NewGoalInput = z.input<typeof NewGoal>

/** Goals in one list: what a person looks through. Every one costs a few queries. */
export const LISTED_DEFAULT = 50
export const LISTED_MAX = 500

/**
 * What an owner can do with goals, from any surface. Each call is one transaction: rows change
 * and `advance` is enqueued; when it returns, it has reached the disk. A goal is named by its
 * number (`12`, `#12`) or id, a task by its label (`12.3`) or id.
 */
export interface Goals {
  add(input: NewGoalInput): Promise<GoalSummary>
  /** Newest first, `LISTED_DEFAULT` of them; the next page comes `before` the number of the last one. */
  list(filter?: {
    state?: 'open' | 'ended' | 'all'
    limit?: number | undefined
    before?: number | undefined
  }): Promise<GoalSummary[]>
  show(goal: string): Promise<GoalView>
  showTask(task: string): Promise<TaskView>
  /** To a goal: replanned with it. To a task: told to its running agent, or kept for the next run. Answers how it is passed on. */
  steer(goalOrTask: string, text: string, by: string): Promise<'planner' | 'run' | 'next-run'>
  pause(goal: string, by: string): Promise<void>
  /** Also takes a quarantined goal up again. */
  resume(goal: string, by: string): Promise<void>
  cancel(goal: string, by: string): Promise<void>
  review(goalOrTask: string): Promise<ReviewView>
  /** Accepts what waits for review; throws move_refused where nothing does. */
  accept(goalOrTask: string, by: string): Promise<void>
  /** The comment becomes feedback to a new run. */
  reject(goalOrTask: string, comment: string, by: string): Promise<void>
  /** Stops the agent and gives the owner its worktree. */
  take(task: string, by: string): Promise<{ worktree: string }>
  /** Captures what the owner did; it is verified like anyone's work. */
  give(task: string, by: string): Promise<void>
  /** Runs the checks of a task's latest proof again on the same commit. Nothing is stored but an event. */
  reprove(task: string): Promise<{ recorded: Proof; again: Pick<Proof, 'results' | 'passed' | 'tree'> }>
  /**
   * Reverts what the goal landed on its target, as a new verified commit. What it changed outside is listed in an
   * ask, and taken back once that is answered.
   */
  undo(goal: string, by: string): Promise<Undone>
  report(goal: string): Promise<{ file: string; markdown: string }>
}
