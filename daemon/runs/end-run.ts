import type { Goal } from '../../core/goal.ts'
import type { FailureClass, Run, RunOutcome } from '../../core/run.ts'
import { type Task, taskLabel } from '../../core/task.ts'
import { mootAsk } from '../inbox/ask.ts'
import { addEvent, listAsks, moveRun } from '../store/rows.ts'
import type { Tx } from '../store/tables.ts'

/** How a run ended, however it came to that. */
export interface RunEnd {
  outcome: RunOutcome
  failure: FailureClass | null
  note: string | null
  commit: string | null
}

/**
 * Ends a run's row, in the transaction of what follows from it: the process is forgotten, its questions hold
 * nothing up any more, and `run.ended` is told.
 */
export async function endRun(
  tx: Tx,
  now: number,
  { run, task, goal }: { run: Run; task: Task; goal: Goal },
  end: RunEnd,
): Promise<void> {
  await moveRun(tx, run.id, 'ended', { ...end, endedAt: now, pid: null, pidStart: null })
  for (const ask of await listAsks(tx, { goalId: run.goalId })) {
    if (ask.runId === run.id && (ask.kind === 'permission' || ask.kind === 'question')) await mootAsk(tx, now, ask)
  }
  const { outcome, failure, note } = end
  await addEvent(tx, now, {
    type: 'run.ended',
    goalId: goal.id,
    taskId: task.id,
    runId: run.id,
    data: { label: taskLabel(goal.number, task.number), attempt: run.attempt, outcome, failure, note },
  })
}
