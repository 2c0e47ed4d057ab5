import type { Goal, GoalId } from '../../core/goal.ts'
import { isTaskEnded, type TaskState } from '../../core/task.ts'
import type { Db } from '../store/tables.ts'
import type { GoalStatus, GoalSummary } from './views.ts'

/** What a goal's summary depends on. */
export interface Outline {
  now: number
  goal: Goal
  /** There is a plan that is being carried out. */
  hasPlan: boolean
  /** Tasks of that plan. */
  tasks: readonly { state: TaskState; notBefore: number | null }[]
  openAsks: readonly { question: string }[]
  /** The work has reached the owner. */
  hasLanded: boolean
  repository: string | null
}

/**
 * Summaries of many goals by a handful of questions to the store, however many goals there are. Only plain
 * columns are read: a goal whose rows hold nonsense stands in the list like the others.
 */
export async function summarize(db: Db, now: number, goals: readonly Goal[]): Promise<GoalSummary[]> {
  const ids = goals.map((goal) => goal.id)
  const plans = await db
    .selectFrom('plan')
    .select(['id', 'goalId'])
    .where('goalId', 'in', ids)
    .where('state', '=', 'active')
    .execute()
  const planIds = plans.map((plan) => plan.id)
  const tasks = await db
    .selectFrom('task')
    .select(['goalId', 'planId', 'state', 'notBefore'])
    .where('goalId', 'in', ids)
    .where('planId', 'in', planIds)
    .execute()
  const asks = await db
    .selectFrom('ask')
    .select(['goalId', 'question'])
    .where('goalId', 'in', ids)
    .where('state', '=', 'open')
    .orderBy('number')
    .execute()
  const landings = await db
    .selectFrom('landing')
    .select('goalId')
    .where('goalId', 'in', ids)
    .where('taskId', 'is', null)
    .where('state', '=', 'landed')
    .execute()
  const repositories = await db
    .selectFrom('repository')
    .select(['id', 'path', 'url'])
    .where('id', 'in', [...new Set(goals.map((goal) => goal.repositoryId))])
    .execute()

  const planned = new Set(plans.map((plan) => plan.goalId))
  const landed = new Set(landings.map((landing) => landing.goalId))
  const [tasksOf, asksOf] = [Map.groupBy(tasks, byGoal), Map.groupBy(asks, byGoal)]
  const places = new Map<string, string | null>(repositories.map(({ id, path, url }) => [id, path ?? url]))
  return goals.map((goal) =>
    summaryOf({
      now,
      goal,
      hasPlan: planned.has(goal.id),
      tasks: (tasksOf.get(goal.id) ?? []).map(({ state, notBefore }) => ({ state: state as TaskState, notBefore })),
      openAsks: asksOf.get(goal.id) ?? [],
      hasLanded: landed.has(goal.id),
      repository: places.get(goal.repositoryId) ?? null,
    }),
  )
}

function byGoal({ goalId }: { goalId: string }): GoalId {
  return goalId as GoalId
}

export function summaryOf(outline: Outline): GoalSummary {
  const { goal, tasks, openAsks, repository } = outline
  const count = (...states: TaskState[]) => tasks.filter((task) => states.includes(task.state)).length
  return {
    goal,
    ...statusOf(outline),
    tasks: {
      total: tasks.length,
      done: count('done'),
      running: count('running'),
      failed: count('failed', 'cancelled'),
    },
    openAsks: openAsks.length,
    repository,
  }
}

/** What a goal is doing, most pressing first. Pure. */
export function statusOf(outline: Outline): { status: GoalStatus; words: string } {
  const { now, goal, hasPlan, tasks, openAsks, hasLanded } = outline
  if (goal.state === 'met' || goal.state === 'dropped') return { status: goal.state, words: goal.outcome ?? '' }
  if (goal.quarantine !== null)
    return { status: 'stuck', words: `stopped by an internal error: ${goal.quarantine.split('\n')[0]}` }
  if (goal.state === 'paused') return { status: 'paused', words: 'paused by you' }
  const part = (state: TaskState, words: string) => {
    const count = tasks.filter((task) => task.state === state).length
    return count > 0 ? `${count} ${words}` : ''
  }
  const doing = [part('running', 'at work'), part('proving', 'being proven'), part('landing', 'being merged')]
  const isWorking = doing.some((words) => words !== '')
  if (openAsks.length > 0 && !isWorking) return { status: 'waiting on you', words: openAsks[0]!.question }
  if (!hasPlan) return { status: 'planning', words: 'reading the repository and making a plan' }
  if (isWorking) {
    const waiting = openAsks.length > 0 ? `${openAsks.length} waiting on you` : ''
    return { status: 'working', words: [...doing, waiting].filter(Boolean).join(', ') }
  }
  const later = tasks.flatMap(({ notBefore }) => (notBefore !== null && notBefore > now ? [notBefore] : []))
  if (later.length > 0) return { status: 'waiting', words: `waits until ${new Date(Math.min(...later)).toISOString()}` }
  if (tasks.length > 0 && tasks.every((task) => isTaskEnded(task.state))) {
    return hasLanded
      ? { status: 'reporting', words: 'writing the report' }
      : { status: 'landing', words: `bringing the work to ${goal.land === 'merge' ? goal.targetBranch : goal.branch}` }
  }
  return { status: 'waiting', words: 'waits for a free agent' }
}
