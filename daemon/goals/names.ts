import { Fault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import { isId } from '../../core/id.ts'
import type { Task } from '../../core/task.ts'
import { findGoalByNumber, getGoal, getTask, listTasks } from '../store/rows.ts'
import type { Db } from '../store/tables.ts'

/** A goal by `12`, `#12` or its id. Throws goal_not_found. */
export async function goalNamed(db: Db, name: string): Promise<Goal> {
  if (isId('goal', name)) return getGoal(db, name)
  const number = /^#?(\d{1,9})$/.exec(name.trim())?.[1]
  const goal = number === undefined ? undefined : await findGoalByNumber(db, Number(number))
  if (!goal)
    throw new Fault('goal_not_found', `there is no goal ${name}`, { hint: '`claw goal list --all` lists them.' })
  return goal
}

/** A task by `12.3` or its id. Throws task_not_found. */
export async function taskNamed(db: Db, name: string): Promise<{ task: Task; goal: Goal }> {
  if (isId('task', name)) {
    const task = await getTask(db, name)
    return { task, goal: await getGoal(db, task.goalId) }
  }
  const match = /^#?(\d{1,9})\.(\d{1,9})$/.exec(name.trim())
  if (match) {
    const goal = await findGoalByNumber(db, Number(match[1]))
    if (!goal) throw new Fault('task_not_found', `there is no task ${name}: there is no goal ${match[1]}`)
    const tasks = await listTasks(db, goal.id)
    const task = tasks.find((other) => other.number === Number(match[2]))
    if (task) return { task, goal }
    throw new Fault(
      'task_not_found',
      `goal #${goal.number} has no task ${match[2]}${tasks.length > 0 ? `; it has 1 to ${tasks.length}` : ''}`,
    )
  }
  throw new Fault('task_not_found', `there is no task ${name}`, { hint: 'A task is named by goal and number: 12.3' })
}

export function isTaskName(name: string): boolean {
  return isId('task', name) || /^#?\d+\.\d+$/.test(name.trim())
}
