/** Decides about the tasks of the plan that is carried out, and about the end of the goal. Pure, like all of `decide`. */
import type { Choice } from '../../core/ask.ts'
import { countOf } from '../../core/count.ts'
import type { Landing } from '../../core/landing.ts'
import { isTaskEnded, type Task, taskLabel } from '../../core/task.ts'
import { askForActs, isActApproved } from './decide-acts.ts'
import { decideLimit } from './decide-limit.ts'
import type { Decision } from './decision.ts'
import { activePlan, isHeld, isOpen, latestPlan, type Snapshot } from './snapshot.ts'

export function decideWork(snapshot: Snapshot): Decision[] {
  const plan = activePlan(snapshot)
  if (!plan) return []
  const overLimit = decideLimit(snapshot)
  if (overLimit) return overLimit
  const tasks = snapshot.tasks.filter((task) => task.planId === plan.id)
  const decisions: Decision[] = []
  for (const task of tasks) {
    if (task.state !== 'blocked' || isHeld(task, snapshot.asks)) continue
    const needs = task.spec.needs.map((key) => tasks.find((other) => other.spec.key === key))
    const gone = needs.find((need) => need && (need.state === 'failed' || need.state === 'cancelled'))
    if (gone) {
      const label = taskLabel(snapshot.goal.number, gone.number)
      decisions.push({
        do: 'end-task',
        taskId: task.id,
        as: 'cancelled',
        reason: `it needs ${label}, which ${gone.state === 'failed' ? 'failed' : 'was cancelled'}`,
      })
    } else if (needs.every((need) => need?.state === 'done') && isActApproved(task, snapshot, plan)) {
      decisions.push({ do: 'make-ready', taskId: task.id, next: task.next, forgiven: false })
    }
  }
  const ask = askForActs(tasks, snapshot, plan)
  if (ask) decisions.push({ do: 'ask', ask })
  if (decisions.length > 0) return decisions
  // A new plan is on its way, and with it perhaps new tasks.
  if (latestPlan(snapshot) !== plan) return []
  return tasks.every((task) => isTaskEnded(task.state)) ? decideEnd(tasks, snapshot) : []
}

function decideEnd(tasks: readonly Task[], snapshot: Snapshot): Decision[] {
  const { goal } = snapshot
  const done = tasks.filter((task) => task.state === 'done')
  if (done.length === 0) return [{ do: 'report', met: false, outcome: 'no task was done' }]
  // What was done outside has nothing that could land.
  if (done.every((task) => task.spec.kind === 'act')) {
    const met = done.length === tasks.length
    const what = `${met ? countOf(done.length, 'task') : `${done.length} of ${countOf(tasks.length, 'task')}`} done`
    return [{ do: 'report', met, outcome: `${what}${met ? ' and proven' : ''}, outside the repository` }]
  }
  const landing = goalLanding(snapshot.landings)
  if (landing?.state === 'landed') {
    const met = done.length === tasks.length
    const where = `on ${landing.branch}`
    return [
      {
        do: 'report',
        met,
        outcome: met
          ? `${countOf(done.length, 'task')} done and proven, ${where}`
          : `${done.length} of ${tasks.length} tasks done, ${where}`,
      },
    ]
  }
  if (isOpen(snapshot, 'land-approval') || isOpen(snapshot, 'land-blocked')) return []
  // An approval is for exactly the work that was shown; moments would not say so, clocks jump.
  const fingerprint = `done ${done.map((task) => task.number).join(',')}`
  const approved = snapshot.asks.some(
    (ask) =>
      ask.kind === 'land-approval' &&
      ask.answer !== null &&
      ask.answer.choice !== 'reject' &&
      ask.fingerprint === fingerprint,
  )
  if (goal.autonomy === 'ask-land' && !approved) {
    return [
      {
        do: 'ask',
        ask: {
          kind: 'land-approval',
          taskId: null,
          fingerprint,
          question: `Goal #${goal.number} is done and proven. Land it on ${goal.land === 'branch' ? `the branch ${goal.branch}` : goal.targetBranch}?`,
          detail: done.map((task) => `- ${taskLabel(goal.number, task.number)} ${task.spec.title}`).join('\n'),
          choices: landChoices(goal.land),
          freeText: true,
        },
      },
    ]
  }
  return [{ do: 'land-goal' }]
}

/** The landing of the goal as it is now: undefined where a task landed on its branch since. */
export function goalLanding(landings: readonly Landing[]): Landing | undefined {
  const last = landings.findLast((other) => other.taskId === null || other.state === 'landed')
  return last?.taskId === null ? last : undefined
}

function landChoices(land: string): Choice[] {
  return [
    { id: 'accept', label: 'Land it' },
    { id: 'reject', label: 'Send it back (say what is wrong)' },
    ...(land === 'branch' ? [] : [{ id: 'branch', label: 'Leave it as a branch' }]),
    { id: 'drop', label: 'Drop the goal' },
  ]
}
