import { describe, expect, test } from 'vitest'
import type { Ask, AskKind } from '../../../core/ask.ts'
import { MINUTE } from '../../../core/clock.ts'
import type { Landing } from '../../../core/landing.ts'
import type { PlanDraft } from '../../../core/plan.ts'
import type { Task } from '../../../core/task.ts'
import { decide } from '../../../daemon/orchestrator/decide.ts'
import { limitInMs } from '../../../daemon/orchestrator/decide-limit.ts'
import { describePlan } from '../../../daemon/orchestrator/decide-plan.ts'
import type { Decision } from '../../../daemon/orchestrator/decision.ts'
import type { Snapshot } from '../../../daemon/orchestrator/snapshot.ts'
import { aGoal, anAsk, aPlan, aRun, aTask, MORNING } from '../../fakes/views.ts'

const DRAFT: PlanDraft = { summary: 'A plan.', tasks: [aTask().spec], sharedPaths: [], checks: [], questions: [] }

function aSnapshot(over: Partial<Snapshot> = {}): Snapshot {
  return {
    now: MORNING,
    goal: aGoal(),
    plans: [aPlan({ draft: DRAFT })],
    tasks: [],
    runs: [],
    asks: [],
    landings: [],
    steers: [],
    ...over,
  }
}

const todo = (decisions: Decision[]) => decisions.map((decision) => decision.do)
const answered = (kind: AskKind, choice: string | null, over: Partial<Ask> = {}, text: string | null = null): Ask =>
  anAsk({
    kind,
    state: 'answered',
    settledAt: null,
    answer: { choice, text, by: 'test', at: MORNING },
    taskId: null,
    ...over,
  })
const open = (kind: AskKind, over: Partial<Ask> = {}): Ask =>
  anAsk({ kind, state: 'open', answer: null, taskId: null, ...over })
const done = (over: Partial<Task> = {}) => aTask({ state: 'done', endedAt: MORNING, ...over })
const aLanding = (over: Partial<Landing> = {}): Landing => ({
  id: 'landing_1',
  goalId: 'goal_1',
  taskId: null,
  state: 'landed',
  branch: 'main',
  onto: 'a',
  commit: 'b',
  merged: 'b',
  proofId: 'proof_1',
  note: null,
  createdAt: MORNING,
  endedAt: MORNING,
  ...over,
})

describe('what a goal needs next', () => {
  const cases: [string, Partial<Snapshot>, string[]][] = [
    ['a goal without a plan gets one', { plans: [] }, ['draft-plan']],
    ['a goal that has ended or is paused needs nothing', { plans: [], goal: aGoal({ state: 'paused' }) }, []],
    ['while a plan is drafted it waits', { plans: [aPlan({ state: 'drafting' })] }, []],
    ['a plan that was set aside counts no more', { plans: [aPlan({ state: 'replaced' })] }, ['draft-plan']],
    ['a proposed plan is carried out', { plans: [aPlan({ state: 'proposed', draft: DRAFT })] }, ['activate-plan']],
    [
      'with ask-plan the owner is asked first',
      { plans: [aPlan({ state: 'proposed', draft: DRAFT })], goal: aGoal({ autonomy: 'ask-plan' }) },
      ['ask'],
    ],
    [
      'and only once',
      {
        plans: [aPlan({ state: 'proposed', draft: DRAFT })],
        goal: aGoal({ autonomy: 'ask-plan' }),
        asks: [open('plan-approval')],
      },
      [],
    ],
    [
      'each question of the planner is asked',
      { plans: [aPlan({ state: 'proposed', draft: { ...DRAFT, questions: ['a?', 'b?'] } })] },
      ['ask', 'ask'],
    ],
    ['a task whose needs are met becomes ready', { tasks: [aTask({ state: 'blocked' })] }, ['make-ready']],
    [
      'a task waits for what it needs',
      { tasks: [aTask({ state: 'running' }), needing('task-1', { number: 2, state: 'blocked' })] },
      [],
    ],
    [
      'a task that needs a failed one is cancelled',
      { tasks: [aTask({ state: 'failed' }), needing('task-1', { number: 2, state: 'blocked' })] },
      ['end-task'],
    ],
    [
      'a task about which the owner is asked is held',
      { tasks: [aTask({ state: 'blocked' })], asks: [open('guard', { taskId: 'task_1' })] },
      [],
    ],
    ['all tasks done: the goal lands', { tasks: [done()] }, ['land-goal']],
    [
      'all tasks ended and none done: the goal is reported as it is',
      { tasks: [aTask({ state: 'failed' })] },
      ['report'],
    ],
    ['with ask-land the owner is asked first', { tasks: [done()], goal: aGoal({ autonomy: 'ask-land' }) }, ['ask']],
    ['landed: the report', { tasks: [done()], landings: [aLanding()] }, ['report']],
    [
      'a landing before the last task’s is not this goal’s end',
      { tasks: [done()], landings: [aLanding(), aLanding({ taskId: 'task_1' })] },
      ['land-goal'],
    ],
    [
      'a task that went back leaves a landing as it is',
      { tasks: [done()], landings: [aLanding({ taskId: 'task_1', state: 'conflict' }), aLanding()] },
      ['report'],
    ],
    ['a landing that is asked about waits', { tasks: [done()], asks: [open('land-blocked')] }, []],
    [
      'while a new plan is drafted, finished work is not landed yet',
      { plans: [aPlan({ draft: DRAFT }), aPlan({ id: 'plan_2', version: 2, state: 'drafting' })], tasks: [done()] },
      [],
    ],
    [
      'words to the planner give a new plan',
      { steers: [{ id: 7, goalId: 'goal_1', taskId: null, text: 'more' }] },
      ['draft-plan'],
    ],
    [
      'but not while one is drafted',
      { plans: [aPlan({ state: 'drafting' })], steers: [{ id: 7, goalId: 'goal_1', taskId: null, text: 'more' }] },
      [],
    ],
    ['a quarantined goal does nothing by itself', { goal: aGoal({ quarantine: 'stack' }), plans: [] }, []],
    [
      'until the owner says try again',
      { goal: aGoal({ quarantine: 'stack' }), asks: [answered('quarantine', 'retry')] },
      ['unquarantine'],
    ],
    ['or drop it', { goal: aGoal({ quarantine: 'stack' }), asks: [answered('quarantine', 'drop')] }, ['drop-goal']],
  ]
  test.each(cases)('%s', (_name, over, expected) => {
    expect(todo(decide(aSnapshot(over)))).toEqual(expected)
  })
})

describe('plans that were refused', () => {
  const refused = (version: number, author = 'brain') =>
    aPlan({ id: `plan_${version}`, version, state: 'refused', author, reasons: ['no check'] })

  test('go back to the brain twice, then to the owner with the reasons', () => {
    expect(todo(decide(aSnapshot({ plans: [refused(1)] })))).toEqual(['draft-plan'])
    expect(todo(decide(aSnapshot({ plans: [refused(1), refused(2)] })))).toEqual(['draft-plan'])
    const [third] = decide(aSnapshot({ plans: [refused(1), refused(2), refused(3)] }))
    expect(third).toMatchObject({ do: 'ask', ask: { kind: 'plan-refused', detail: '- no check' } })
  })

  test('of the owner’s go to the owner at once', () => {
    expect(todo(decide(aSnapshot({ plans: [refused(1, 'owner')] })))).toEqual(['ask'])
  })

  test('leave the plan before them at work, and can be set aside for it', () => {
    const plans = [aPlan({ draft: DRAFT }), refused(2), refused(3), refused(4)]
    const [ask] = decide(aSnapshot({ plans }))
    expect(ask).toMatchObject({ ask: { choices: [{ id: 'retry' }, { id: 'keep' }, { id: 'drop' }] } })
    const waiting = aSnapshot({ plans, asks: [open('plan-refused')], tasks: [aTask({ state: 'blocked' })] })
    expect(todo(decide(waiting))).toEqual(['make-ready'])
    const kept = { do: 'set-aside' as const, planIds: ['plan_2', 'plan_3', 'plan_4'] }
    expect(decide(aSnapshot({ plans, asks: [answered('plan-refused', 'keep')] }))).toMatchObject([kept])
    const aside = plans.map((plan) => (kept.planIds.includes(plan.id) ? { ...plan, state: 'replaced' as const } : plan))
    expect(todo(decide(aSnapshot({ plans: aside, tasks: [done()] })))).toEqual(['land-goal'])
  })
})

describe('answers', () => {
  const blocked = aTask({
    state: 'blocked',
    commit: 'c',
    next: { purpose: 'work', strategy: 'other-agent', feedback: 'it failed so', ontoCommit: 'target' },
  })

  test('each is acted upon once: it is settled with what it leads to', () => {
    const asks: [Ask, Partial<Snapshot>][] = [
      [answered('plan-approval', 'yes'), { plans: [aPlan({ state: 'proposed', draft: DRAFT })] }],
      [answered('plan-approval', 'no'), { plans: [aPlan({ state: 'proposed', draft: DRAFT })] }],
      [answered('plan-question', null, {}, 'b'), { plans: [aPlan({ state: 'proposed', draft: DRAFT })] }],
      [answered('plan-refused', 'retry'), { plans: [aPlan({ state: 'refused' })] }],
      [answered('guard', 'accept', { taskId: 'task_1' }), { tasks: [blocked] }],
      [answered('review', 'reject', { taskId: 'task_1' }), { tasks: [blocked] }],
      [answered('attempts-spent', 'retry', { taskId: 'task_1' }), { tasks: [blocked] }],
      [answered('attempts-spent', 'drop-task', { taskId: 'task_1' }), { tasks: [blocked] }],
      [answered('land-approval', 'accept'), { tasks: [done()] }],
      [answered('land-approval', 'reject'), { tasks: [done()] }],
      [answered('land-blocked', 'retry'), { tasks: [done()] }],
      [answered('land-blocked', 'branch'), { tasks: [done()] }],
      [answered('limit', 'raise'), {}],
      [answered('sandbox', 'accept'), {}],
    ]
    for (const [ask, over] of asks) {
      const [first] = decide(aSnapshot({ ...over, asks: [ask] }))
      expect(first?.settles, ask.kind).toEqual([ask.id])
      const settled = decide(aSnapshot({ ...over, asks: [{ ...ask, settledAt: MORNING }] }))
      expect(
        settled.flatMap((decision) => decision.settles ?? []),
        ask.kind,
      ).toEqual([])
    }
  })

  test('to a question whose subject has moved on change nothing', () => {
    for (const kind of ['guard', 'review', 'attempts-spent'] as const) {
      const asks = [answered(kind, 'accept', { taskId: 'task_1' })]
      expect(todo(decide(aSnapshot({ tasks: [aTask({ state: 'running' })], asks })))).toEqual(['nothing'])
    }
    for (const kind of ['plan-approval', 'plan-refused'] as const) {
      expect(todo(decide(aSnapshot({ asks: [answered(kind, 'yes')] })))[0]).toBe('nothing')
    }
  })

  test('drop, wherever it is offered, drops the goal', () => {
    for (const kind of ['plan-approval', 'plan-refused', 'land-approval', 'land-blocked', 'limit'] as const) {
      expect(todo(decide(aSnapshot({ asks: [answered(kind, 'drop')] })))).toEqual(['drop-goal'])
    }
  })

  test('a task sent back keeps what was merged into it as a parent, and is told why', () => {
    const asks = [answered('guard', 'reject', { taskId: 'task_1', detail: 'outside' }, 'not there')]
    const [decision] = decide(aSnapshot({ tasks: [blocked], asks }))
    expect(decision).toMatchObject({
      do: 'make-ready',
      next: { strategy: 'same-session', ontoCommit: 'target' },
      forgiven: false,
    })
    expect(JSON.stringify(decision)).toContain('not there')
  })

  test('a task that is tried again starts afresh, with what is known and what the owner says, its failures forgiven', () => {
    const asks = [answered('attempts-spent', 'retry', { taskId: 'task_1' }, 'use tabs')]
    expect(decide(aSnapshot({ tasks: [blocked], asks }))).toMatchObject([
      {
        do: 'make-ready',
        forgiven: true,
        next: { strategy: 'fresh-session', feedback: 'it failed so\n\nThe owner says: use tabs', ontoCommit: 'target' },
      },
    ])
  })

  test('an approval is for the work that was shown, whatever the clock says', () => {
    const goal = aGoal({ autonomy: 'ask-land' })
    const [first] = decide(aSnapshot({ goal, tasks: [done()] })) as (Decision & { do: 'ask' })[]
    const approval = (over: Partial<Ask>) =>
      answered('land-approval', 'accept', {
        fingerprint: first!.ask.fingerprint!,
        settledAt: MORNING,
        createdAt: 0,
        ...over,
      })
    expect(todo(decide(aSnapshot({ goal, tasks: [done()], asks: [approval({})] })))).toEqual(['land-goal'])
    const more = [done(), done({ number: 2, id: 'task_2' })]
    expect(todo(decide(aSnapshot({ goal, tasks: more, asks: [approval({ createdAt: MORNING * 2 })] })))).toEqual([
      'ask',
    ])
  })

  test('permissions are settled by the run that asked, never here', () => {
    const asks = [answered('permission', 'allow', { taskId: 'task_1', runId: 'run_1' })]
    expect(decide(aSnapshot({ tasks: [aTask({ state: 'running' })], asks }))).toEqual([])
  })
})

describe('the minutes of a goal', () => {
  const goal = aGoal({ limits: { minutesMax: 10, attemptsMax: 4, tokensMax: null, usdMax: null } })
  const tasks = [aTask({ state: 'running' })]
  const at = (minutes: number, over: Partial<Snapshot> = {}) =>
    aSnapshot({ goal, tasks, runs: [aRun()], now: MORNING + minutes * MINUTE, ...over })

  test('used up, what runs is stopped and the owner asked, once', () => {
    expect(todo(decide(at(9)))).toEqual([])
    expect(todo(decide(at(10)))).toEqual(['stop-run', 'ask'])
    expect(todo(decide(at(11, { asks: [open('limit')] })))).toEqual([])
  })

  test('time without a run, and the owner’s own work, do not count; runs side by side count once', () => {
    const past = aRun({ id: 'run_0', startedAt: MORNING - 60 * MINUTE, endedAt: MORNING - 56 * MINUTE })
    const beside = aRun({ id: 'run_2', startedAt: MORNING - 58 * MINUTE, endedAt: MORNING - 55 * MINUTE })
    const owner = aRun({ id: 'run_3', agent: 'owner', startedAt: MORNING - 900 * MINUTE })
    expect(todo(decide(at(4.9, { runs: [past, beside, owner, aRun()] })))).toEqual([])
    expect(todo(decide(at(5, { runs: [past, beside, owner, aRun()] })))).toContain('ask')
  })

  test('a clock that was set back takes no work away and adds none', () => {
    const back = aRun({ id: 'run_0', startedAt: MORNING - 10 * MINUTE, endedAt: MORNING - 40 * MINUTE })
    expect(limitInMs(at(4, { runs: [back, aRun()] }))).toBe(6 * MINUTE)
  })

  test('tell when to look again; not while nothing runs', () => {
    expect(limitInMs(at(4))).toBe(6 * MINUTE)
    expect(limitInMs(at(4, { runs: [aRun({ state: 'ended', endedAt: MORNING })] }))).toBeNull()
    expect(limitInMs(at(12))).toBeNull()
  })

  test('finish ends what is left and lands what is done', () => {
    const both = [done(), aTask({ id: 'task_2', number: 2, state: 'ready' })]
    const decisions = decide(at(11, { tasks: both, asks: [answered('limit', 'finish')] }))
    expect(decisions).toMatchObject([{ do: 'nothing' }, { do: 'end-task', taskId: 'task_2', as: 'cancelled' }])
  })
})

test('a plan is shown with its order, its places and its checks', () => {
  const spec = aTask().spec
  const words = describePlan(
    aPlan({
      draft: {
        ...DRAFT,
        tasks: [
          {
            ...spec,
            checks: [{ name: 'x', command: 'npm test', kind: 'fails-before', timeoutSeconds: 1, network: false }],
          },
          { ...spec, key: 'b', title: 'Then b', needs: ['task-1'] },
        ],
        checks: [{ name: 'y', command: 'make', kind: 'holds', timeoutSeconds: 1, network: false }],
      },
    }),
  )
  for (const part of [
    'must come to pass: `npm test`',
    'Then b** (after task-1)',
    '`src/**`',
    'On every merged tree:',
    '`make`',
  ]) {
    expect(words).toContain(part)
  }
})

function needing(key: string, over: Partial<Task>): Task {
  const task = aTask(over)
  return { ...task, id: `task_${task.number}`, spec: { ...task.spec, needs: [key] } }
}

describe('without a sandbox', () => {
  const open = { ...answered('sandbox', null), state: 'open' as const, answer: null }

  test('nothing is planned or run before the owner has said so, and the question is put once', () => {
    const [first] = decide(aSnapshot({ plans: [], isUnconfined: true }))
    expect(first).toMatchObject({ do: 'ask', ask: { kind: 'sandbox', choices: [{ id: 'accept' }, { id: 'drop' }] } })
    expect(decide(aSnapshot({ isUnconfined: true, asks: [open] }))).toEqual([])
    expect(todo(decide(aSnapshot({ plans: [] })))).toEqual(['draft-plan'])
  })

  test('whoever does not want that drops the goal', () => {
    expect(todo(decide(aSnapshot({ isUnconfined: true, asks: [answered('sandbox', 'drop')] })))).toEqual(['drop-goal'])
  })
})
