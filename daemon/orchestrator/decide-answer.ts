/** Decides what an answer of the owner changes. Pure, like all of `decide`. */
import type { Ask, AskId } from '../../core/ask.ts'
import { isTaskEnded, type Task } from '../../core/task.ts'
import { refuseActs } from './decide-acts.ts'
import { raiseLimits } from './decide-limit.ts'
import { redraft, withAnswers } from './decide-plan.ts'
import type { Decision } from './decision.ts'
import { isOpen, latestPlan, nextVersion, type Snapshot } from './snapshot.ts'

export function decideQuarantine(ask: Ask): Decision[] {
  return ask.answer?.choice === 'drop'
    ? [{ do: 'drop-goal', outcome: 'dropped by the owner after an internal error', settles: [ask.id] }]
    : [{ do: 'unquarantine', settles: [ask.id] }]
}

export function decideAnswer(ask: Ask, snapshot: Snapshot): Decision[] {
  const settles = [ask.id]
  const choice = ask.answer?.choice ?? null
  const text = ask.answer?.text ?? null
  const plan = latestPlan(snapshot)
  if (choice === 'drop') return [{ do: 'drop-goal', outcome: 'dropped by the owner', settles }]
  const task = snapshot.tasks.find((other) => other.id === ask.taskId)
  switch (ask.kind) {
    case 'plan-approval':
      if (plan?.state !== 'proposed') return [{ do: 'nothing', settles }]
      if (choice === 'yes') return [{ do: 'activate-plan', planId: plan.id, settles }]
      return [
        redraft(
          plan,
          [text ? `The owner refused the plan and says: ${text}` : 'The owner refused the plan.'],
          snapshot,
          settles,
        ),
      ]
    case 'plan-question': {
      if (isOpen(snapshot, 'plan-question')) return []
      const all = snapshot.asks.filter(
        (other) => other.kind === 'plan-question' && other.state === 'answered' && other.settledAt === null,
      )
      const said = all.map(
        (other) =>
          `You asked: ${other.question} The owner answered: ${other.answer?.text ?? other.answer?.choice ?? '(nothing)'}`,
      )
      const ids = all.map((other) => other.id)
      if (plan?.state !== 'proposed') return [{ do: 'nothing', settles: ids }]
      const again = redraft(plan, said, snapshot, ids)
      return plan.author === 'owner' && plan.draft
        ? [{ ...again, do: 'draft-plan', draft: withAnswers(plan.draft, all) }]
        : [again]
    }
    case 'plan-refused':
      if (plan?.state !== 'refused') return [{ do: 'nothing', settles }]
      if (choice === 'keep') {
        // With the versions that led to it: none of them is to be drafted further.
        const refused = snapshot.plans.filter((other) => other.state === 'refused')
        return [{ do: 'set-aside', planIds: refused.map((other) => other.id), settles }]
      }
      return [
        {
          do: 'draft-plan',
          version: nextVersion(snapshot),
          request: [...plan.request, text ? `The owner says: ${text}` : 'The owner asks for another try.'],
          steers: [],
          instead: null,
          settles,
        },
      ]
    case 'guard':
    case 'review':
      if (task?.state !== 'blocked') return [{ do: 'nothing', settles }]
      if (choice === 'accept')
        return [
          {
            do: task.commit ? 'land-task' : 'make-ready',
            taskId: task.id,
            next: task.next,
            forgiven: false,
            settles,
          } as Decision,
        ]
      if (choice === 'drop-task')
        return [{ do: 'end-task', taskId: task.id, as: 'failed', reason: 'given up by the owner', settles }]
      return [
        sendBack(
          task,
          `The owner looked at your work and sends it back: ${text ?? '(no comment)'}\n\n${ask.detail}`,
          settles,
        ),
      ]
    case 'attempts-spent':
      if (task?.state !== 'blocked') return [{ do: 'nothing', settles }]
      if (choice === 'drop-task')
        return [{ do: 'end-task', taskId: task.id, as: 'failed', reason: 'given up by the owner', settles }]
      return [
        {
          do: 'make-ready',
          taskId: task.id,
          next: {
            purpose: task.next?.purpose ?? 'work',
            strategy: 'fresh-session',
            feedback: [task.next?.feedback, text ? `The owner says: ${text}` : null].filter(Boolean).join('\n\n'),
            ontoCommit: task.next?.ontoCommit ?? null,
          },
          forgiven: true,
          settles,
        },
      ]
    case 'act-approval':
      return choice === 'yes' ? [{ do: 'nothing', settles }] : refuseActs(ask, snapshot.tasks)
    case 'land-approval':
      if (choice === 'accept') return [{ do: 'land-goal', settles }]
      if (choice === 'branch') return [{ do: 'land-as-branch', settles }]
      return [{ do: 'follow-up', comment: text ?? 'The owner is not content; look at the work again.', settles }]
    case 'land-blocked':
      return choice === 'branch' ? [{ do: 'land-as-branch', settles }] : [{ do: 'land-goal', settles }]
    case 'limit':
      if (choice === 'finish') {
        const rest = snapshot.tasks.filter((other) => !isTaskEnded(other.state))
        return [
          { do: 'nothing', settles },
          ...rest.map(
            (other): Decision => ({
              do: 'end-task',
              taskId: other.id,
              as: 'cancelled',
              reason: 'finished as it is at the limit',
            }),
          ),
        ]
      }
      return [raiseLimits(snapshot, settles)]
    default:
      return [{ do: 'nothing', settles }]
  }
}

function sendBack(task: Task, feedback: string, settles: AskId[]): Decision {
  return {
    do: 'make-ready',
    taskId: task.id,
    // What was merged into the work stays a parent of it.
    next: { purpose: 'work', strategy: 'same-session', feedback, ontoCommit: task.next?.ontoCommit ?? null },
    forgiven: false,
    settles,
  }
}
