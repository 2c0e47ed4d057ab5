import { Fault } from '../../core/fault.ts'
import type { Run } from '../../core/run.ts'
import { taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import type { Store } from '../store/store.ts'

export interface Scratchpad {
  /** The last lines of the run's goal, oldest first. */
  read(run: Run): Promise<{ task: string; text: string; at: number }[]>
  /** Throws input_invalid where the goal's pad is full. */
  append(run: Run, text: string): Promise<void>
}

const LINES_MAX = 300
const READ_MAX = 100

/** What the tasks of one goal leave for each other. It goes with the goal; nothing is learned from it. */
export function createScratchpad({ store, world }: { store: Store; world: World }): Scratchpad {
  return {
    async read(run) {
      const rows = await store.db
        .selectFrom('scratch')
        .innerJoin('task', 'task.id', 'scratch.taskId')
        .innerJoin('goal', 'goal.id', 'scratch.goalId')
        .select(['scratch.text', 'scratch.at', 'task.number as task', 'goal.number as goal'])
        .where('scratch.goalId', '=', run.goalId)
        .orderBy('scratch.id', 'desc')
        .limit(READ_MAX)
        .execute()
      return rows.reverse().map(({ text, at, task, goal }) => ({ text, at, task: taskLabel(goal, task) }))
    },
    async append(run, text) {
      await store.transaction(async (tx) => {
        const { lines } = await tx
          .selectFrom('scratch')
          .select(({ fn }) => fn.countAll<number>().as('lines'))
          .where('goalId', '=', run.goalId)
          .executeTakeFirstOrThrow()
        if (lines >= LINES_MAX) {
          throw new Fault('input_invalid', `The scratchpad of this goal is full (${LINES_MAX} lines)`, {
            hint: 'Go on without; what later work needs belongs into remember.',
          })
        }
        const row = { goalId: run.goalId, taskId: run.taskId, runId: run.id, at: world.clock.now(), text }
        await tx.insertInto('scratch').values(row).execute()
      })
    },
  }
}
