import { describe, expect, test } from 'vitest'
import type { NextRun, Task } from '../../../core/task.ts'
import { type Candidate, chooseStarts, type Picture } from '../../../daemon/orchestrator/choose.ts'
import { footprintsOverlap } from '../../../daemon/planning/footprint.ts'
import { aGoal, aTask, MORNING } from '../../fakes/views.ts'

const candidate = (number: number, over: Partial<Task> = {}, more: Partial<Candidate> = {}): Candidate => {
  const task = aTask({ number, id: `task_${number}`, ...over })
  return {
    task: { ...task, spec: { ...task.spec, footprint: [`${number}/**`], ...over.spec } },
    goal: aGoal(),
    sharedPaths: [],
    agentsBefore: [],
    ...more,
  }
}

const choose = (over: Partial<Picture>) =>
  chooseStarts({
    now: MORNING,
    ready: [],
    busy: [],
    liveRuns: [],
    heldGoals: new Set(),
    agents: ['pi', 'goose'],
    runsMax: 10,
    perRepositoryMax: 10,
    perAgentMax: {},
    overlap: (a, b, shared) => footprintsOverlap(a, b, null, shared),
    ...over,
  })
const started = (over: Partial<Picture>) => choose(over).starts.map(({ task, agent }) => `${task.number} ${agent}`)
const next = (strategy: NextRun['strategy']): NextRun => ({ purpose: 'work', strategy, feedback: '', ontoCommit: null })

describe('width', () => {
  const ready = [candidate(1), candidate(2), candidate(3)]
  const live = { agent: 'pi', taskId: 'task_9' as const }

  test('ready tasks start in their order, as many as there is room for', () => {
    expect(started({ ready })).toEqual(['1 pi', '2 pi', '3 pi'])
    expect(started({ ready, runsMax: 2 })).toEqual(['1 pi', '2 pi'])
    expect(started({ ready, runsMax: 2, liveRuns: [live] })).toEqual(['1 pi'])
    expect(started({ ready, runsMax: 1, liveRuns: [live] })).toEqual([])
  })

  test('a repository has its own limit, which another one does not feel', () => {
    const other = candidate(4, {}, { goal: aGoal({ id: 'goal_2', number: 2, repositoryId: 'repo_2' }) })
    expect(started({ ready: [...ready, other], perRepositoryMax: 1 })).toEqual(['1 pi', '4 pi'])
    const busy = [{ task: aTask({ number: 9, state: 'running' }), repositoryId: 'repo_1' }]
    expect(started({ ready: [candidate(2)], busy, perRepositoryMax: 1 })).toEqual([])
  })

  test('an agent that is full is passed over for another; where all are, the task waits', () => {
    expect(started({ ready, perAgentMax: { pi: 1 } })).toEqual(['1 pi', '2 goose', '3 goose'])
    expect(started({ ready, perAgentMax: { pi: 1, goose: 1 } })).toEqual(['1 pi', '2 goose'])
  })

  test('tasks of a goal that meet outside the shared paths are not worked on side by side, until landed', () => {
    const meeting = [candidate(1), candidate(2, { spec: { ...aTask().spec, footprint: ['1/a.ts'] } })]
    expect(started({ ready: meeting })).toEqual(['1 pi'])
    expect(started({ ready: meeting.map((one) => ({ ...one, sharedPaths: ['1/**'] })) })).toEqual(['1 pi', '2 pi'])
    for (const state of ['running', 'proving', 'landing'] as const) {
      const busy = [{ task: { ...candidate(1).task, state }, repositoryId: 'repo_1' }]
      expect(started({ ready: meeting.slice(1), busy }), state).toEqual([])
    }
  })
})

describe('moments', () => {
  test('what must wait waits, and the earliest of those moments is told', () => {
    const picture = choose({
      ready: [
        candidate(1, { notBefore: MORNING + 500 }),
        candidate(2, { notBefore: MORNING + 200 }),
        candidate(3, { notBefore: MORNING }),
      ],
    })
    expect(picture.starts.map(({ task }) => task.number)).toEqual([3])
    expect(picture.wakeAt).toBe(MORNING + 200)
  })

  test('a goal that waits for an answer about its limits starts nothing, and wakes nobody', () => {
    const picture = choose({
      ready: [candidate(1), candidate(2, { notBefore: MORNING + 9 })],
      heldGoals: new Set(['goal_1']),
    })
    expect(picture).toEqual({ starts: [], wakeAt: null, without: [] })
  })
})

describe('who works', () => {
  const cases: [string, Candidate, Partial<Picture>, string[]][] = [
    ['the owner’s choice for the goal', candidate(1, {}, { goal: aGoal({ agent: 'goose' }) }), {}, ['1 goose']],
    [
      'the plan’s choice for the task goes before it',
      candidate(1, { spec: { ...aTask().spec, agent: 'pi' } }, { goal: aGoal({ agent: 'goose' }) }),
      {},
      ['1 pi'],
    ],
    ['whoever worked on it goes on', candidate(1, {}, { agentsBefore: ['goose'] }), {}, ['1 goose']],
    [
      'the same session waits for its agent',
      candidate(1, { next: next('same-session') }, { agentsBefore: ['goose'] }),
      { perAgentMax: { goose: 1 }, liveRuns: [{ agent: 'goose', taskId: 'task_9' }] },
      [],
    ],
    [
      'a fresh session need not',
      candidate(1, { next: next('fresh-session') }, { agentsBefore: ['goose'] }),
      { perAgentMax: { goose: 1 }, liveRuns: [{ agent: 'goose', taskId: 'task_9' }] },
      ['1 pi'],
    ],
    [
      'another agent means one that has not tried',
      candidate(1, { next: next('other-agent') }, { agentsBefore: ['pi', 'pi'] }),
      {},
      ['1 goose'],
    ],
    [
      'where all have tried, any of them',
      candidate(1, { next: next('other-agent') }, { agentsBefore: ['pi', 'goose'] }),
      {},
      ['1 pi'],
    ],
    [
      'the owner’s choice is kept even then',
      candidate(1, { next: next('other-agent') }, { agentsBefore: ['pi'], goal: aGoal({ agent: 'pi' }) }),
      {},
      ['1 pi'],
    ],
  ]
  test.each(cases)('%s', (_name, one, over, expected) => {
    expect(started({ ready: [one], ...over })).toEqual(expected)
  })

  test('a task that nobody here could take is named; one whose agents are busy is not', () => {
    const gone = choose({ ready: [candidate(1, {}, { goal: aGoal({ agent: 'codex' }) })] })
    expect(gone.without.map(({ task }) => task.number)).toEqual([1])
    expect(choose({ ready: [candidate(1)], agents: [] }).without).toHaveLength(1)
    const busy = choose({
      ready: [candidate(1)],
      agents: ['pi'],
      perAgentMax: { pi: 1 },
      liveRuns: [{ agent: 'pi', taskId: 'task_9' }],
    })
    expect(busy).toMatchObject({ starts: [], without: [] })
  })
})
