/**
 * What becomes of the firings of a schedule that are written down and not settled. Pure: overlap, run limit,
 * pause and removal are tables here; the condition, which is a command, is run by who carries this out.
 */
import type { GoalId } from '../../core/goal.ts'
import type { Firing, Schedule } from '../../core/schedule.ts'

/** Firings of one schedule that wait for the goal before them; more are skipped. */
export const WAITING_MAX = 100

export interface FiringPicture {
  schedule: Schedule
  /** Due and waiting, in the order of their moments. */
  open: readonly Firing[]
  /** Goals of earlier firings that have not ended. */
  goals: readonly { id: GoalId; number: number }[]
}

export type FiringStep =
  | { do: 'skip'; firing: Firing; reason: string }
  | { do: 'wait'; firing: Firing; reason: string }
  /** `ends`: goals to give up first. `isAsked`: the owner wants it now, whatever the condition says. */
  | { do: 'fire'; firing: Firing; ends: readonly { id: GoalId; number: number }[]; isAsked: boolean }

/** The next step, or undefined when there is nothing to do until something changes. */
export function decideFiring({ schedule, open, goals }: FiringPicture): FiringStep | undefined {
  const waiting = open.filter((firing) => firing.state === 'waiting').length
  for (const [index, firing] of open.entries()) {
    const isAsked = firing.cause === 'owner'
    if (schedule.state === 'removed') return { do: 'skip', firing, reason: 'the schedule was removed' }
    if (isAsked) return { do: 'fire', firing, ends: [], isAsked }
    if (schedule.state === 'paused') continue
    if (schedule.firingsMax !== null && schedule.fired >= schedule.firingsMax) {
      return { do: 'skip', firing, reason: `the limit of ${schedule.firingsMax} firings is reached` }
    }
    if (goals.length === 0) return { do: 'fire', firing, ends: [], isAsked }
    const busy = `${goals.map((goal) => `#${goal.number}`).join(', ')} is still open`
    switch (schedule.overlap) {
      case 'skip':
        return { do: 'skip', firing, reason: busy }
      case 'replace': {
        const later = open.slice(index + 1).some((other) => other.cause !== 'owner')
        if (later) return { do: 'skip', firing, reason: 'a later firing takes its place' }
        return { do: 'fire', firing, ends: goals, isAsked }
      }
      case 'queue':
        if (firing.state === 'waiting') continue
        if (waiting >= WAITING_MAX) return { do: 'skip', firing, reason: `${waiting} firings wait already` }
        return { do: 'wait', firing, reason: busy }
    }
  }
  return undefined
}
