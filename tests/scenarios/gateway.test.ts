import { expect, onTestFinished, test } from 'vitest'
import { makeRepository } from '../fakes/repositories.ts'
import { scriptModel } from '../fakes/script-model.ts'
import type { Script } from '../model-server/exchange.ts'
import { startModelServer } from '../model-server/model-server.ts'
import { fileAt, openRoom, plan, task } from './daemon-room.ts'
import { huntForKey } from './key-hunt.ts'

const KEY = 'sk-the-owners-own-key-7f3a'
const USAGE = { inputTokens: 900_000, cachedTokens: 0, outputTokens: 100_000 }

/** A real pi whose model does what the brief's script says; each request costs one dollar. */
async function openWithPi(script: Script, config: object = {}) {
  const server = await startModelServer({ script })
  onTestFinished(() => server[Symbol.asyncDispose]())
  const room = await openRoom({
    env: { OWNER_KEY: KEY },
    config: {
      model: { provider: 'openai-chat', model: 'scripted-model', baseUrl: server.url, key: 'env:OWNER_KEY' },
      brain: { review: false, agent: null },
      prices: { 'scripted-model': { input: 1, output: 1 } },
      agents: { default: 'pi', custom: {} },
      ...config,
    },
  })
  return { server, room }
}

const priced: Script = async (request) => {
  const answer = await scriptModel(request)
  return answer && { ...answer, usage: USAGE }
}

test('at its limit a run is stopped, the owner is asked, and a raised goal goes on to its end', async () => {
  const { room, server } = await openWithPi(priced)
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  await room.add(plan([task('a')]), repository, { agent: 'pi', usdMax: 0.5 })
  const asked = await room.openAsk('limit')
  expect(asked.question).toBe('Goal #1 has used its 0.50 USD. What now?')
  const waiting = await room.settled()
  expect(waiting.taskViews[0]!.task.state).toBe('ready')
  expect(await room.alive()).toEqual([])
  const before = server.requests.filter(({ api }) => api !== null).length
  expect(before).toBe(1)
  await room.answer('limit', 'raise')
  for (let n = 0; n < 6 && (await room.settled()).goal.state === 'open'; n++) {
    if ((await room.daemon.inbox.list()).some(({ kind }) => kind === 'limit')) await room.answer('limit', 'raise')
  }
  const view = await room.settled()
  expect(view.goal.state, room.picture()).toBe('met')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
  const { markdown } = await room.daemon.goals.report('1')
  expect(markdown).toMatch(/Estimated: about .* It came to \d+\.00 USD/)
  const { total } = await room.daemon.cost({ by: 'task', goal: '1' })
  const served = server.requests.filter(({ api, status }) => api !== null && status === 200).length
  expect(total).toMatchObject({
    requests: served,
    usd: served,
    inputTokens: served * 900_000,
    unpriced: 0,
    estimated: 0,
  })
  const { rows } = await room.daemon.cost({ by: 'run', goal: '1' })
  const runs = view.taskViews[0]!.runs.map(({ attempt }) => `1.1.${attempt}`)
  expect(rows.map(({ key }) => key).filter((key) => key !== '-')).toEqual(runs.toReversed())
  expect(rows.reduce((sum, row) => sum + row.requests, 0)).toBe(served)
}, 120_000)

test('the owner’s key is nowhere that an agent can look: not in its environment, its files or on its wire', async () => {
  await huntForKey('pi', 'openai-chat')
}, 120_000)
