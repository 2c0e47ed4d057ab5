/**
 * Decides what a goal needs next. Pure: the same picture always gives the same answer.
 *
 * `advance` gathers a Snapshot, asks `decide`, and carries out what comes back, again and again until
 * nothing comes back. Nothing here reads a clock, a database or a process. What takes long (planning,
 * runs, proofs, landings) is a job that ends by changing rows and asking for another `advance`.
 */
import { describeAct } from '../../core/act-words.ts'
import type { Ask, AskId, AskKind, Choice } from '../../core/ask.ts'
import { MINUTE } from '../../core/clock.ts'
import type { GoalLimits } from '../../core/goal.ts'
import type { Landing } from '../../core/landing.ts'
import type { Plan, PlanDraft, PlanId } from '../../core/plan.ts'
import { isTaskEnded, type NextRun, type Task, type TaskId, taskLabel } from '../../core/task.ts'
import { actsFingerprint, askForActs, decideUndo, isActApproved, refuseActs } from './decide-acts.ts'
import { reachedLimits } from './goal-limit.ts'
import { type Snapshot, workedMs } from './snapshot.ts'

/** Plans in a row that vetting may send back to the brain before the owner is asked. */
export const REFUSALS_MAX = 2

export type Decision = (
  | {
      do: 'draft-plan'
      version: number
      request: string[]
      steers: number[]
      instead: PlanId | null
      /** The owner's own plan, which no brain rewrites. */
      draft?: PlanDraft
    }
  | { do: 'refuse-plan'; planId: PlanId; reasons: string[] }
  | { do: 'activate-plan'; planId: PlanId }
  | { do: 'set-aside'; planIds: PlanId[] }
  | { do: 'ask'; ask: NewAsk }
  | { do: 'make-ready'; taskId: TaskId; next: NextRun | null; forgiven: boolean }
  | { do: 'land-task'; taskId: TaskId }
  | { do: 'end-task'; taskId: TaskId; as: 'failed' | 'cancelled'; reason: string }
  | { do: 'follow-up'; comment: string }
  | { do: 'stop-run'; runId: string; why: 'limit' }
  | { do: 'change-limits'; limits: GoalLimits; overall: { key: string; factor: number } | null }
  | { do: 'land-as-branch' }
  | { do: 'land-goal' }
  | { do: 'report'; met: boolean; outcome: string }
  | { do: 'drop-goal'; outcome: string }
  | { do: 'undo-effects' }
  | { do: 'unquarantine' }
  | { do: 'moot'; askId: AskId }
  | { do: 'nothing' }
) & {
  /** Answers that this decision acts upon; they are marked as settled with it. */
  settles?: AskId[]
}

export type NewAsk = Pick<Ask, 'kind' | 'question' | 'detail' | 'choices' | 'freeText'> & {
  taskId: TaskId | null
  fingerprint?: string
}

/** Asks that the run which opened them settles by itself. */
const SETTLED_BY_RUN: ReadonlySet<AskKind> = new Set(['permission', 'credential', 'host', 'question'])

export function decide(snapshot: Snapshot): Decision[] {
  const { goal } = snapshot
  const undo = decideUndo(snapshot.asks)
  if (undo.length > 0) return undo
  if (goal.state !== 'open') return []
  const answered = snapshot.asks.filter(
    (ask) => ask.state === 'answered' && ask.settledAt === null && !SETTLED_BY_RUN.has(ask.kind),
  )
  if (goal.quarantine !== null) return answered.filter((ask) => ask.kind === 'quarantine').flatMap(decideQuarantine)
  for (const ask of answered) {
    const decisions = decideAnswer(ask, snapshot)
    if (decisions.length > 0) return decisions
  }
  if (snapshot.isUnconfined) return decideUnconfined(snapshot)
  const plan = latest(snapshot)
  // Planning costs money too; while a plan is being worked by, its work is what is looked at.
  const overLimit = activePlan(snapshot) ? undefined : decideLimit(snapshot)
  if (overLimit) return overLimit
  if (snapshot.steers.length > 0 && plan?.state !== 'drafting') return [draftForSteers(snapshot)]
  if (!plan) return [{ do: 'draft-plan', version: nextVersion(snapshot), request: [], steers: [], instead: null }]
  switch (plan.state) {
    case 'drafting':
      // A goal is planned anew while the tasks of the plan before go on.
      return decideWork(snapshot)
    case 'refused':
      return decideRefused(plan, snapshot)
    case 'proposed':
      return decideProposed(plan, snapshot)
    default:
      return decideWork(snapshot)
  }
}

/** Nothing of a repository is run without a sandbox before the owner has said so. */
function decideUnconfined(snapshot: Snapshot): Decision[] {
  if (isOpen(snapshot, 'sandbox')) return []
  return [
    {
      do: 'ask',
      ask: {
        kind: 'sandbox',
        taskId: null,
        question: 'No sandbox works on this machine. Let agents and checks of this repository run without one?',
        detail:
          'They could then read and write whatever you can, keys and Claw itself included. The answer is kept for this repository. `claw doctor` says how to get a sandbox.',
        choices: [
          { id: 'accept', label: 'Run them without a sandbox, in this repository' },
          { id: 'drop', label: 'Drop the goal' },
        ],
        freeText: false,
      },
    },
  ]
}

function isOpen(snapshot: Snapshot, kind: AskKind): boolean {
  return snapshot.asks.some((ask) => ask.kind === kind && ask.state === 'open')
}

/** The plan that counts: one that was replaced or set aside counts no more. */
function latest(snapshot: Snapshot): Plan | undefined {
  return snapshot.plans.findLast((plan) => plan.state !== 'replaced')
}

function nextVersion(snapshot: Snapshot): number {
  return (snapshot.plans.at(-1)?.version ?? 0) + 1
}

// ---- the plan ----------------------------------------------------------------------------

function draftForSteers(snapshot: Snapshot): Decision {
  const plan = latest(snapshot)
  return {
    do: 'draft-plan',
    version: nextVersion(snapshot),
    request: [...(plan?.request ?? []), ...snapshot.steers.map((steer) => steer.text)],
    steers: snapshot.steers.map((steer) => steer.id),
    instead: plan && plan.state !== 'active' ? plan.id : null,
  }
}

function decideRefused(plan: Plan, snapshot: Snapshot): Decision[] {
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

function decideProposed(plan: Plan, snapshot: Snapshot): Decision[] {
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
        question: `Carry out this plan of ${count(draft.tasks.length, 'task')} for goal #${goal.number}?`,
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

// ---- answers -----------------------------------------------------------------------------

function decideQuarantine(ask: Ask): Decision[] {
  return ask.answer?.choice === 'drop'
    ? [{ do: 'drop-goal', outcome: 'dropped by the owner after an internal error', settles: [ask.id] }]
    : [{ do: 'unquarantine', settles: [ask.id] }]
}

function decideAnswer(ask: Ask, snapshot: Snapshot): Decision[] {
  const settles = [ask.id]
  const choice = ask.answer?.choice ?? null
  const text = ask.answer?.text ?? null
  const plan = latest(snapshot)
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

/** A ready plan that asked its owner: the answers stand in every brief, and nothing is left to ask. */
function withAnswers(draft: PlanDraft, answered: readonly Ask[]): PlanDraft {
  const answers = answered.map(
    ({ question, answer }) => `- ${question} ${answer?.text ?? answer?.choice ?? '(nothing)'}`,
  )
  const words = `\n\nThe owner was asked and decided:\n${answers.join('\n')}`
  return { ...draft, questions: [], tasks: draft.tasks.map((task) => ({ ...task, brief: task.brief + words })) }
}

function redraft(
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

// ---- the work ----------------------------------------------------------------------------

/** The plan whose tasks are being worked on, if any. */
export function activePlan(snapshot: Pick<Snapshot, 'plans'>): Plan | undefined {
  return snapshot.plans.findLast((plan) => plan.state === 'active')
}

function decideWork(snapshot: Snapshot): Decision[] {
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
  if (latest(snapshot) !== plan) return []
  return tasks.every((task) => isTaskEnded(task.state)) ? decideEnd(tasks, snapshot) : []
}

/** Whether a question about the task waits for an answer, or an answer for being acted upon. */
export function isHeld(task: Task, asks: readonly Ask[]): boolean {
  return asks.some(
    (ask) => ask.taskId === task.id && (ask.state === 'open' || (ask.state === 'answered' && ask.settledAt === null)),
  )
}

/** Undefined: nothing is used up. An empty list: the owner is asked already. */
function decideLimit(snapshot: Snapshot): Decision[] | undefined {
  const { goal, runs } = snapshot
  const [first, ...more] = reachedLimits(snapshot)
  if (!first) {
    // A day has passed, or the owner raised for another goal what all of them share.
    const [ask] = snapshot.asks.filter((other) => other.kind === 'limit' && other.state === 'open')
    return ask ? [{ do: 'moot', askId: ask.id }] : undefined
  }
  const isPlanning = activePlan(snapshot) === undefined
  if (!isPlanning && snapshot.tasks.every((task) => isTaskEnded(task.state))) return undefined
  if (isOpen(snapshot, 'limit')) return []
  const live = runs.filter((run) => run.state !== 'ended' && run.agent !== 'owner')
  const words = [first, ...more].map((limit) => limit.words).join(' and ')
  return [
    ...live.map((run): Decision => ({ do: 'stop-run', runId: run.id, why: 'limit' })),
    {
      do: 'ask',
      ask: {
        kind: 'limit',
        taskId: null,
        question: `Goal #${goal.number} has used ${words}. What now?`,
        detail: 'Its agents are stopped; what they did is kept.',
        choices: [
          { id: 'raise', label: 'Go on for as much again' },
          ...(isPlanning ? [] : [{ id: 'finish', label: 'Finish with what is done' }]),
          { id: 'drop', label: 'Drop the goal' },
        ],
        freeText: false,
      },
    },
  ]
}

function raiseLimits(snapshot: Snapshot, settles: AskId[]): Decision {
  let limits = snapshot.goal.limits
  let overall: { key: string; factor: number } | null = null
  for (const { raise } of reachedLimits(snapshot)) {
    if ('goal' in raise) limits = { ...limits, ...raise.goal }
    else overall = raise.overall
  }
  return { do: 'change-limits', limits, overall, settles }
}

/** How long until a goal at work reaches its minutes; null where it never does, or where nothing is at work. */
export function limitInMs({ goal, runs, now }: Snapshot): number | null {
  if (goal.state !== 'open' || goal.limits.minutesMax === null) return null
  if (!runs.some((run) => run.state !== 'ended' && run.agent !== 'owner')) return null
  const left = goal.limits.minutesMax * MINUTE - workedMs(runs, now)
  return left > 0 ? Math.ceil(left) : null
}

function decideEnd(tasks: readonly Task[], snapshot: Snapshot): Decision[] {
  const { goal } = snapshot
  const done = tasks.filter((task) => task.state === 'done')
  if (done.length === 0) return [{ do: 'report', met: false, outcome: 'no task was done' }]
  // What was done outside has nothing that could land.
  if (done.every((task) => task.spec.kind === 'act')) {
    const met = done.length === tasks.length
    const what = `${met ? count(done.length, 'task') : `${done.length} of ${count(tasks.length, 'task')}`} done`
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
          ? `${count(done.length, 'task')} done and proven, ${where}`
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

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`
}
