import { describe, expect, test } from 'vitest'
import { Ask } from '../../../core/ask.ts'
import { Fault } from '../../../core/fault.ts'
import { Goal } from '../../../core/goal.ts'
import { Landing } from '../../../core/landing.ts'
import { Plan, PlannedTask } from '../../../core/plan.ts'
import { Proof } from '../../../core/proof.ts'
import { Run } from '../../../core/run.ts'
import { Task } from '../../../core/task.ts'
import { loadPrompts } from '../../../daemon/prompts/prompts.ts'
import { type ReportFacts, renderReport } from '../../../daemon/reports/report.ts'
import { createWriter } from '../../../daemon/reports/write-up.ts'
import { createFakeBrain } from '../brain/fake-brain.ts'
import { aPlan, aTask } from '../planning/plans.ts'

type Loose = Record<string, unknown>
const now = 10_000_000
const A = 'a'.repeat(40)
const B = 'b'.repeat(40)
const C = 'c'.repeat(40)

const goal = (over: Loose = {}) =>
  Goal.parse({
    id: 'goal_1',
    number: 12,
    text: 'Add rate limiting\nand tell me when it is up',
    branch: 'claw/12-add-rate-limiting',
    repositoryId: 'repo_1',
    targetBranch: 'main',
    baseCommit: A,
    land: 'merge',
    autonomy: 'auto',
    permissions: null,
    limits: { minutesMax: null, attemptsMax: 4, tokensMax: null, usdMax: null },
    agent: null,
    source: { surface: 'cli', from: null },
    state: 'met',
    quarantine: null,
    wakeAt: null,
    reportFile: null,
    outcome: null,
    createdAt: now - 125_000,
    endedAt: now,
    ...over,
  })

const task = (over: Loose = {}, spec: Loose = {}) =>
  Task.parse({
    id: 'task_1',
    goalId: 'goal_1',
    planId: 'plan_1',
    number: 1,
    spec: PlannedTask.parse(aTask({ title: 'Limit requests', ...spec })),
    state: 'done',
    baseCommit: A,
    commit: B,
    worktree: null,
    workFailures: 0,
    softFailures: 0,
    next: null,
    notBefore: null,
    reason: null,
    createdAt: 0,
    endedAt: now,
    ...over,
  })

const run = (over: Loose = {}) =>
  Run.parse({
    id: 'run_1',
    taskId: 'task_1',
    goalId: 'goal_1',
    attempt: 1,
    purpose: 'work',
    agent: 'codex',
    state: 'ended',
    outcome: 'done',
    failure: null,
    note: null,
    worktree: '/w',
    pid: null,
    pidStart: null,
    sessionId: null,
    turns: 1,
    commit: B,
    usage: { inputTokens: 1000, cachedTokens: 400, outputTokens: 50, usd: null },
    startedAt: now - 65_000,
    endedAt: now - 5_000,
    ...over,
  })

const result = (over: Loose = {}) => ({
  name: 'tests',
  command: 'npm test',
  kind: 'fails-before',
  exitCode: 0,
  timedOut: false,
  durationMs: 1234,
  passed: true,
  outputDigest: 'd',
  outputFile: null,
  tail: '',
  ...over,
})

const proof = (over: Loose = {}) =>
  Proof.parse({
    id: 'proof_1',
    kind: 'task',
    goalId: 'goal_1',
    taskId: 'task_1',
    runId: 'run_1',
    contract: { checks: [], overlay: [], footprint: [], sharedPaths: [] },
    base: A,
    commit: B,
    tree: C,
    results: [result()],
    setup: null,
    guards: [],
    review: null,
    passed: true,
    sandbox: 'bubblewrap',
    createdAt: 1,
    ...over,
  })

const landing = (over: Loose = {}) =>
  Landing.parse({
    id: 'landing_1',
    goalId: 'goal_1',
    taskId: null,
    state: 'landed',
    branch: 'main',
    onto: A,
    commit: B,
    merged: C,
    proofId: null,
    note: null,
    createdAt: 1,
    endedAt: 2,
    ...over,
  })

const ask = (over: Loose = {}) =>
  Ask.parse({
    id: 'ask_1',
    number: 42,
    kind: 'guard',
    goalId: 'goal_1',
    taskId: 'task_1',
    runId: null,
    question: 'Change package.json?',
    detail: '',
    choices: [{ id: 'yes', label: 'Allow it' }],
    freeText: true,
    fingerprint: null,
    state: 'answered',
    answer: { choice: 'yes', text: 'this once', by: 'cli', at: 3 },
    settledAt: 4,
    createdAt: 1,
    ...over,
  })

const plan = Plan.parse({
  id: 'plan_1',
  goalId: 'goal_1',
  version: 1,
  state: 'active',
  draft: aPlan({ summary: 'A token bucket.' }),
  author: 'x',
  request: [],
  reasons: [],
  baseline: [],
  baseCommit: A,
  createdAt: 1,
})

function report(over: Partial<ReportFacts> = {}): string {
  return renderReport({
    goal: goal(),
    plan,
    tasks: [task()],
    runs: [run()],
    proofs: [proof()],
    landings: [landing()],
    asks: [],
    now,
    ...over,
  })
}

/** The body under a heading, up to the next of its kind. */
function under(text: string, heading: string): string {
  return text.split('\n## ').find((part) => part.startsWith(`${heading}\n`)) ?? ''
}

test('a goal that was met says what there is now, where it is, and how to take it back', () => {
  const text = report()
  expect(text).toMatch(/^# Goal #12: Add rate limiting\n\n\*\*Met\.\*\* 1 of 1 task done\./)
  expect(under(text, 'What was asked')).toContain('> Add rate limiting\n> and tell me when it is up')
  expect(under(text, 'What there is now')).toMatch(
    /A token bucket\.[\s\S]*12\.1 Limit requests[\s\S]*It is on `main`, at `cccccccccccc`/,
  )
  expect(under(text, 'See and undo')).toContain('`claw undo 12`')
  expect(under(text, 'See and undo')).toContain(
    '`git diff --binary aaaaaaaaaaaa cccccccccccc | git apply --reverse --3way`',
  )
  expect(under(text, 'See and undo')).toContain('`claw proof 12.1`')
  expect(under(text, 'See and undo')).toContain('`claw review 12`')
  expect(under(text, 'Not done')).toBe('')
})

test('the proof is a table of what was run, and the landing proof counts over the task proof', () => {
  const merged = proof({
    id: 'proof_2',
    kind: 'landing',
    commit: C,
    results: [result({ durationMs: 9999 }), result({ name: 'types', command: 'a | b', kind: 'holds' })],
  })
  const tasks = under(report({ proofs: [proof(), merged] }), 'Tasks')
  expect(tasks).toContain('### 12.1 Limit requests: done')
  expect(tasks).toContain('Proof on the merged tree `cccccccccccc`: **passed**')
  expect(tasks).toContain('| tests | `npm test` | fails-before | 0 | 10.0 | yes |')
  expect(tasks).toContain('| types | `a \\| b` | holds | 0 | 1.2 | yes |')
})

test('a failed check, a time limit and a signal are told apart', () => {
  const results = [
    result({ name: 'one', exitCode: 3, passed: false }),
    result({ name: 'two', exitCode: null, timedOut: true, passed: false }),
    result({ name: 'three', exitCode: null, passed: false }),
  ]
  const tasks = under(
    report({ tasks: [task({ state: 'failed' })], proofs: [proof({ results, passed: false })] }),
    'Tasks',
  )
  expect(tasks).toMatch(/\| one .*\| 3 \|.*\*\*no\*\*/)
  expect(tasks).toMatch(/\| two .*\| time limit \|/)
  expect(tasks).toMatch(/\| three .*\| signal \|/)
  expect(tasks).toContain('**failed**')
})

test('what failed, was given up, blocks the landing or waits for the owner is listed as not done', () => {
  const text = report({
    goal: goal({ state: 'dropped', outcome: 'Given up by the owner.' }),
    tasks: [
      task(),
      task({ id: 'task_2', number: 2, state: 'failed', reason: 'the tests never passed', commit: null }),
      task({ id: 'task_3', number: 3, state: 'cancelled', commit: null }),
    ],
    landings: [landing({ state: 'blocked', merged: null, note: 'the work tree is dirty' })],
    asks: [ask({ state: 'open', answer: null, settledAt: null })],
  })
  expect(text).toMatch(/\*\*Dropped\.\*\* 1 of 3 tasks done\. Given up by the owner\./)
  const left = under(text, 'Not done')
  expect(left).toContain('12.2 Limit requests is failed: the tests never passed')
  expect(left).toContain('12.3 Limit requests is cancelled')
  expect(left).toContain('`main` was not moved (blocked): the work tree is dirty')
  expect(left).toContain('ask 42, Change package.json?')
  expect(under(text, 'What there is now')).toContain('`main` was not changed')
  expect(under(text, 'See and undo')).not.toContain('claw undo')
})

test('work kept as a branch says how to take it and how to throw it away', () => {
  const text = under(report({ landings: [] }), 'See and undo')
  expect(text).toContain('`git merge claw/12-add-rate-limiting`')
  expect(text).toContain('`git branch -D claw/12-add-rate-limiting`')
})

test('earlier attempts are listed with why they failed; a first that went well is one line', () => {
  expect(under(report(), 'Tasks')).toContain('Done by codex at the first attempt.')
  const runs = [
    run({ outcome: 'failed', failure: 'work', note: 'tests: 2 failing' }),
    run({ id: 'run_2', attempt: 2, agent: 'pi', purpose: 'reconcile' }),
  ]
  const tasks = under(report({ runs }), 'Tasks')
  expect(tasks).toContain('1. codex: failed, work failure: tests: 2 failing\n2. pi, to settle a conflict: done')
})

test('weakened tests and findings are told, and so is that nobody reviewed', () => {
  const guards = [{ guard: 'tests-weakened', level: 'note', path: 'tests/a.ts', detail: 'two assertions removed' }]
  const review = {
    reviewer: 'other model',
    summary: 'Fine but for one.',
    findings: [{ class: 'note', path: 'src/a.ts', detail: 'slow' }],
  }
  const tasks = under(report({ proofs: [proof({ guards, review })] }), 'Tasks')
  expect(tasks).toContain('- tests weakened (note) in `tests/a.ts`: two assertions removed')
  expect(tasks).toMatch(/Review by other model: Fine but for one\.\n\n- \*\*note\*\* `src\/a\.ts`: slow/)
  expect(under(report(), 'Tasks')).toContain('No reviewer read it.')
})

test('a set-up that failed is told as what it is, and no check as run', () => {
  const setup = { command: 'npm ci', exitCode: 1, tail: '', changedFiles: ['package-lock.json'] }
  const tasks = under(
    report({ tasks: [task({ state: 'failed' })], proofs: [proof({ setup, results: [], passed: false })] }),
    'Tasks',
  )
  expect(tasks).toMatch(/No check could run: .*`npm ci` \(exit 1\)\. The commit changes `package-lock\.json`\./)
})

test('a task without a proof never reads as proven', () => {
  const tasks = under(report({ tasks: [task({ state: 'failed' })], proofs: [] }), 'Tasks')
  expect(tasks).toContain('there is no proof')
  expect(tasks).not.toMatch(/passed/)
})

test('cost is summed per agent, unknown money is not zero, and time is told', () => {
  const usage = { inputTokens: 5, cachedTokens: 0, outputTokens: 5, usd: 0.125 }
  const runs = [run(), run({ id: 'run_2', attempt: 2 }), run({ id: 'run_3', agent: 'pi', usage })]
  const cost = under(report({ runs }), 'Cost and time')
  expect(cost).toContain('| codex | 2 | 2 min 0 s | 2000 | 800 | 100 | not reported |')
  expect(cost).toContain('| pi | 1 | 1 min 0 s | 5 | 0 | 5 | $0.13 |')
  expect(cost).toContain('2 min 5 s, waiting included')
})

test('work without a sandbox is said aloud', () => {
  expect(under(report(), 'How it was kept apart')).toBe('How it was kept apart\n\nChecks ran in: bubblewrap.\n')
  const text = under(report({ proofs: [proof(), proof({ sandbox: 'none' })] }), 'How it was kept apart')
  expect(text).toContain('1 of 2 proofs were made **without a sandbox**')
})

test("the owner's decisions are kept, with who made them", () => {
  expect(under(report({ asks: [ask()] }), 'What you decided')).toContain(
    'Change package.json? **Allow it: this once** (by cli)',
  )
})

test('what standing notes kept the work out of is said', () => {
  const draft = { ...plan.draft!, offLimits: ['CHANGELOG.md', 'docs/**'] }
  expect(under(report({ plan: { ...plan, draft } }), 'What you decided')).toContain(
    'Standing notes of yours kept the work out of `CHANGELOG.md`, `docs/**`.',
  )
})

test('the proof of the goal as a whole is shown', () => {
  const whole = proof({ id: 'proof_9', kind: 'landing', taskId: null, runId: null })
  expect(under(report({ proofs: [proof(), whole] }), 'The goal as a whole')).toContain('claw proof 12')
})

test('a goal that never got a plan still has a report', () => {
  const text = report({
    goal: goal({ state: 'dropped', baseCommit: null }),
    plan: null,
    tasks: [],
    runs: [],
    proofs: [],
    landings: [],
  })
  expect(text).toContain('Nothing was added')
  expect(text).not.toMatch(/undefined|null|NaN/)
})

describe('text of others cannot change the report', () => {
  test('neither by tables, nor HTML, nor links', () => {
    const title = 'x | y\n## Tasks <script>alert(1)</script> [click](http://evil)'
    const text = report({ tasks: [task({}, { title })], goal: goal({ text: '<img src=x>' }) })
    expect(text).not.toMatch(/<script|<img/)
    expect(text).toContain('x | y ## Tasks &lt;script>')
    expect(text).not.toMatch(/(^|[^\\])\[click\]/)
    expect(text.split('\n').filter((each) => each.startsWith('## Tasks'))).toEqual(['## Tasks'])
  })

  test('nor by length', () => {
    const guards = Array.from({ length: 5000 }, () => ({
      guard: 'secret',
      level: 'ask',
      path: 'p'.repeat(5000),
      detail: 'd'.repeat(5000),
    }))
    expect(report({ proofs: [proof({ guards })] }).length).toBeLessThan(60_000)
  })
})

test('a paragraph above the report comes from the brain, and its absence stops nothing', async () => {
  const prompts = loadPrompts()
  const input = { goalText: 'G', record: report() }
  const brain = createFakeBrain({ paragraph: ' It is up. ' }, new Fault('provider_limited', 'full'))
  const writer = createWriter({ brain, prompts })
  const words = await writer.writeUp(input)
  expect(words).toBe('It is up.')
  expect(report({ words })).toMatch(/task done\.\n\nIt is up\.\n/)
  expect(await writer.writeUp(input)).toBeNull()
  expect(await createWriter({ brain: null, prompts }).writeUp(input)).toBeNull()
})
