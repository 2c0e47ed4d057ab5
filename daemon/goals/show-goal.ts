import { Fault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import type { Task } from '../../core/task.ts'
import { taskLabel } from '../../core/task.ts'
import { gather, type Snapshot } from '../orchestrator/snapshot.ts'
import { listEffects } from '../store/effect-rows.ts'
import { listProofs } from '../store/rows.ts'
import type { Db } from '../store/tables.ts'
import { goalNamed } from './names.ts'
import { type Outline, summaryOf } from './summary.ts'
import type { GoalView, TaskView } from './views.ts'

/** One goal with all that belongs to it, derived from its rows at the moment it is asked for. */
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
    ...summaryOf(outlineOf(snapshot, await repositoryName(db, goal))),
    plan,
    versions: snapshot.plans.map(({ version, state, reasons, author }) => ({ version, state, reasons, author })),
    taskViews: snapshot.tasks.map((task) => viewTask(task, snapshot, proofs)),
    landings: snapshot.landings,
    proofs,
    asks: snapshot.asks,
    effects: await listEffects(db, { goalId: goal.id }),
    usage,
  }
}

/** Throws goal_unreadable where its rows are damaged, and then says how to be rid of it. */
export async function readView(db: Db, now: number, name: string): Promise<GoalView> {
  try {
    return await view(db, now, await goalNamed(db, name))
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('goal_unreadable', `the rows of goal ${name} are damaged: ${String(error).slice(0, 300)}`, {
      hint: '`claw inbox` has a question about it: answer `drop` to give it up. Other goals go on.',
    })
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

/** What a summary needs, from a whole picture of the goal. */
function outlineOf(snapshot: Snapshot, repository: string | null): Outline {
  const active = snapshot.plans.findLast((other) => other.state === 'active')
  return {
    now: snapshot.now,
    goal: snapshot.goal,
    hasPlan: active !== undefined,
    tasks: snapshot.tasks.filter((task) => task.planId === active?.id),
    openAsks: snapshot.asks.filter((ask) => ask.state === 'open'),
    hasLanded: snapshot.landings.some((landing) => landing.taskId === null && landing.state === 'landed'),
    repository,
  }
}

async function repositoryName(db: Db, goal: Goal): Promise<string | null> {
  const row = await db
    .selectFrom('repository')
    .select(['path', 'url'])
    .where('id', '=', goal.repositoryId)
    .executeTakeFirst()
  return row?.path ?? row?.url ?? null
}
