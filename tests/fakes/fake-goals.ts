import { Fault } from '../../core/fault.ts'
import { isGoalEnded } from '../../core/goal.ts'
import { type Goals, LISTED_DEFAULT, NewGoal } from '../../daemon/goals/goals.ts'
import type { GoalSummary, GoalView, TaskView } from '../../daemon/goals/views.ts'
import { aGoal, aGoalView, aProof } from './views.ts'

export interface FakeGoals extends Goals {
  /** Puts a goal there as it is, or replaces the one with its number. */
  put(view: GoalView): void
  /** What was asked for, in order: `['pause', '1', 'cli']`. */
  readonly calls: unknown[][]
  /** Makes the next call throw. */
  failNext(error: unknown): void
}

/** Goals without an orchestrator: rows in a map, moves written down. Passes tests/contracts/goals.ts. */
export function createFakeGoals(): FakeGoals {
  const views = new Map<number, GoalView>()
  const byKey = new Map<string, number>()
  const calls: unknown[][] = []
  let failure: { error: unknown } | undefined

  const called = (...call: unknown[]) => {
    calls.push(call)
    const failing = failure
    failure = undefined
    if (failing) throw failing.error
  }
  const find = (name: string): GoalView => {
    const view = [...views.values()].find(
      ({ goal }) => goal.id === name || String(goal.number) === name.replace('#', ''),
    )
    if (!view) throw new Fault('goal_not_found', `There is no goal ${name}`)
    return view
  }
  const findTask = (name: string): TaskView => {
    const all = [...views.values()].flatMap((view) => view.taskViews)
    const task = all.find((one) => one.task.id === name || one.label === name)
    if (!task) throw new Fault('task_not_found', `There is no task ${name}`)
    return task
  }
  const isTask = (name: string) => name.startsWith('task_') || /^\d+\.\d+$/.test(name)
  const findEither = (name: string) => (isTask(name) ? findTask(name) : find(name))
  const summary = ({ goal, status, words, repository, tasks, openAsks }: GoalView): GoalSummary => {
    return { goal, status, words, repository, tasks, openAsks }
  }
  const move = (verb: string, name: string, by: string, state: 'open' | 'paused' | 'dropped') => {
    called(verb, name, by)
    const view = find(name)
    if (isGoalEnded(view.goal.state)) {
      throw new Fault('move_refused', `Goal ${view.goal.number} is ${view.goal.state} and cannot become ${state}`)
    }
    view.goal = { ...view.goal, state }
    view.status = state === 'open' ? 'working' : state
  }

  return {
    calls,
    put: (view) => void views.set(view.goal.number, view),
    failNext: (error) => {
      failure = { error }
    },
    async add(input) {
      called('add', input)
      const goal = NewGoal.parse(input)
      const known = goal.idempotencyKey === null ? undefined : byKey.get(goal.idempotencyKey)
      if (known !== undefined) return summary(views.get(known)!)
      const number = Math.max(0, ...views.keys()) + 1
      const { text, agent, source } = goal
      const view = aGoalView({
        goal: aGoal({ number, text, agent, source, land: goal.land ?? 'branch', autonomy: goal.autonomy ?? 'auto' }),
        status: 'planning',
        repository: goal.repo,
      })
      views.set(number, view)
      if (goal.idempotencyKey !== null) byKey.set(goal.idempotencyKey, number)
      return summary(view)
    },
    async list({ state = 'all', limit = LISTED_DEFAULT, before = Number.POSITIVE_INFINITY } = {}) {
      called('list', state)
      const fits = ({ goal }: GoalView) =>
        goal.number < before && (state === 'all' || isGoalEnded(goal.state) === (state === 'ended'))
      return [...views.values()].filter(fits).reverse().slice(0, limit).map(summary)
    },
    async show(name) {
      called('show', name)
      return find(name)
    },
    async showTask(name) {
      called('showTask', name)
      return findTask(name)
    },
    async steer(name, text, by) {
      called('steer', name, text, by)
      findEither(name)
      return isTask(name) ? 'next-run' : 'planner'
    },
    pause: async (name, by) => move('pause', name, by, 'paused'),
    resume: async (name, by) => move('resume', name, by, 'open'),
    cancel: async (name, by) => move('cancel', name, by, 'dropped'),
    async review(name) {
      called('review', name)
      findEither(name)
      return {
        title: `Review of ${name}`,
        diff: 'diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n',
        changes: [{ path: 'x', kind: 'modified', insertions: 1, deletions: 1 }],
        proof: aProof(),
        asks: [],
      }
    },
    async accept(name, by) {
      called('accept', name, by)
      findEither(name)
    },
    async reject(name, comment, by) {
      called('reject', name, comment, by)
      findEither(name)
    },
    async take(name, by) {
      called('take', name, by)
      findTask(name)
      return { worktree: '/home/owner/.claw/worktrees/1-1' }
    },
    async give(name, by) {
      called('give', name, by)
      findTask(name)
    },
    async reprove(name) {
      called('reprove', name)
      findTask(name)
      const { results, passed, tree } = aProof()
      return { recorded: aProof(), again: { results, passed, tree } }
    },
    async undo(name, by) {
      called('undo', name, by)
      const { effects } = find(name)
      const landed = { branch: 'main', commit: 'e'.repeat(40), note: null }
      if (effects.length === 0) return { ...landed, ask: null, steps: null }
      return { ...landed, ask: 7, steps: effects.map(({ spec }, n) => `${n + 1}. ${spec.undo}`).join('\n') }
    },
    async report(name) {
      called('report', name)
      const { goal } = find(name)
      if (!isGoalEnded(goal.state)) throw new Fault('report_not_found', `Goal ${goal.number} has no report yet`)
      return { file: `/reports/${goal.number}.md`, markdown: `# Goal ${goal.number}\n\n${goal.text}\n` }
    },
  }
}
