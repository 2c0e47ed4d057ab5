import { describe, expect, test } from 'vitest'
import { actFingerprint } from '../../../core/act.ts'
import type { Ask } from '../../../core/ask.ts'
import type { Autonomy } from '../../../core/goal.ts'
import { PlannedTask } from '../../../core/plan.ts'
import type { Task, TaskState } from '../../../core/task.ts'
import { decide } from '../../../daemon/orchestrator/decide.ts'
import type { Snapshot } from '../../../daemon/orchestrator/snapshot.ts'
import { aGoal, anAsk, aPlan, aTask, MORNING } from '../../fakes/views.ts'
import { anActTask } from '../planning/plans.ts'

const spec = PlannedTask.parse(anActTask())
const files = PlannedTask.parse(
  anActTask({}, { hosts: [], effects: [{ kind: 'file', name: '/srv/a', what: 'w', undo: 'rm /srv/a' }] }),
)
const secret = PlannedTask.parse({ ...files, credentials: [{ secret: 'env:TOKEN', variable: 'TOKEN' }] })
const print = actFingerprint({ act: spec.act!, credentials: [] })

const act = (state: TaskState = 'blocked', over: Partial<Task> = {}) => aTask({ state, spec, ...over })
const said = (kind: Ask['kind'], choice: string, over: Partial<Ask> = {}) =>
  anAsk({
    kind,
    taskId: null,
    state: 'answered',
    settledAt: MORNING,
    fingerprint: print,
    answer: { choice, text: null, by: 'test', at: MORNING },
    ...over,
  })

function decided(over: Partial<Snapshot> & { autonomy?: Autonomy; author?: string } = {}): string[] {
  const { autonomy = 'ask-land', author = 'owner', ...rest } = over
  const tasks = rest.tasks ?? [act()]
  const draft = { summary: 's', tasks: tasks.map((task) => task.spec), sharedPaths: [], checks: [], questions: [] }
  const snapshot: Snapshot = {
    now: MORNING,
    goal: aGoal({ autonomy }),
    plans: [aPlan({ draft, author })],
    runs: [],
    asks: [],
    landings: [],
    steers: [],
    ...rest,
    tasks,
  }
  return decide(snapshot).map((one) => (one.do === 'ask' ? `ask ${one.ask.kind}` : one.do))
}

describe('before an act may begin', () => {
  const cases: [string, Parameters<typeof decided>[0], string[]][] = [
    ['the owner is asked', {}, ['ask act-approval']],
    ['once', { asks: [anAsk({ kind: 'act-approval', taskId: null, state: 'open', answer: null })] }, []],
    ['a yes lets it begin', { asks: [said('act-approval', 'yes')] }, ['make-ready']],
    ['and so does a yes to the plan that showed it', { asks: [said('plan-approval', 'yes')] }, ['make-ready']],
    [
      'a yes to something else does not',
      { asks: [said('act-approval', 'yes', { fingerprint: 'other' })] },
      ['ask act-approval'],
    ],
    ['a yes to a landing does not', { asks: [said('land-approval', 'accept')] }, ['ask act-approval']],
    ['auto trusts the owner’s own plan', { autonomy: 'auto' }, ['make-ready']],
    ['auto asks where a brain wants to log in', { autonomy: 'auto', author: 'brain' }, ['ask act-approval']],
    [
      'auto asks where a brain wants a secret',
      { autonomy: 'auto', author: 'brain', tasks: [act('blocked', { spec: secret })] },
      ['ask act-approval'],
    ],
    [
      'auto lets a brain write a declared file',
      { autonomy: 'auto', author: 'brain', tasks: [act('blocked', { spec: files })] },
      ['make-ready'],
    ],
    [
      'other tasks go on meanwhile',
      { tasks: [act(), aTask({ id: 'task_2', number: 2, state: 'blocked' })] },
      ['make-ready', 'ask act-approval'],
    ],
  ]
  test.each(cases)('%s', (_, over, wanted) => expect(decided(over)).toEqual(wanted))
})

test('a no ends exactly the acts that were shown', () => {
  const other = act('blocked', { id: 'task_2', number: 2, spec: files })
  const asks = [said('act-approval', 'no', { settledAt: null })]
  expect(decided({ asks, tasks: [act(), other] })).toEqual(['nothing', 'end-task'])
})

test('a goal of acts alone is reported without a landing, and without asking for one', () => {
  expect(decided({ tasks: [act('done')] })).toEqual(['report'])
  expect(decided({ tasks: [act('done'), aTask({ id: 'task_2', number: 2, state: 'done' })] })).toEqual([
    'ask land-approval',
  ])
})

test('an answer about an undo is acted upon also when the goal is over', () => {
  const goal = aGoal({ state: 'met' })
  expect(decided({ goal, asks: [said('undo-approval', 'yes', { settledAt: null })] })).toEqual(['undo-effects'])
  expect(decided({ goal, asks: [said('undo-approval', 'no', { settledAt: null })] })).toEqual(['nothing'])
  expect(decided({ goal, asks: [said('undo-approval', 'yes')] })).toEqual([])
})
