import { backoffMs } from '../../core/backoff.ts'
import type { Goal } from '../../core/goal.ts'
import type { FailureClass } from '../../core/run.ts'
import { type NextRun, type Strategy, type Task, taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import { openAsk } from '../inbox/ask.ts'
import type { Queue } from '../store/queue.ts'
import { moveTask } from '../store/rows.ts'
import type { Tx } from '../store/tables.ts'
import { send } from './jobs.ts'

export interface Failure {
  task: Task
  goal: Goal
  failure: FailureClass
  /** What the next run's agent is told. */
  feedback: string
  /** For people, one sentence. */
  note: string
  softFailuresMax: number
  /** Provider limits: not before this moment. */
  retryAt?: number | null
  /** The session cannot be gone on with. */
  sessionLost?: boolean
  /** For a conflict: the next run settles it. */
  reconcileOnto?: string | null
  /** The base of the next run, where it differs. */
  baseCommit?: string
}

/** What follows a failure. Pure: the ladder of strategies, and when the owner is asked. */
export function decideAfterFailure(
  input: Failure,
  now: number,
): { ask: boolean; workFailures: number; softFailures: number; next: NextRun; notBefore: number | null } {
  const { task, goal, failure } = input
  const counts = failure === 'work'
  const workFailures = task.workFailures + (counts ? 1 : 0)
  const softFailures = counts ? 0 : failure === 'limit' ? task.softFailures : task.softFailures + 1
  const strategy: Strategy = input.sessionLost
    ? 'fresh-session'
    : !counts
      ? (task.next?.strategy ?? 'same-session')
      : workFailures <= 1
        ? 'same-session'
        : workFailures === 2
          ? 'fresh-session'
          : 'other-agent'
  const next: NextRun = {
    purpose: input.reconcileOnto ? 'reconcile' : 'work',
    strategy,
    // A failure that is not the work's leaves the feedback that the run was about.
    feedback: counts || input.reconcileOnto ? input.feedback : (task.next?.feedback ?? ''),
    // What was merged into the work stays a parent of it, however often it is mended.
    ontoCommit: input.reconcileOnto ?? task.next?.ontoCommit ?? null,
  }
  if (!counts && !input.reconcileOnto && task.next) {
    next.purpose = task.next.purpose
  }
  const notBefore =
    failure === 'limit'
      ? (input.retryAt ?? now + backoffMs(Math.max(1, softFailures), 30_000))
      : failure === 'transport'
        ? now + backoffMs(softFailures)
        : null
  return {
    ask: workFailures >= goal.limits.attemptsMax || softFailures >= input.softFailuresMax,
    workFailures,
    softFailures,
    next,
    notBefore,
  }
}

/** Moves a task after a failure: on to another run, or to the owner. In the transaction of the fact that caused it. */
export async function failTask(tx: Tx, queue: Queue, world: World, input: Failure): Promise<void> {
  const now = world.clock.now()
  const { task, goal } = input
  const label = taskLabel(goal.number, task.number)
  const after = decideAfterFailure(input, now)
  const patch = {
    workFailures: after.workFailures,
    softFailures: after.softFailures,
    next: after.next,
    notBefore: after.notBefore,
    reason: input.note,
    ...(input.baseCommit ? { baseCommit: input.baseCommit } : {}),
  }
  if (!after.ask) {
    await moveTask(tx, now, task.id, 'ready', patch)
    await send(queue, tx, 'dispatch', 'all')
    return
  }
  await moveTask(tx, now, task.id, 'blocked', patch)
  await openAsk(tx, now, {
    kind: 'attempts-spent',
    goalId: goal.id,
    taskId: task.id,
    question:
      after.workFailures >= goal.limits.attemptsMax
        ? `Task ${label} failed ${after.workFailures} times (${input.note}). What now?`
        : `Task ${label} cannot go on (${input.note}). What now?`,
    detail: input.feedback,
    choices: [
      { id: 'retry', label: 'Try again (say what to do differently)' },
      { id: 'drop-task', label: 'Give the task up' },
    ],
    freeText: true,
  })
}
