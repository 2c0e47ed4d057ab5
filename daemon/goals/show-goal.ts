import type { Goal } from '../../core/goal.ts'
import type { Plan } from '../../core/plan.ts'
import type { Task } from '../../core/task.ts'
import { isTaskEnded, taskLabel } from '../../core/task.ts'
import { gather, type Snapshot } from '../orchestrator/snapshot.ts'
import { listProofs } from '../store/rows.ts'
import type { Db } from '../store/tables.ts'
import type { GoalStatus, GoalSummary, GoalView, TaskView } from './views.ts'

/** Views of goals. All derived from rows at the moment they are asked for. */
export async function summarize(db: Db, now: number, goal: Goal): Promise<GoalSummary> {
  const snapshot = await gather(db, now, goal.id)
  return { ...summaryOf(snapshot), repository: await repositoryName(db, goal) }
}

/** For a list in which one goal's rows cannot be read: it is shown as stuck, with what is wrong. */
export function unreadable(goal: Goal, error: unknown): GoalSummary {
  return {
    goal,
    status: 'stuck',
    words: `its rows cannot be read: ${String(error).split('\n')[0]!.slice(0, 200)}`,
    tasks: { total: 0, done: 0, running: 0, failed: 0 },
    openAsks: 0,
    repository: null,
  }
}

export async function view(db: Db, now: number, goal: Goal): Promise<GoalView> {
  const snapshot = await gather(db, now, goal.id)
  const proofs = await listProofs(db, { goalId: goal.id })
  const plan = snapshot.plans.findLast((other) => other.state === 'active') ?? snapshot.plans.at(-1) ?? null
  const usage = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, usd: null as number | null }
  for (const run of snapshot.runs) {
    usage.inputTokens += run.usage.inputTokens
    usage.cachedTokens += run.usage.cachedTokens
    usage.outputTokens += run.usage.outputTokens
    if (run.usage.usd !== null) usage.usd = (usage.usd ?? 0) + run.usage.usd
  }
  return {
    ...summaryOf(snapshot),
    repository: await repositoryName(db, goal),
    plan,
    versions: snapshot.plans.map(({ version, state, reasons, author }) => ({ version, state, reasons, author })),
    taskViews: snapshot.tasks.map((task) => viewTask(task, snapshot, proofs)),
    landings: snapshot.landings,
    proofs,
    asks: snapshot.asks,
    usage,
  }
}

export function viewTask(task: Task, snapshot: Snapshot, proofs: Awaited<ReturnType<typeof listProofs>>): TaskView {
  const { goal } = snapshot
  const needs = task.spec.needs.flatMap((key) => {
    const need = snapshot.tasks.findLast((other) => other.spec.key === key && other.planId === task.planId)
    return need ? [taskLabel(goal.number, need.number)] : []
  })
  return {
    label: taskLabel(goal.number, task.number),
    task,
    runs: snapshot.runs.filter((run) => run.taskId === task.id),
    proofs: proofs.filter((proof) => proof.taskId === task.id),
    needs,
  }
}

function summaryOf(snapshot: Snapshot): Omit<GoalSummary, 'repository'> {
  const { goal, tasks, asks } = snapshot
  const plan = snapshot.plans.findLast((other) => other.state === 'active')
  const current = plan ? tasks.filter((task) => task.planId === plan.id) : []
  const openAsks = asks.filter((ask) => ask.state === 'open')
  const { status, words } = statusOf(snapshot, plan, current)
  return {
    goal,
    status,
    words,
    tasks: {
      total: current.length,
      done: current.filter((task) => task.state === 'done').length,
      running: current.filter((task) => task.state === 'running').length,
      failed: current.filter((task) => task.state === 'failed' || task.state === 'cancelled').length,
    },
    openAsks: openAsks.length,
  }
}

/** What a goal is doing, most pressing first. Pure. */
export function statusOf(
  snapshot: Snapshot,
  plan: Plan | undefined,
  current: readonly Task[],
): { status: GoalStatus; words: string } {
  const { goal, asks, now } = snapshot
  if (goal.state === 'met' || goal.state === 'dropped') return { status: goal.state, words: goal.outcome ?? '' }
  if (goal.quarantine !== null)
    return { status: 'stuck', words: `stopped by an internal error: ${goal.quarantine.split('\n')[0]}` }
  if (goal.state === 'paused') return { status: 'paused', words: 'paused by you' }
  const open = asks.filter((ask) => ask.state === 'open')
  const running = current.filter((task) => task.state === 'running')
  const working = current.some((task) => ['running', 'proving', 'landing'].includes(task.state))
  if (open.length > 0 && !working) return { status: 'waiting on you', words: open[0]!.question }
  if (!plan) return { status: 'planning', words: 'reading the repository and making a plan' }
  if (working) {
    const parts = [
      running.length > 0 ? `${running.length} at work` : '',
      part(current, 'proving', 'being proven'),
      part(current, 'landing', 'being merged'),
      open.length > 0 ? `${open.length} waiting on you` : '',
    ].filter(Boolean)
    return { status: 'working', words: parts.join(', ') }
  }
  const later = current.filter((task) => task.notBefore !== null && task.notBefore > now)
  if (later.length > 0)
    return {
      status: 'waiting',
      words: `waits until ${new Date(Math.min(...later.map((task) => task.notBefore!))).toISOString()}`,
    }
  if (current.length > 0 && current.every((task) => isTaskEnded(task.state))) {
    const landed = snapshot.landings.some((landing) => landing.taskId === null && landing.state === 'landed')
    return landed
      ? { status: 'reporting', words: 'writing the report' }
      : { status: 'landing', words: `bringing the work to ${goal.land === 'merge' ? goal.targetBranch : goal.branch}` }
  }
  return { status: 'waiting', words: 'waits for a free agent' }
}

function part(tasks: readonly Task[], state: Task['state'], words: string): string {
  const count = tasks.filter((task) => task.state === state).length
  return count > 0 ? `${count} ${words}` : ''
}

async function repositoryName(db: Db, goal: Goal): Promise<string | null> {
  const row = await db
    .selectFrom('repository')
    .select(['path', 'url'])
    .where('id', '=', goal.repositoryId)
    .executeTakeFirst()
  return row?.path ?? row?.url ?? null
}
