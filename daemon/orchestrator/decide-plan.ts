/** Decides about plans: whether one is drafted, sent back, shown to the owner or carried out. Pure, like all of `decide`. */
import { describeAct } from '../../core/act-words.ts'
import type { Ask, AskId, Choice } from '../../core/ask.ts'
import { countOf } from '../../core/count.ts'
import type { Plan, PlanDraft } from '../../core/plan.ts'
import { actsFingerprint } from './decide-acts.ts'
import { decideWork } from './decide-work.ts'
import type { Decision } from './decision.ts'
import { activePlan, isOpen, latestPlan, nextVersion, type Snapshot } from './snapshot.ts'

/** Plans in a row that vetting may send back to the brain before the owner is asked. */
export const REFUSALS_MAX = 2

export function draftForSteers(snapshot: Snapshot): Decision {
  const plan = latestPlan(snapshot)
  return {
    do: 'draft-plan',
    version: nextVersion(snapshot),
    request: [...(plan?.request ?? []), ...snapshot.steers.map((steer) => steer.text)],
    steers: snapshot.steers.map((steer) => steer.id),
    instead: plan && plan.state !== 'active' ? plan.id : null,
  }
}

export function decideRefused(plan: Plan, snapshot: Snapshot): Decision[] {
  if (isOpen(snapshot, 'plan-refused')) return decideWork(snapshot)
  const inARow = countFromEnd(snapshot.plans, (other) => other.state === 'refused' && other.author !== 'owner')
  if (plan.author !== 'owner' && inARow <= REFUSALS_MAX) {
    return [{ do: 'draft-plan', version: nextVersion(snapshot), request: plan.request, steers: [], instead: null }]
  }
  return [
    {
      do: 'ask',
      ask: {
        kind: 'plan-refused',
        taskId: null,
        question:
          plan.author === 'owner'
            ? 'The plan cannot be carried out as it is. What now?'
            : 'No plan could be made that holds. What now?',
        detail: plan.reasons.map((reason) => `- ${reason}`).join('\n'),
        choices: refusedChoices(activePlan(snapshot) !== undefined),
        freeText: true,
      },
    },
  ]
}

/** What can be done about a goal that no plan could be made for. */
export function refusedChoices(hasPlan: boolean): Choice[] {
  return [
    { id: 'retry', label: 'Plan again (say what to change)' },
    ...(hasPlan ? [{ id: 'keep', label: 'Go on with the plan there is' }] : []),
    { id: 'drop', label: 'Drop the goal' },
  ]
}

function countFromEnd<T>(list: readonly T[], is: (item: T) => boolean): number {
  let count = 0
  for (let i = list.length - 1; i >= 0 && is(list[i]!); i--) count++
  return count
}

export function decideProposed(plan: Plan, snapshot: Snapshot): Decision[] {
  const { goal } = snapshot
  const draft = plan.draft
  if (!draft) throw new Error(`plan ${plan.id} is proposed without a draft`)
  const waits = snapshot.asks.some(
    (ask) => ask.state === 'open' && (ask.kind === 'plan-question' || ask.kind === 'plan-approval'),
  )
  if (waits) return decideWork(snapshot)
  if (draft.questions.length > 0) {
    return draft.questions.map((question) => ({
      do: 'ask',
      ask: { kind: 'plan-question', taskId: null, question, detail: draft.summary, choices: [], freeText: true },
    }))
  }
  if (goal.autonomy !== 'ask-plan') return [{ do: 'activate-plan', planId: plan.id }]
  return [
    {
      do: 'ask',
      ask: {
        kind: 'plan-approval',
        taskId: null,
        ...fingerprintOf(draft),
        question: `Carry out this plan of ${countOf(draft.tasks.length, 'task')} for goal #${goal.number}?`,
        detail: [describePlan(plan), ...estimateOf(snapshot)].join('\n\n'),
        choices: [
          { id: 'yes', label: 'Carry it out' },
          { id: 'no', label: 'Plan again (say what to change)' },
          { id: 'drop', label: 'Drop the goal' },
        ],
        freeText: true,
      },
    },
  ]
}

/** Who agrees to the plan agrees to what it does outside: it is shown with all of it. */
function fingerprintOf({ tasks }: PlanDraft): { fingerprint?: string } {
  const fingerprint = actsFingerprint(tasks)
  return fingerprint === null ? {} : { fingerprint }
}

function estimateOf({ money }: Snapshot): string[] {
  return money?.estimate ? [`Estimated cost: ${money.estimate}.`] : []
}

/** A plan in Markdown, as the owner sees it before agreeing. */
export function describePlan(plan: Plan): string {
  const draft = plan.draft
  if (!draft) return ''
  const tasks = draft.tasks.map((task, index) => {
    const needs = task.needs.length > 0 ? ` (after ${task.needs.join(', ')})` : ''
    const checks = task.checks.map(
      (check) =>
        `   - ${check.kind === 'fails-before' ? 'must come to pass' : 'must still pass'}: \`${check.command}\``,
    )
    if (task.act)
      return `${index + 1}. ${describeAct(`${task.title}${needs}, outside the repository`, task.act, task.credentials)}`
    return [
      `${index + 1}. **${task.title}**${needs}, may change ${task.footprint.map((glob) => `\`${glob}\``).join(', ')}`,
      ...checks,
    ].join('\n')
  })
  const whole = draft.checks.map((check) => `- \`${check.command}\``)
  return [draft.summary, '', ...tasks, ...(whole.length > 0 ? ['', 'On every merged tree:', ...whole] : [])].join('\n')
}

export function redraft(
  plan: Plan,
  words: string[],
  snapshot: Snapshot,
  settles: AskId[],
): Extract<Decision, { do: 'draft-plan' }> {
  return {
    do: 'draft-plan',
    version: nextVersion(snapshot),
    request: [...plan.request, ...words],
    steers: [],
    instead: plan.id,
    settles,
  }
}

/** A ready plan that asked its owner: the answers stand in every brief, and nothing is left to ask. */
export function withAnswers(draft: PlanDraft, answered: readonly Ask[]): PlanDraft {
  const answers = answered.map(
    ({ question, answer }) => `- ${question} ${answer?.text ?? answer?.choice ?? '(nothing)'}`,
  )
  const words = `\n\nThe owner was asked and decided:\n${answers.join('\n')}`
  return { ...draft, questions: [], tasks: draft.tasks.map((task) => ({ ...task, brief: task.brief + words })) }
}
