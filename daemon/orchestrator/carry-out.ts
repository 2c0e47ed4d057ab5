import { isDeepStrictEqual } from 'node:util'
import { newId } from '../../core/id.ts'
import type { PlannedTask } from '../../core/plan.ts'
import type { RunId } from '../../core/run.ts'
import { isTaskEnded, type Task, taskLabel } from '../../core/task.ts'
import { mootAsk, openAsk } from '../inbox/ask.ts'
import { listEffects, moveEffect } from '../store/effect-rows.ts'
import { setLimitFactor } from '../store/ledger-rows.ts'
import type { Queue } from '../store/queue.ts'
import {
  addEvent,
  addPlan,
  addTask,
  getGoal,
  getPlan,
  listAsks,
  listPlans,
  listRuns,
  listTasks,
  moveGoal,
  movePlan,
  moveRun,
  moveTask,
  takeSteers,
  updateAsk,
  updateGoal,
  updateTask,
} from '../store/rows.ts'
import type { Tx } from '../store/tables.ts'
import { effectsToUndo } from './decide-acts.ts'
import type { Decision } from './decision.ts'
import { send } from './jobs.ts'
import type { StopReason } from './run-registry.ts'
import type { Snapshot } from './snapshot.ts'
import { wakeLimited } from './wake-limited.ts'

/** What must happen outside the database once the transaction is through: lost in a crash, made good by reconciling. */
export interface Effect {
  stopRun: RunId
  why: StopReason
}

/** Carries out one decision in the transaction that it was made in. */
export async function carryOut(tx: Tx, queue: Queue, decision: Decision, snapshot: Snapshot): Promise<Effect[]> {
  const { now, goal } = snapshot
  for (const askId of decision.settles ?? []) await updateAsk(tx, askId, { settledAt: now })
  switch (decision.do) {
    case 'nothing':
      return []
    case 'draft-plan': {
      const instead = snapshot.plans.find((plan) => plan.id === decision.instead)
      if (instead) await movePlan(tx, instead, 'replaced')
      await mootPlanAsks(tx, snapshot)
      await takeSteers(tx, now, decision.steers)
      const id = newId('plan', now)
      await addPlan(tx, {
        id,
        goalId: goal.id,
        version: decision.version,
        state: 'drafting',
        draft: decision.draft ?? null,
        author: decision.draft ? 'owner' : 'brain',
        request: decision.request,
        reasons: [],
        baseline: [],
        baseCommit: null,
        createdAt: now,
      })
      await addEvent(tx, now, { type: 'plan.requested', goalId: goal.id, data: { version: decision.version } })
      await send(queue, tx, 'plan', id)
      return []
    }
    case 'refuse-plan': {
      const plan = await getPlan(tx, decision.planId)
      await movePlan(tx, plan, 'refused', { reasons: decision.reasons })
      await addEvent(tx, now, {
        type: 'plan.refused',
        goalId: goal.id,
        data: { version: plan.version, reasons: decision.reasons },
      })
      return []
    }
    case 'activate-plan':
      return activatePlan(tx, queue, decision.planId, snapshot)
    case 'set-aside':
      for (const planId of decision.planIds) await movePlan(tx, await getPlan(tx, planId), 'replaced')
      await send(queue, tx, 'dispatch', 'all')
      return []
    case 'ask':
      await openAsk(tx, now, { ...decision.ask, goalId: goal.id })
      return []
    case 'make-ready':
      await moveTask(tx, now, decision.taskId, 'ready', {
        next: decision.next,
        ...(decision.forgiven ? { workFailures: 0, softFailures: 0, notBefore: null } : {}),
      })
      await send(queue, tx, 'dispatch', 'all')
      return []
    case 'land-task':
      await moveTask(tx, now, decision.taskId, 'landing')
      await send(queue, tx, 'land', goal.id)
      return []
    case 'end-task':
      return endTask(tx, queue, now, decision.taskId, decision.as, decision.reason)
    case 'follow-up':
      await addFollowUp(tx, queue, decision.comment, snapshot)
      return []
    case 'stop-run':
      return [{ stopRun: decision.runId as RunId, why: decision.why }]
    case 'change-limits':
      await updateGoal(tx, goal.id, { limits: decision.limits })
      if (decision.overall) {
        await setLimitFactor(tx, decision.overall.key, decision.overall.factor)
        await wakeLimited(tx, queue)
      }
      await send(queue, tx, 'dispatch', 'all')
      return []
    case 'land-as-branch':
      await updateGoal(tx, goal.id, { land: 'branch' })
      await send(queue, tx, 'land-goal', goal.id)
      return []
    case 'land-goal':
      await send(queue, tx, 'land-goal', goal.id)
      return []
    case 'report':
      await send(queue, tx, 'report', goal.id)
      return []
    case 'drop-goal':
      return dropGoal(tx, queue, now, snapshot.goal.id, decision.outcome)
    case 'undo-effects':
      for (const effect of effectsToUndo(await listEffects(tx, { goalId: goal.id }), snapshot.tasks))
        if (effect.spec.undo !== null && effect.state !== 'undoing') await moveEffect(tx, now, effect, 'undoing')
      await send(queue, tx, 'undo', goal.id)
      return []
    case 'unquarantine':
      await updateGoal(tx, goal.id, { quarantine: null })
      await wakeJobs(tx, queue, snapshot)
      return []
    case 'moot': {
      const ask = snapshot.asks.find((other) => other.id === decision.askId)
      if (ask) await mootAsk(tx, now, ask)
      return []
    }
  }
}

/** What waits for its next try is tried now. */
export async function wakeJobs(tx: Tx, queue: Queue, { goal, plans, tasks, runs }: Snapshot): Promise<void> {
  for (const plan of plans) if (plan.state === 'drafting') await send(queue, tx, 'plan', plan.id)
  for (const task of tasks) {
    const last = runs.findLast((run) => run.taskId === task.id && run.commit === task.commit)
    if (task.state === 'proving' && last) await send(queue, tx, 'prove', last.id)
    if (task.state === 'landing') await send(queue, tx, 'land', goal.id)
  }
  await send(queue, tx, 'dispatch', 'all')
}

async function mootPlanAsks(tx: Tx, { asks, now }: Snapshot): Promise<void> {
  for (const ask of asks) {
    if (
      ask.state === 'open' &&
      (ask.kind === 'plan-approval' || ask.kind === 'plan-question' || ask.kind === 'plan-refused')
    )
      await mootAsk(tx, now, ask)
  }
}

/** The plan's tasks become rows; what an earlier plan finished or is doing in the same words stays. */
async function activatePlan(tx: Tx, queue: Queue, planId: `plan_${string}`, snapshot: Snapshot): Promise<Effect[]> {
  const { now, goal, tasks } = snapshot
  const plan = await getPlan(tx, planId)
  const draft = plan.draft
  if (!draft) throw new Error(`plan ${planId} has no draft`)
  for (const other of await listPlans(tx, goal.id)) if (other.state === 'active') await movePlan(tx, other, 'replaced')
  await movePlan(tx, plan, 'active')
  const effects: Effect[] = []
  const kept = new Set<string>()
  for (const task of tasks) {
    const same = draft.tasks.find((planned) => planned.key === task.spec.key)
    if (task.state === 'done' || (same && !isTaskEnded(task.state) && isDeepStrictEqual(same, task.spec))) {
      kept.add(task.spec.key)
      await updateTask(tx, task.id, { planId })
    } else if (!isTaskEnded(task.state)) {
      effects.push(...(await endTask(tx, queue, now, task.id, 'cancelled', 'the goal was planned anew')))
    }
  }
  let number = Math.max(0, ...tasks.map((task) => task.number))
  for (const spec of draft.tasks) {
    if (kept.has(spec.key)) continue
    number++
    await addTask(tx, aTask(spec, { goalId: goal.id, planId, number, now }))
    await addEvent(tx, now, {
      type: 'task.added',
      goalId: goal.id,
      data: { label: taskLabel(goal.number, number), title: spec.title },
    })
  }
  await addEvent(tx, now, {
    type: 'plan.activated',
    goalId: goal.id,
    data: { version: plan.version, tasks: draft.tasks.length },
  })
  await send(queue, tx, 'dispatch', 'all')
  return effects
}

export function aTask(
  spec: PlannedTask,
  of: { goalId: Task['goalId']; planId: Task['planId']; number: number; now: number },
): Task {
  return {
    id: newId('task', of.now),
    goalId: of.goalId,
    planId: of.planId,
    number: of.number,
    spec,
    // Every task starts blocked; the next pass makes those ready whose needs are met.
    state: 'blocked',
    baseCommit: null,
    commit: null,
    worktree: null,
    workFailures: 0,
    softFailures: 0,
    next: null,
    notBefore: null,
    reason: null,
    createdAt: of.now,
    endedAt: null,
  }
}

/** The owner's comment on finished work, as one more task with the same checks. */
async function addFollowUp(tx: Tx, queue: Queue, comment: string, snapshot: Snapshot): Promise<void> {
  const { goal, now } = snapshot
  const plan = snapshot.plans.findLast((other) => other.state === 'active')
  if (!plan?.draft) return
  const done = snapshot.tasks.filter((task) => task.planId === plan.id && task.state === 'done')
  const number = Math.max(0, ...snapshot.tasks.map((task) => task.number)) + 1
  const checks = done.flatMap((task) => task.spec.checks).map((check) => ({ ...check, kind: 'holds' as const }))
  const spec: PlannedTask = {
    key: `follow-up-${number}`,
    title: `Follow-up: ${comment.split('\n')[0]!.slice(0, 100)}`,
    kind: 'change',
    brief: `The owner reviewed the finished work for the goal below and sends it back with a comment. Change what the comment asks for.\n\nGoal: ${goal.text}\n\nComment: ${comment}`,
    needs: [],
    footprint: [...new Set(done.flatMap((task) => task.spec.footprint))],
    checks: uniqueBy([...checks, ...plan.draft.checks], (check) => check.command),
    overlay: done.flatMap((task) => task.spec.overlay),
    agent: null,
    credentials: [],
  }
  await addTask(tx, aTask(spec, { goalId: goal.id, planId: plan.id, number, now }))
  await addEvent(tx, now, {
    type: 'task.added',
    goalId: goal.id,
    data: { label: taskLabel(goal.number, number), title: spec.title },
  })
  await send(queue, tx, 'dispatch', 'all')
}

export function uniqueBy<T>(list: readonly T[], key: (item: T) => unknown): T[] {
  const seen = new Set<unknown>()
  return list.filter((item) => !seen.has(key(item)) && seen.add(key(item)))
}

/** Ends a task without a proof: its asks are moot, its run is stopped, what it did is preserved by `tidy`. */
export async function endTask(
  tx: Tx,
  queue: Queue,
  now: number,
  taskId: Task['id'],
  as: 'failed' | 'cancelled',
  reason: string,
): Promise<Effect[]> {
  await moveTask(tx, now, taskId, as, { reason })
  const runs = await listRuns(tx, { taskId })
  // Work in the owner's hands has no process that would end it.
  for (const run of runs)
    if (run.state !== 'ended' && run.agent === 'owner')
      await moveRun(tx, run.id, 'ended', { outcome: 'stopped', note: reason, endedAt: now })
  const goalId = (await tx.selectFrom('task').select('goalId').where('id', '=', taskId).executeTakeFirstOrThrow())
    .goalId as Task['goalId']
  for (const ask of await listAsks(tx, { goalId })) if (ask.taskId === taskId) await mootAsk(tx, now, ask)
  await send(queue, tx, 'tidy', taskId)
  await send(queue, tx, 'advance', goalId)
  return runs.filter((run) => run.state !== 'ended').map((run) => ({ stopRun: run.id, why: 'cancelled' as const }))
}

/** Drops a goal: nothing of it goes on, everything it did is kept, a report is written. */
export async function dropGoal(
  tx: Tx,
  queue: Queue,
  now: number,
  goalId: Task['goalId'],
  outcome: string,
): Promise<Effect[]> {
  const effects: Effect[] = []
  for (const task of await listTasks(tx, goalId)) {
    if (!isTaskEnded(task.state))
      effects.push(...(await endTask(tx, queue, now, task.id, 'cancelled', 'the goal was dropped')))
  }
  for (const ask of await listAsks(tx, { goalId })) await mootAsk(tx, now, ask)
  for (const plan of await listPlans(tx, goalId)) if (plan.state === 'drafting') await queue.cancel(tx, 'plan', plan.id)
  await moveGoal(tx, await getGoal(tx, goalId), 'dropped', { outcome, endedAt: now })
  await addEvent(tx, now, { type: 'goal.dropped', goalId, data: { outcome } })
  await send(queue, tx, 'report', goalId)
  return effects
}
