import { expect, test } from 'vitest'
import type { TaskState } from '../../../core/task.ts'
import { type Outline, statusOf, summaryOf } from '../../../daemon/goals/summary.ts'
import { aGoal } from '../../fakes/views.ts'

const NOW = Date.UTC(2026, 10, 23, 9)

function anOutline(states: TaskState[], changes: Partial<Outline> = {}): Outline {
  return {
    now: NOW,
    goal: aGoal({ state: 'open', land: 'merge', targetBranch: 'main' }),
    hasPlan: true,
    tasks: states.map((state) => ({ state, notBefore: null })),
    openAsks: [],
    hasLanded: false,
    repository: '/r',
    ...changes,
  }
}
const asks = [{ question: 'Which one?' }, { question: 'And then?' }]

test.each<[string, Outline, string, string]>([
  [
    'an ended goal says how it ended',
    anOutline(['done'], { goal: aGoal({ state: 'met', outcome: 'all done' }) }),
    'met',
    'all done',
  ],
  [
    'an internal error comes before all else',
    anOutline(['running'], { goal: aGoal({ state: 'paused', quarantine: 'Error: x\n at y' }) }),
    'stuck',
    'stopped by an internal error: Error: x',
  ],
  [
    'a pause stands above what is still running',
    anOutline(['running'], { goal: aGoal({ state: 'paused' }) }),
    'paused',
    'paused by you',
  ],
  [
    'a question is said when nothing else goes on',
    anOutline(['blocked'], { openAsks: asks }),
    'waiting on you',
    'Which one?',
  ],
  ['a question without a plan', anOutline([], { hasPlan: false, openAsks: asks }), 'waiting on you', 'Which one?'],
  [
    'a question beside work is counted',
    anOutline(['running', 'proving', 'landing', 'blocked'], { openAsks: asks }),
    'working',
    '1 at work, 1 being proven, 1 being merged, 2 waiting on you',
  ],
  ['no plan yet', anOutline([], { hasPlan: false }), 'planning', 'reading the repository and making a plan'],
  [
    'put off',
    anOutline([], {
      tasks: [
        { state: 'ready', notBefore: NOW + 1_000 },
        { state: 'ready', notBefore: NOW + 500 },
      ],
    }),
    'waiting',
    'waits until 2026-11-23T09:00:00.500Z',
  ],
  [
    'a moment that has passed puts nothing off',
    anOutline([], { tasks: [{ state: 'ready', notBefore: NOW }] }),
    'waiting',
    'waits for a free agent',
  ],
  ['all tasks over, not landed', anOutline(['done', 'failed']), 'landing', 'bringing the work to main'],
  ['all tasks over, landed', anOutline(['done'], { hasLanded: true }), 'reporting', 'writing the report'],
])('%s', (_name, outline, status, words) => {
  expect(statusOf(outline)).toEqual({ status, words })
})

test('tasks are counted by how they stand', () => {
  const { tasks, openAsks } = summaryOf(
    anOutline(['done', 'done', 'running', 'failed', 'cancelled', 'blocked'], { openAsks: asks }),
  )
  expect(tasks).toEqual({ total: 6, done: 2, running: 1, failed: 2 })
  expect(openAsks).toBe(2)
})
