import { expect, test } from 'vitest'
import { OWNER_TOOLS, RUN_TOOLS } from '../../tools/index.ts'
import { TOKEN } from '../fakes/fake-app.ts'
import { addTwoGoals, openMcpPlace, wordsOf } from '../fakes/mcp-place.ts'
import { aGoal, aGoalView, anAsk, aPlan, aProof, aRun, aTask, aTaskView } from '../fakes/views.ts'

/** A goal with all that tools show: a plan, a task with an attempt and a proof, an open ask, a report. */
async function aDay() {
  const place = await openMcpPlace()
  const task = aTask()
  const draft = {
    summary: 'Limit, then test',
    tasks: [
      {
        ...task.spec,
        checks: [{ name: 'unit', command: 'npm test', kind: 'holds' as const, timeoutSeconds: 300, network: false }],
      },
    ],
    sharedPaths: [],
    checks: [],
    questions: ['Per user or per address?'],
  }
  place.goals.put(
    aGoalView({
      plan: aPlan({ draft }),
      versions: [{ version: 1, state: 'active', reasons: [], author: 'owner' }],
      taskViews: [
        aTaskView({ task, runs: [aRun({ state: 'ended', outcome: 'done', note: 'did it' })], proofs: [aProof()] }),
      ],
      asks: [anAsk()],
      openAsks: 1,
    }),
  )
  place.goals.put(
    aGoalView({ goal: aGoal({ id: 'goal_2', number: 2, state: 'met', reportFile: '/reports/2.md' }), status: 'met' }),
  )
  place.inbox.put(anAsk())
  await place.memory.remember({
    text: 'Tests need Redis on 6380',
    kind: 'fact',
    scope: 'repo:repo_1',
    source: { from: 'owner', ref: null },
    by: 'test',
  })
  await place.schedules.add({
    name: 'weekly',
    when: { text: 'every monday at 9' },
    goal: { text: 'Look at the issues' },
  })
  await place.schedules.add({ name: 'nightly', when: { text: 'every day at 3' }, goal: { text: 'Update packages' } })
  await place.schedules.pause('nightly', 'test')
  return place
}

/** Every tool of the owner's: a call, what the model reads, what a program reads. */
const CALLS: Record<string, [input: object, words: string, data: object]> = {
  add_goal: [
    { text: 'Add rate limiting', repo: '/srv/shop', key: 'k' },
    'Added. #3 Add rate limiting',
    { goal: 3, status: 'planning' },
  ],
  list_goals: [{}, '#1 Add rate limiting: working', { goals: [{ goal: 1 }], next: null }],
  show_goal: [
    { goal: '1' },
    '1.1 Write the limiter: ready',
    { goal: 1, state: 'open', taskList: [{ task: '1.1' }], asks: [{ ask: 1 }] },
  ],
  watch_goal: [{ goal: '2', waitSeconds: 0 }, 'It has ended', { goal: 2, ended: true, cursor: 0 }],
  steer_goal: [{ goal: '1', text: 'Per address' }, 'The planner has it', { passedTo: 'planner' }],
  pause_goal: [{ goal: '1' }, '#1', { goal: 1, status: 'paused' }],
  resume_goal: [{ goal: '1' }, '#1', { goal: 1, status: 'working' }],
  cancel_goal: [{ goal: '1' }, '#1', { goal: 1, status: 'dropped' }],
  undo_goal: [{ goal: '2' }, 'Reverted on main', { branch: 'main' }],
  show_plan: [
    { goal: '1' },
    'Per user or per address?',
    { version: 1, tasks: [{ key: 'task-1', checks: [{ command: 'npm test' }] }] },
  ],
  show_task: [
    { task: '1.1' },
    'attempt 1 by pi (work): done: did it',
    { task: '1.1', attempts: [{ outcome: 'done' }], proofs: [{ proof: 'proof_1' }] },
  ],
  show_proof: [{ proof: 'proof_1' }, 'unit tests `npm test`: passed', { proof: 'proof_1', passed: true }],
  review_work: [{ what: '1.1' }, '+new', { changes: [{ path: 'x' }], nextOffset: null }],
  accept_work: [{ what: '1.1' }, 'Accepted: 1.1', { accepted: '1.1' }],
  reject_work: [{ what: '1.1', comment: 'No test' }, 'Sent back: 1.1', { rejected: '1.1' }],
  take_task: [
    { task: '1.1' },
    'work in /home/owner/.claw/worktrees/1-1',
    { worktree: '/home/owner/.claw/worktrees/1-1' },
  ],
  give_task: [{ task: '1.1' }, '1.1 Write the limiter', { task: '1.1' }],
  list_inbox: [{}, 'Is this plan right?', { asks: [{ ask: 1, choices: [{ id: 'approve' }, { id: 'refuse' }] }] }],
  answer_ask: [
    { ask: '1', choice: 'approve' },
    'answered approve',
    { ask: 1, answer: { choice: 'approve', by: 'mcp' } },
  ],
  show_report: [{ goal: '2' }, '# Goal 2', { file: '/reports/2.md' }],
  preview_schedule: [
    { when: 'every day at 8', text: 'Write the digest' },
    'not kept: every day at 8',
    { schedule: 0, timezone: 'UTC', text: 'Write the digest' },
  ],
  add_schedule: [
    { when: 'every day at 8', text: 'Write the digest', name: 'digest', key: 'k' },
    'Added. schedule 3 digest: every day at 8, active',
    { schedule: 3, name: 'digest', state: 'active', last: null },
  ],
  list_schedules: [
    {},
    'schedule 1 weekly: every monday at 9, active',
    { schedules: [{ name: 'weekly' }, { name: 'nightly' }] },
  ],
  pause_schedule: [{ schedule: 'weekly' }, 'schedule 1 weekly: every monday at 9, paused', { state: 'paused' }],
  resume_schedule: [{ schedule: '2' }, 'schedule 2 nightly: every day at 3, active', { state: 'active' }],
  run_schedule: [{ schedule: 'weekly' }, 'Fired. schedule 1 weekly', { schedule: 1, last: { state: 'due' } }],
  remove_schedule: [{ schedule: 'weekly' }, 'schedule 1 weekly: every monday at 9, removed', { state: 'removed' }],
  recall: [{ query: 'which Redis' }, '[note_1]', { passages: [{ noteId: 'note_1', trusted: true }] }],
  remember: [{ text: 'The owner likes short names', kind: 'preference' }, 'Kept. (note_2)', { became: 'added' }],
  forget: [{ note: 'note_1' }, 'Forgotten: note_1', { forgotten: 'note_1' }],
  list_notes: [{}, 'note_1 fact in repo:repo_1', { notes: [{ noteId: 'note_1' }], next: null }],
  show_note: [{ note: 'note_1' }, 'Tests need Redis on 6380', { markdown: 'Tests need Redis on 6380' }],
  show_status: [{}, 'agent pi: 0.87.1', { runs: 0, agents: [{ name: 'pi' }] }],
}

test('every tool of the owner’s is called here', () => {
  expect(Object.keys(CALLS).sort()).toEqual(OWNER_TOOLS.map(({ name }) => name).sort())
})

test.each(OWNER_TOOLS.map(({ name }) => name))('%s answers in words and in data, in both eras', async (name) => {
  const [input, words, data] = CALLS[name]!
  for (const era of ['modern', 'legacy'] as const) {
    await using place = await aDay()
    const client = await place.connect(TOKEN, { era })
    const result = await client.callTool({ name, arguments: input as Record<string, unknown> })
    expect(wordsOf(result)).toContain(words)
    expect(result.structuredContent).toMatchObject(data)
    expect(result.isError ?? false).toBe(false)
  }
})

test.each(OWNER_TOOLS.map(({ name }) => name))('%s does not exist for a run', async (name) => {
  await using place = await aDay()
  await addTwoGoals(place)
  const client = await place.connect(place.runToken('run_11'))
  const before = place.goals.calls.length
  const isOwn = RUN_TOOLS.some((tool) => tool.name === name)
  if (isOwn) {
    // The run has a tool of that name of its own, bound to its task: what is the owner's alone is refused.
    const result = await client.callTool({
      name,
      arguments: { ...CALLS[name]![0], scope: 'global' } as Record<string, unknown>,
    })
    expect(result.isError).toBe(true)
    expect(wordsOf(result)).toContain('unknown key "scope"')
  } else {
    await expect(client.callTool({ name, arguments: CALLS[name]![0] as Record<string, unknown> })).rejects.toThrow(
      'not found',
    )
  }
  expect(place.goals.calls.length).toBe(before)
})

test.each(OWNER_TOOLS.filter(({ readOnly }) => !readOnly).map(({ name }) => name))(
  '%s does not exist for a token that may only read',
  async (name) => {
    await using place = await aDay()
    const { secret } = await place.tokens.create({ name: 'phone', scopes: ['read'], days: null })
    const client = await place.connect(secret)
    const before = place.goals.calls.length
    await expect(client.callTool({ name, arguments: CALLS[name]![0] as Record<string, unknown> })).rejects.toThrow(
      'not found',
    )
    expect(place.goals.calls.length).toBe(before)
    expect((await client.listTools()).tools.every(({ annotations }) => annotations?.readOnlyHint)).toBe(true)
  },
)

test('without memory the tools that need it are not listed', async () => {
  await using place = await openMcpPlace({ hasMemory: false })
  const { tools } = await (await place.connect(TOKEN)).listTools()
  const needing = OWNER_TOOLS.filter(({ needs }) => needs === 'memory').map(({ name }) => name)
  expect(needing.length).toBe(5)
  expect(tools.map(({ name }) => name)).toEqual(
    OWNER_TOOLS.map(({ name }) => name).filter((name) => !needing.includes(name)),
  )
})

test('a fault reaches the model as words with a hint, a bug as an id and nothing more', async () => {
  await using place = await aDay()
  const client = await place.connect(TOKEN)
  const missing = await client.callTool({ name: 'show_goal', arguments: { goal: '77' } })
  expect([missing.isError, wordsOf(missing)]).toEqual([true, expect.stringContaining('goal_not_found')])
  place.goals.failNext(new Error('secret detail'))
  const bug = await client.callTool({ name: 'list_goals', arguments: {} })
  expect(wordsOf(bug)).toMatch(/bug_[0-9a-f]{12}/)
  expect(wordsOf(bug)).not.toContain('secret detail')
})

test('a misspelt key is refused with the nearest there is', async () => {
  await using place = await aDay()
  const result = await (await place.connect(TOKEN)).callTool({ name: 'add_goal', arguments: { text: 'x', brnch: 'y' } })
  expect([result.isError, wordsOf(result)]).toEqual([true, expect.stringContaining('did you mean "branch"?')])
  expect(place.goals.calls.some(([verb]) => verb === 'add')).toBe(false)
})

test.each([
  ['show_goal', { goal: 1 }],
  ['review_work', { what: 1 }],
  ['answer_ask', { ask: 1, choice: 'approve' }],
  ['run_schedule', { schedule: 1 }],
])('%s takes the number as answers hold it', async (name, input) => {
  await using place = await aDay()
  const result = await (await place.connect(TOKEN)).callTool({ name, arguments: input })
  expect([result.isError ?? false, wordsOf(result)]).toEqual([false, expect.any(String)])
})

test('a label is never taken as a number: 12.10 would have become 12.1', async () => {
  await using place = await aDay()
  const client = await place.connect(TOKEN)
  for (const call of [
    { name: 'show_task', arguments: { task: 1.1 } },
    { name: 'review_work', arguments: { what: 1.1 } },
  ]) {
    const result = await client.callTool(call)
    expect([result.isError, wordsOf(result)]).toEqual([true, expect.stringContaining('expected string')])
  }
})

test('the schemas that clients see know one type at a time', async () => {
  await using place = await aDay()
  await addTwoGoals(place)
  for (const token of [TOKEN, place.runToken('run_11')]) {
    const { tools } = await (await place.connect(token)).listTools()
    expect(tools.length).toBeGreaterThan(5)
    expect(JSON.stringify(tools.map(({ inputSchema, outputSchema }) => [inputSchema, outputSchema]))).not.toContain(
      '"type":[',
    )
  }
})

test('a schedule has one thing that sets it off', async () => {
  await using place = await aDay()
  const client = await place.connect(TOKEN)
  for (const name of ['preview_schedule', 'add_schedule']) {
    for (const when of [{}, { when: 'every day', afterGoal: '1' }]) {
      const result = await client.callTool({ name, arguments: { ...when, text: 'x' } })
      expect([result.isError, wordsOf(result)]).toEqual([true, expect.stringContaining('exactly one of when')])
    }
  }
  const odd = await client.callTool({ name: 'add_schedule', arguments: { when: 'every blue moon', text: 'x' } })
  expect([odd.isError, wordsOf(odd)]).toEqual([true, expect.stringContaining('blue moon')])
  expect(await place.schedules.list({ state: 'all' })).toHaveLength(2)
})

test('the same key gives the same goal', async () => {
  await using place = await aDay()
  const client = await place.connect(TOKEN)
  const call = () => client.callTool({ name: 'add_goal', arguments: { text: 'x', key: 'once' } })
  expect([await call(), await call()].map((result) => (result.structuredContent as { goal: number }).goal)).toEqual([
    3, 3,
  ])
})

test('control characters in what agents wrote do not reach the client as words', async () => {
  await using place = await aDay()
  place.inbox.put(anAsk({ number: 9, question: 'Red\u001b[31m?\u202e' }))
  const result = await (await place.connect(TOKEN)).callTool({ name: 'list_inbox', arguments: {} })
  expect(wordsOf(result)).toContain('? 9 Red')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  expect(wordsOf(result)).not.toMatch(/[\u001b\u202e]/)
})
