import type { GoalId } from '../../core/goal.ts'
import type { PlanId } from '../../core/plan.ts'
import type { RunId } from '../../core/run.ts'
import type { ScheduleId } from '../../core/schedule.ts'
import type { TaskId } from '../../core/task.ts'
import type { Queue } from '../store/queue.ts'
import type { Tx } from '../store/tables.ts'

/** Every job there is, with what its key names. */
export interface JobKeys {
  /** One pass of the reconciler over a goal. */
  advance: GoalId
  /** The one serial dispatcher. */
  dispatch: 'all'
  plan: PlanId
  run: RunId
  prove: RunId
  /** Tasks of a goal onto the goal's branch, one after the other. */
  land: GoalId
  /** The goal's branch onto its target. */
  'land-goal': GoalId
  report: GoalId
  /** What a goal that has ended taught, into the notes. */
  learn: GoalId
  /** Takes back what the acts of a goal changed outside, once the owner said so. */
  undo: GoalId
  /** Takes away what a task that has ended leaves behind. */
  tidy: TaskId
  /** The firings of a schedule that are due, one after the other. */
  fire: ScheduleId
  /** The same for a schedule with a condition, whose command may take its time. */
  'fire-if': ScheduleId
}

export type JobName = keyof JobKeys

export function send<N extends JobName>(
  queue: Queue,
  tx: Tx,
  name: N,
  key: JobKeys[N],
  options: { delayMs?: number } = {},
): Promise<void> {
  return queue.send(tx, name, key, options)
}
