import { describe, expect, test } from 'vitest'
import { MINUTE, SECOND } from '../../../core/clock.ts'
import type { FailureClass } from '../../../core/run.ts'
import type { NextRun, Task } from '../../../core/task.ts'
import { decideAfterFailure, type Failure } from '../../../daemon/orchestrator/fail-task.ts'
import { aGoal, aTask, MORNING } from '../../fakes/views.ts'

const afterA = (failure: FailureClass, task: Partial<Task> = {}, more: Partial<Failure> = {}) =>
  decideAfterFailure(
    { task: aTask(task), goal: aGoal(), failure, feedback: 'what failed', note: 'failed', softFailuresMax: 5, ...more },
    MORNING,
  )
const told = (over: Partial<NextRun> = {}): NextRun => ({
  purpose: 'work',
  strategy: 'same-session',
  feedback: 'before',
  ontoCommit: null,
  ...over,
})

describe('work that failed', () => {
  test.each([
    [0, 'same-session', false],
    [1, 'fresh-session', false],
    [2, 'other-agent', false],
    [3, 'other-agent', true],
  ] as const)('after %i failures before it, the next is %s; the owner is asked: %s', (workFailures, strategy, ask) => {
    expect(afterA('work', { workFailures, softFailures: 4 })).toMatchObject({
      ask,
      workFailures: workFailures + 1,
      softFailures: 0,
      notBefore: null,
      next: { strategy, feedback: 'what failed' },
    })
  })

  test('in a session that is lost goes on in a fresh one', () => {
    expect(afterA('work', {}, { sessionLost: true }).next.strategy).toBe('fresh-session')
  })

  test('keeps the commit it was merged with', () => {
    expect(afterA('work', { next: told({ purpose: 'reconcile', ontoCommit: 'target' }) }).next).toMatchObject({
      purpose: 'work',
      ontoCommit: 'target',
    })
  })
})

describe('what is not the work’s fault', () => {
  test.each(['transport', 'environment'] as const)(
    '%s does not count, keeps what the run was for, and is bounded',
    (failure) => {
      const first = afterA(failure, {
        workFailures: 2,
        next: told({ purpose: 'reconcile', strategy: 'fresh-session', ontoCommit: 'target' }),
      })
      expect(first).toMatchObject({
        ask: false,
        workFailures: 2,
        softFailures: 1,
        next: { purpose: 'reconcile', strategy: 'fresh-session', feedback: 'before', ontoCommit: 'target' },
      })
      expect(afterA(failure, { softFailures: 4 }).ask).toBe(true)
    },
  )

  test('a transport failure waits longer each time', () => {
    const waits = [0, 1, 2, 3].map((softFailures) => afterA('transport', { softFailures }).notBefore! - MORNING)
    expect(waits).toEqual([1, 2, 4, 8].map((n) => n * SECOND))
  })

  test('a limit waits until the moment that was named, else a while, and never asks', () => {
    expect(afterA('limit', {}, { retryAt: MORNING + 90 * MINUTE })).toMatchObject({
      ask: false,
      softFailures: 0,
      notBefore: MORNING + 90 * MINUTE,
    })
    expect(afterA('limit', { softFailures: 4 })).toMatchObject({ ask: false, softFailures: 4 })
    expect(afterA('limit').notBefore).toBeGreaterThan(MORNING)
  })

  test('a conflict makes a run that settles it, told what it is about', () => {
    expect(afterA('environment', { next: told() }, { reconcileOnto: 'head' })).toMatchObject({
      workFailures: 0,
      next: { purpose: 'reconcile', feedback: 'what failed', ontoCommit: 'head' },
    })
  })
})
