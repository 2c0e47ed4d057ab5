import { expect, onTestFinished, test } from 'vitest'
import { makeRepository } from '../fakes/repositories.ts'
import { scriptedAgentFile } from '../fakes/scripted-agent.ts'
import { startModelServer } from '../model-server/model-server.ts'
import { fileAt, openRoom, plan, states, task } from './daemon-room.ts'

/** One task is done for 40 cents; the other one’s fourth request is one too many. Each request costs 20 cents. */
async function atTheLimit() {
  const usage = { inputTokens: 100_000, cachedTokens: 0, outputTokens: 100_000 }
  const server = await startModelServer({ script: () => ({ say: 'Yes.', usage }) })
  onTestFinished(() => server[Symbol.asyncDispose]())
  const room = await openRoom({
    env: { OWNER_KEY: 'not-a-key' },
    config: {
      model: { provider: 'openai-chat', model: 'scripted-model', baseUrl: `${server.url}/v1`, key: 'env:OWNER_KEY' },
      prices: { 'scripted-model': { input: 1, output: 1 } },
      brain: { review: false, agent: null },
      agents: {
        default: 'scripted',
        custom: { scripted: { command: [process.execPath, scriptedAgentFile], apis: ['openai-chat'] } },
      },
      runs: { max: 1 },
    },
  })
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  const both = plan([
    task('a', [
      { do: 'model', times: 2 },
      { do: 'write', path: 'a.txt', text: 'good\n' },
    ]),
    task(
      'b',
      [
        { do: 'model', times: 1 },
        { do: 'write', path: 'b.txt', text: 'half\n' },
        { do: 'model', times: 3 },
        { do: 'write', path: 'b.txt', text: 'good\n' },
      ],
      { needs: ['a'] },
    ),
  ])
  await room.add(both, repository, { usdMax: 1 })
  const ask = await room.openAsk('limit')
  return { room, repository, server, ask, waiting: await room.settled() }
}

test('at 80 percent there is a notice; at 100 nothing more is forwarded, the run has ended, its work is kept and the owner is asked', async () => {
  const { room, server, ask, waiting } = await atTheLimit()
  const events = await room.events()
  expect(events.find(({ type }) => type === 'limit.noticed')?.data).toMatchObject({ used: '0.80 USD', percent: 80 })
  expect(events.filter(({ type }) => type === 'limit.reached')).toHaveLength(1)
  expect(server.requests.filter(({ api }) => api !== null)).toHaveLength(5)
  expect(ask).toMatchObject({ question: 'Goal #1 has used its 1.00 USD. What now?' })
  expect(ask.choices.map(({ id }) => id)).toEqual(['raise', 'finish', 'drop'])
  expect(await room.alive()).toEqual([])
  expect(states(waiting)).toEqual(['done', 'ready'])
  const run = waiting.taskViews[1]!.runs.at(-1)!
  expect(run).toMatchObject({ state: 'ended', outcome: 'stopped', note: 'limit' })
  expect(room.clone('show', `${run.commit}:b.txt`)).toBe('half')
})

test('finished as it is, what is done lands and the rest is given up', async () => {
  const { room, repository } = await atTheLimit()
  await room.answer('limit', 'finish')
  const view = await room.settled()
  expect(view.goal.outcome, room.picture()).toBe('1 of 2 tasks done, on main')
  expect(states(view)).toEqual(['done', 'cancelled'])
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
  expect(fileAt(repository, 'main', 'b.txt')).toBeUndefined()
})

test('dropped, nothing lands, and what was done can still be had', async () => {
  const { room, repository, waiting } = await atTheLimit()
  await room.answer('limit', 'drop')
  expect((await room.settled()).goal.state).toBe('dropped')
  expect(fileAt(repository, 'main', 'a.txt')).toBeUndefined()
  const { commit } = waiting.taskViews[1]!.runs.at(-1)!
  expect(room.clone('for-each-ref', '--points-at', commit!, '--format=%(refname)')).toContain('refs/claw/preserved/')
})

test('raised, it goes on where it was', async () => {
  const { room, repository } = await atTheLimit()
  await room.answer('limit', 'raise')
  expect((await room.settled()).goal.state, room.picture()).toBe('met')
  expect(fileAt(repository, 'main', 'b.txt')).toBe('good\n')
})
