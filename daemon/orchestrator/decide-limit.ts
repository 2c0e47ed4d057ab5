/** Decides what happens when what a goal may use is used up. Pure, like all of `decide`. */
import type { AskId } from '../../core/ask.ts'
import { MINUTE } from '../../core/clock.ts'
import { isTaskEnded } from '../../core/task.ts'
import type { Decision } from './decision.ts'
import { reachedLimits } from './goal-limit.ts'
import { activePlan, isOpen, type Snapshot, workedMs } from './snapshot.ts'

/** Undefined: nothing is used up. An empty list: the owner is asked already. */
export function decideLimit(snapshot: Snapshot): Decision[] | undefined {
  const { goal, runs } = snapshot
  const [first, ...more] = reachedLimits(snapshot)
  if (!first) {
    // A day has passed, or the owner raised for another goal what all of them share.
    const [ask] = snapshot.asks.filter((other) => other.kind === 'limit' && other.state === 'open')
    return ask ? [{ do: 'moot', askId: ask.id }] : undefined
  }
  const isPlanning = activePlan(snapshot) === undefined
  if (!isPlanning && snapshot.tasks.every((task) => isTaskEnded(task.state))) return undefined
  if (isOpen(snapshot, 'limit')) return []
  const live = runs.filter((run) => run.state !== 'ended' && run.agent !== 'owner')
  const words = [first, ...more].map((limit) => limit.words).join(' and ')
  return [
    ...live.map((run): Decision => ({ do: 'stop-run', runId: run.id, why: 'limit' })),
    {
      do: 'ask',
      ask: {
        kind: 'limit',
        taskId: null,
        question: `Goal #${goal.number} has used ${words}. What now?`,
        detail: 'Its agents are stopped; what they did is kept.',
        choices: [
          { id: 'raise', label: 'Go on for as much again' },
          ...(isPlanning ? [] : [{ id: 'finish', label: 'Finish with what is done' }]),
          { id: 'drop', label: 'Drop the goal' },
        ],
        freeText: false,
      },
    },
  ]
}

export function raiseLimits(snapshot: Snapshot, settles: AskId[]): Decision {
  let limits = snapshot.goal.limits
  let overall: { key: string; factor: number } | null = null
  for (const { raise } of reachedLimits(snapshot)) {
    if ('goal' in raise) limits = { ...limits, ...raise.goal }
    else overall = raise.overall
  }
  return { do: 'change-limits', limits, overall, settles }
}

/** How long until a goal at work reaches its minutes; null where it never does, or where nothing is at work. */
export function limitInMs({ goal, runs, now }: Snapshot): number | null {
  if (goal.state !== 'open' || goal.limits.minutesMax === null) return null
  if (!runs.some((run) => run.state !== 'ended' && run.agent !== 'owner')) return null
  const left = goal.limits.minutesMax * MINUTE - workedMs(runs, now)
  return left > 0 ? Math.ceil(left) : null
}
