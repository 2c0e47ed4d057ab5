import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isFault } from '../../core/fault.ts'
import { isTaskEnded, type TaskId } from '../../core/task.ts'
import type { Log } from '../../core/world.ts'
import type { RunRegistry } from '../orchestrator/run-registry.ts'
import { getGoal, getTask, listRuns, updateTask } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { RepositoryDesk } from '../worktrees/repository-desk.ts'

/**
 * The job that takes away what an ended task leaves behind: its worktree, once all in it is reachable, and
 * its runs' private homes. The raw wires stay.
 */
export function createTidyTask(deps: {
  store: Store
  desk: RepositoryDesk
  registry: RunRegistry
  runsDir: string
  log: Log
}) {
  return async function tidyTask(taskId: TaskId): Promise<void> {
    const task = await getTask(deps.store.db, taskId)
    if (!isTaskEnded(task.state)) return
    const runs = await listRuns(deps.store.db, { taskId })
    // A run that still ends sends this job again when it has.
    if (runs.some((run) => deps.registry.isLive(run.id) || (run.state !== 'ended' && run.agent !== 'owner'))) return
    if (task.worktree) {
      const goal = await getGoal(deps.store.db, task.goalId)
      const repository = await deps.desk.get(goal.repositoryId)
      if ((await repository.listWorktrees()).some((worktree) => worktree.path === task.worktree)) {
        const last = runs.at(-1)
        if (last && task.baseCommit) {
          // On top of what the last run left, so that the ref which holds that goes on holding it.
          const head = last.commit ?? task.commit ?? task.baseCommit
          try {
            await repository.capture({
              path: task.worktree,
              base: head,
              ref: `refs/claw/preserved/${last.id}`,
              message: `What was in the worktree of ${task.spec.title} beyond its last commit`,
              trailers: [`Claw-Run: ${last.id}`],
            })
          } catch (error) {
            if (!isFault(error, 'path_unsafe') && !isFault(error, 'secret_in_work')) throw error
            // Something in it cannot be kept as a commit, so the folder itself is what is kept.
            deps.log.warn({ err: error, taskId, worktree: task.worktree }, 'worktree left where it is')
            return
          }
        }
        await repository.removeWorktree(task.worktree, { force: true })
      }
      await deps.store.transaction((tx) => updateTask(tx, taskId, { worktree: null }))
    }
    for (const part of ['home', 'tmp', 'toolchain'])
      await rm(join(deps.runsDir, taskId, part), { recursive: true, force: true, maxRetries: 3 })
  }
}
