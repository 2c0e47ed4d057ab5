import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeRepository } from '../fakes/repositories.ts'
import { scriptModel } from '../fakes/script-model.ts'
import type { Script } from '../model-server/exchange.ts'
import { startModelServer } from '../model-server/model-server.ts'
import { fileAt, openRoom, plan, task } from './daemon-room.ts'

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
}, 120_000)

test('the owner’s key is nowhere that an agent can look: not in its environment, its files or on its wire', async () => {
  const seen: string[] = []
  const { room, server } = await openWithPi((request) => {
    // While it asks, the agent lives: this is what it could read of itself.
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const text = readFileSync(`/proc/${pid}/environ`, 'latin1')
        if (text.includes('CLAW_RUN_ID=run_') && text.includes(room.folder)) seen.push(text)
      } catch {
        // it has gone
      }
    }
    return priced(request)
  })
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  await room.add(plan([task('a')]), repository, { agent: 'pi' })
  expect((await room.settled()).goal.state, room.picture()).toBe('met')
  expect(seen.length).toBeGreaterThan(0)
  expect(seen.join('\n')).not.toContain(KEY)
  expect(
    server.requests
      .filter(({ api }) => api !== null)
      .every(({ headers }) => headers['authorization'] === `Bearer ${KEY}`),
  ).toBe(true)
  // The index of the memory may be compacting: a file that goes meanwhile is looked for and not found.
  const contents = readdirSync(room.paths.home, { recursive: true, encoding: 'utf8' })
    .map((name) => join(room.paths.home, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
    .flatMap((file) => {
      try {
        return [{ file, bytes: readFileSync(file) }]
      } catch {
        return []
      }
    })
  expect(contents.some(({ file }) => file.includes('wire'))).toBe(true)
  for (const { file, bytes } of contents) expect(bytes.includes(KEY), file).toBe(false)
  expect(room.log.join('\n')).not.toContain(KEY)
}, 120_000)
