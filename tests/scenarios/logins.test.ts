import { expect, test } from 'vitest'
import { makeRepository } from '../fakes/repositories.ts'
import type { Script, Step } from '../fakes/scripted-agent.ts'
import { openRoom, plan, task } from './daemon-room.ts'
import { addGoal, aPlannedTask, createScene } from './harness.ts'

/** An agent with a login of its own: nothing that it asks its model passes through the gateway. */
const used = (inputTokens: number, outputTokens: number): Step => ({
  do: 'usage',
  usage: { inputTokens, outputTokens, cachedReadTokens: 50, totalTokens: inputTokens + outputTokens + 50 },
})
const cost = (amount: number): Step => ({
  do: 'update',
  update: { sessionUpdate: 'usage_update', used: 1, size: 2, cost: { amount, currency: 'USD' } },
})
const GOOD: Step = { do: 'write', path: 'a.txt', text: 'good\n' }
const BAD: Step = { do: 'write', path: 'a.txt', text: 'not yet\n' }

test('what an agent with a login of its own reports is in the ledger, by goal, task, agent and day, and in the report', async () => {
  const room = await openRoom()
  const turns: Script = {
    turns: [
      [BAD, cost(0.25), used(1_000, 100)],
      [GOOD, cost(0.75), used(2_000, 200)],
    ],
  }
  await room.add(plan([task('a', turns)]), makeRepository({ 'README.md': '# Hello\n' }))
  expect((await room.settled()).goal.state, room.picture()).toBe('met')
  const sum = {
    requests: 2,
    inputTokens: 3_100,
    cachedTokens: 100,
    outputTokens: 300,
    unpriced: 0,
    estimated: 0,
    usd: 0.75,
  }
  for (const [by, key] of [
    ['agent', 'scripted'],
    ['model', 'scripted login'],
    ['goal', '#1'],
    ['task', '1.1'],
  ] as const) {
    const { rows } = await room.daemon.cost({ by, goal: null })
    expect(rows, by).toEqual([expect.objectContaining({ key, ...sum })])
  }
  expect((await room.daemon.goals.report('1')).markdown).toMatch(/It came to .*3,400 tokens/)
})

test('one that reports nothing is counted at what it was asked at least, and that is said', async () => {
  const room = await openRoom()
  await room.add(plan([task('a', [GOOD])]), makeRepository({ 'README.md': '# Hello\n' }))
  expect((await room.settled()).goal.state, room.picture()).toBe('met')
  const { total } = await room.daemon.cost({ by: 'agent', goal: null })
  expect(total).toMatchObject({ requests: 1, estimated: 1, usd: null })
  expect(total.inputTokens).toBeGreaterThan(100)
})

test.each([
  ['usdMax', { usdMax: 0.5 }, 'Goal #1 has used its 0.50 USD. What now?'],
  ['tokensMax', { tokensMax: 1_100 }, 'Goal #1 has used its 1,100 tokens. What now?'],
] as const)(
  'its limit (%s) is looked at after each turn: no other begins, the work is kept, the owner is asked',
  async (_, limit, question) => {
    const room = await openRoom()
    const turns: Script = {
      turns: [
        [BAD, cost(0.5), used(1_000, 100)],
        [GOOD, used(1, 1)],
      ],
    }
    await room.add(plan([task('a', turns)]), makeRepository({ 'README.md': '# Hello\n' }), limit)
    const asked = await room.openAsk('limit')
    expect(asked.question).toBe(question)
    expect(asked.choices.map(({ id }) => id)).toEqual(['raise', 'finish', 'drop'])
    const waiting = await room.settled()
    expect(await room.alive()).toEqual([])
    const [run] = waiting.taskViews[0]!.runs
    expect(room.clone('show', `${run!.commit}:a.txt`)).toBe('not yet')
    expect((await room.daemon.cost({ by: 'goal', goal: null })).total.requests).toBe(1)
    await room.answer('limit', 'raise')
    expect((await room.settled()).goal.state, room.picture()).toBe('met')
  },
)

test('killed in the middle of a turn, what it was asked stays counted', async () => {
  await using scene = createScene()
  const life = scene.start()
  expect(await life.ready, life.words()).toBe(true)
  const steps: Step[] = [
    { do: 'write', path: 'half.txt', text: 'half\n' },
    { do: 'sleep', ms: 600_000 },
  ]
  await addGoal(life, scene, 'one', { tasks: [aPlannedTask('a', { steps })] })
  await life.until(({ type, data }) => type === 'run.updated' && (data as { kind: string }).kind === 'tool done')
  const rows = () => scene.rows<{ state: string; n: number }>('select state, inputTokens as n from spend order by id')
  expect(rows()).toEqual([{ state: 'reserved', n: expect.any(Number) }])
  await life.kill()
  const again = scene.start()
  expect(await again.ready, again.words()).toBe(true)
  const [first] = rows()
  expect(first?.state).toBe('estimated')
  expect(first?.n).toBeGreaterThan(100)
  await again.stop()
})
