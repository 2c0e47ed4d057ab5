import type { Ask } from '../../core/ask.ts'
import type { Goal } from '../../core/goal.ts'
import type { Plan } from '../../core/plan.ts'
import type { Proof } from '../../core/proof.ts'
import type { Run } from '../../core/run.ts'
import type { Task } from '../../core/task.ts'
import type { GoalView, TaskView } from '../../daemon/goals/views.ts'
import type { Health } from '../../daemon/health.ts'

/** Builders: a valid thing with what the test cares about laid over it. */

export const MORNING = Date.UTC(2026, 10, 23, 9)

export function aGoal(over: Partial<Goal> = {}): Goal {
  const number = over.number ?? 1
  return {
    id: `goal_${number}`,
    number,
    text: 'Add rate limiting',
    branch: `claw/${number}-add-rate-limiting`,
    repositoryId: 'repo_1',
    targetBranch: 'main',
    baseCommit: 'a'.repeat(40),
    land: 'branch',
    autonomy: 'auto',
    limits: { minutesMax: null, attemptsMax: 4, tokensMax: null, usdMax: null },
    agent: null,
    permissions: null,
    source: { surface: 'http', from: null },
    state: 'open',
    quarantine: null,
    wakeAt: null,
    reportFile: null,
    outcome: null,
    createdAt: MORNING,
    endedAt: null,
    ...over,
  }
}

export function aPlan(over: Partial<Plan> = {}): Plan {
  return {
    id: 'plan_1',
    goalId: 'goal_1',
    version: 1,
    state: 'active',
    draft: null,
    author: 'owner',
    request: [],
    reasons: [],
    baseline: [],
    baseCommit: null,
    createdAt: MORNING,
    ...over,
  }
}

export function aTask(over: Partial<Task> & { title?: string } = {}): Task {
  const { title = 'Write the limiter', ...rest } = over
  const number = rest.number ?? 1
  return {
    id: `task_${number}`,
    goalId: 'goal_1',
    planId: 'plan_1',
    number,
    spec: {
      key: `task-${number}`,
      title,
      kind: 'change',
      brief: title,
      needs: [],
      footprint: ['src/**'],
      checks: [],
      overlay: [],
      agent: null,
      credentials: [],
    },
    state: 'ready',
    baseCommit: null,
    commit: null,
    worktree: null,
    workFailures: 0,
    softFailures: 0,
    next: null,
    notBefore: null,
    reason: null,
    createdAt: MORNING,
    endedAt: null,
    ...rest,
  }
}

export function aRun(over: Partial<Run> = {}): Run {
  return {
    id: 'run_1',
    taskId: 'task_1',
    goalId: 'goal_1',
    attempt: 1,
    purpose: 'work',
    agent: 'pi',
    state: 'running',
    outcome: null,
    failure: null,
    note: null,
    worktree: '/tmp/worktree',
    pid: null,
    pidStart: null,
    sessionId: null,
    turns: 0,
    commit: null,
    usage: { inputTokens: 0, cachedTokens: 0, outputTokens: 0, usd: null },
    startedAt: MORNING,
    endedAt: null,
    ...over,
  }
}

export function aProof(over: Partial<Proof> = {}): Proof {
  return {
    id: 'proof_1',
    kind: 'task',
    goalId: 'goal_1',
    taskId: 'task_1',
    runId: 'run_1',
    contract: { checks: [], overlay: [], footprint: ['src/**'], sharedPaths: [] },
    base: 'a'.repeat(40),
    commit: 'b'.repeat(40),
    tree: 'c'.repeat(40),
    results: [
      {
        name: 'unit tests',
        command: 'npm test',
        kind: 'holds',
        exitCode: 0,
        timedOut: false,
        durationMs: 1234,
        passed: true,
        outputDigest: 'd'.repeat(64),
        outputFile: null,
        tail: 'ok',
      },
    ],
    guards: [],
    review: null,
    passed: true,
    sandbox: 'bubblewrap',
    setup: null,
    createdAt: MORNING,
    ...over,
  }
}

export function anAsk(over: Partial<Ask> = {}): Ask {
  const number = over.number ?? 1
  return {
    id: `ask_${number}`,
    number,
    kind: 'plan-approval',
    goalId: 'goal_1',
    taskId: null,
    runId: null,
    question: 'Is this plan right?',
    detail: '1. Write the limiter',
    choices: [
      { id: 'approve', label: 'Start the work' },
      { id: 'refuse', label: 'Give it up' },
    ],
    freeText: true,
    fingerprint: null,
    state: 'open',
    answer: null,
    settledAt: null,
    createdAt: MORNING,
    ...over,
  }
}

export function aTaskView(over: Partial<TaskView> & { task?: Task } = {}): TaskView {
  const task = over.task ?? aTask()
  return { label: `1.${task.number}`, task, runs: [], proofs: [], needs: [], ...over }
}

export function aGoalView(over: Partial<GoalView> = {}): GoalView {
  const goal = over.goal ?? aGoal()
  return {
    goal,
    status: 'working',
    words: 'working',
    repository: '/home/owner/shop',
    tasks: { total: 0, done: 0, running: 0, failed: 0 },
    openAsks: 0,
    plan: null,
    versions: [],
    taskViews: [],
    landings: [],
    proofs: [],
    asks: [],
    effects: [],
    usage: { inputTokens: 0, cachedTokens: 0, outputTokens: 0, usd: null },
    ...over,
  }
}

export function aHealth(over: Partial<Health> = {}): Health {
  return {
    version: '0.1.0',
    pid: 4711,
    startedAt: MORNING,
    home: '/home/owner/.claw',
    url: 'http://127.0.0.1:4711',
    node: 'v24.21.0',
    agents: [
      { name: 'pi', title: 'pi', found: true, installed: true, loggedIn: false, apis: ['anthropic'], words: '0.87.1' },
    ],
    brain: 'a model',
    model: 'm-1',
    upstreams: [],
    sandbox: { name: 'bubblewrap', words: 'works' },
    memory: 'not there yet',
    goals: { open: 1, waiting: 0 },
    runs: 0,
    ...over,
  }
}
