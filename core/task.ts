import { z } from 'zod'
import type { Moves } from './moves.ts'
import { PlannedTask } from './plan.ts'

/** done only with a proof. `blocked` waits for other tasks, an answer or a moment; `BlockedBy` says which. */
export const TaskState = z.enum(['ready', 'running', 'proving', 'landing', 'blocked', 'done', 'failed', 'cancelled'])
export type TaskState = z.infer<typeof TaskState>

/** Which state may follow which. Anything absent here cannot happen. */
export const TASK_MOVES = {
  ready: ['running', 'blocked', 'cancelled'],
  running: ['ready', 'proving', 'blocked', 'failed', 'cancelled'],
  // An act has no commit that could land: its proof ends it.
  proving: ['ready', 'landing', 'done', 'blocked', 'failed', 'cancelled'],
  landing: ['ready', 'done', 'blocked', 'failed', 'cancelled'],
  blocked: ['ready', 'landing', 'proving', 'failed', 'cancelled'],
  done: [],
  failed: ['ready', 'cancelled'],
  cancelled: [],
} as const satisfies Moves<TaskState>

/** What the next run is for: the work itself, or settling a conflict with what landed before. */
export const RunPurpose = z.enum(['work', 'reconcile'])
export type RunPurpose = z.infer<typeof RunPurpose>

/** How the next run begins, least drastic first. */
export const Strategy = z.enum(['same-session', 'fresh-session', 'other-agent'])
export type Strategy = z.infer<typeof Strategy>

/** What the next run of a task is told and how it begins; written when the previous one did not make it. */
export const NextRun = z.object({
  purpose: RunPurpose,
  strategy: Strategy,
  /** Text for the agent: real failing output, review findings, the owner's comment. */
  feedback: z.string(),
  /** For `reconcile`: the commit that the conflict is with. */
  ontoCommit: z.string().nullable(),
})
export type NextRun = z.infer<typeof NextRun>

export const Task = z.object({
  id: z.templateLiteral(['task_', z.string()]),
  goalId: z.templateLiteral(['goal_', z.string()]),
  planId: z.templateLiteral(['plan_', z.string()]),
  /** Within its goal, from 1: task `12.3` is number 3 of goal 12. */
  number: z.int(),
  spec: PlannedTask,
  state: TaskState,
  /** The commit the work starts from; fixed when it becomes ready, moved on when it is brought up to date. */
  baseCommit: z.string().nullable(),
  /** The last captured commit; it is reachable from `refs/claw/tasks/<goal>/<task>`. */
  commit: z.string().nullable(),
  /** Made for the first run and reused by the others; null before and after. */
  worktree: z.string().nullable(),
  /** Runs that ended in a work failure; the limit counts only these. */
  workFailures: z.int(),
  /** Failures that do not count (transport, limit, environment) in a row; bounded all the same. */
  softFailures: z.int(),
  next: NextRun.nullable(),
  /** Milliseconds since the epoch before which it is not started again. */
  notBefore: z.int().nullable(),
  /** One sentence for people: why it is blocked or failed. */
  reason: z.string().nullable(),
  createdAt: z.int(),
  endedAt: z.int().nullable(),
})
export type Task = z.infer<typeof Task>
export type TaskId = Task['id']

export function isTaskEnded(state: TaskState): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled'
}

/** A task's name for people: `12.3`. */
export function taskLabel(goalNumber: number, taskNumber: number): string {
  return `${goalNumber}.${taskNumber}`
}
