import { isFault } from '../../core/fault.ts'
import { isGoalEnded } from '../../core/goal.ts'
import type { World } from '../../core/world.ts'
import type { JobOptions, Queue } from '../store/queue.ts'
import type { Store } from '../store/store.ts'
import type { JobName } from './jobs.ts'
import { isOfTheGoal, quarantine } from './quarantine.ts'

/** A job that failed so often, about half a minute after the first time, needs somebody to look at it. */
export const JOB_TRIES_MAX = 6

/** Where a job's key leads to its goal. */
const TABLE_OF = { plan: 'plan', run: 'run', prove: 'run', tidy: 'task' } as const

/**
 * What becomes of a job that fails again and again. The goal it is for is quarantined, which shows it to the owner;
 * the job itself goes on trying, ever more slowly, because the world may mend itself. Only what is done for a goal
 * that has ended is given up.
 */
export function createGiveUp(deps: { store: Store; queue: Queue; world: World }) {
  const { store } = deps

  return (name: JobName): NonNullable<JobOptions['onError']> =>
    async (key, error, tries) => {
      if (name === 'dispatch' || name === 'advance' || tries < JOB_TRIES_MAX || !isOfTheGoal(error)) return 'retry'
      // Waiting for a provider's limit to pass is no failure.
      if (isFault(error, 'provider_limited')) return 'retry'
      const goal = await goalOf(name, key)
      if (!goal || isGoalEnded(goal.state)) return 'drop'
      if (goal.quarantine === null) await quarantine(deps, goal.id, error)
      return 'retry'
    }

  async function goalOf(name: JobName, key: string) {
    const table = name in TABLE_OF ? TABLE_OF[name as keyof typeof TABLE_OF] : undefined
    const id = table
      ? (await store.db.selectFrom(table).select('goalId').where('id', '=', key).executeTakeFirst())?.goalId
      : key
    const goal =
      id === undefined
        ? undefined
        : await store.db
            .selectFrom('goal')
            .select(['id', 'state', 'quarantine'])
            .where('id', '=', id)
            .executeTakeFirst()
    return goal as
      | { id: `goal_${string}`; state: 'open' | 'paused' | 'met' | 'dropped'; quarantine: string | null }
      | undefined
  }
}
