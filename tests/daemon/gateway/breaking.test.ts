import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { createLedger } from '../../../daemon/gateway/ledger.ts'
import { keepLostSpend, sumSpend } from '../../../daemon/store/ledger-rows.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import { addAGoal, chat, openRoom, PROVIDER_KEY } from './a-gateway.ts'

const PROCESS = fileURLToPath(new URL('./gateway-process.ts', import.meta.url))

test('killed between the spending and the record, the ledger says more than was spent, never less', async () => {
  const arrived = Promise.withResolvers<void>()
  const served = { inputTokens: 30, cachedTokens: 0, outputTokens: 50 }
  let asked = 0
  await using room = await openRoom({
    async script() {
      if (++asked <= 2) return { say: 'done', usage: served }
      arrived.resolve()
      // The model has worked and will be paid; the answer is on its way when the power goes.
      return { say: 'words '.repeat(200), slowMs: 5, usage: served }
    },
  })
  const file = join(room.dir, 'killed.db')
  {
    await using store = openSqliteStore(file)
    await addAGoal(store)
  }
  const child = spawn(process.execPath, [PROCESS, file, room.server.url], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    const granted = { model: JSON.parse(line) }
    for (let i = 0; i < 2; i++) await (await chat(granted, { body: { max_tokens: 60 } })).text()
    const last = chat(granted, { body: { max_tokens: 60, stream: true } }).then((response) => response.text())
    const cut = last.catch(() => 'cut')
    await arrived.promise
    child.kill('SIGKILL')
    await cut
  } finally {
    child.kill('SIGKILL')
  }
  await using store = openSqliteStore(file)
  const before = await store.db.selectFrom('spend').selectAll().orderBy('id').execute()
  expect(before).toHaveLength(3)
  expect(before[2]).toMatchObject({ state: 'reserved', outputTokens: 60 })
  const kept = await store.transaction((tx) => keepLostSpend(tx, 1))
  expect(kept).toBeGreaterThanOrEqual(1)
  const { tokens } = await sumSpend(store.db, { goalId: 'goal_1' })
  expect(tokens).toBeGreaterThanOrEqual(3 * 80)
})

test('wherever the store fails, nothing leaves that was not written down first', async () => {
  await using room = await openRoom()
  using granted = room.grant()
  const real = room.store.transaction
  const store = room.store as { transaction: typeof real }
  store.transaction = async () => {
    throw new Error('no room on the disk')
  }
  expect((await chat(granted)).status).toBe(503)
  expect(room.server.requests).toEqual([])
  store.transaction = real
  expect((await chat(granted)).status).toBe(200)
})

test('one row that cannot be written does not take the others of its commit with it', async () => {
  await using room = await openRoom()
  const ledger = createLedger({ store: room.store, world: { clock: systemClock, log: silentLog } })
  const row = {
    at: 1,
    day: '2026-11-23',
    taskId: null,
    runId: null,
    agent: 'a',
    purpose: 'w',
    upstream: 'u',
    api: 'x',
    model: 'm',
    inputTokens: 1,
    cachedTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 1,
    reasoningTokens: 0,
    usd: null,
  }
  const [bad, good] = await Promise.allSettled([
    ledger.reserve({ ...row, goalId: 'goal_that_is_not' }),
    ledger.reserve({ ...row, goalId: room.goal.id }),
  ])
  expect([bad?.status, good?.status]).toEqual(['rejected', 'fulfilled'])
  expect(await room.spend()).toHaveLength(1)
})

test('a caller that goes away ends the provider’s work too, and what was seen of it is counted', async () => {
  await using room = await openRoom({ script: () => ({ say: 'word '.repeat(500), slowMs: 20 }) })
  using granted = room.grant()
  const leaving = new AbortController()
  const response = await chat(granted, {
    body: { stream: true, stream_options: { include_usage: true }, max_tokens: 400 },
    signal: leaving.signal,
  })
  const reader = response.body!.getReader()
  await reader.read()
  leaving.abort()
  await expect(reader.read()).rejects.toThrow()
  await expect.poll(() => room.gateway.upstreams()[0]!.inFlight).toBe(0)
  const [row] = await room.spend()
  expect(row).toMatchObject({ state: 'estimated', status: 200 })
  expect(row!.outputTokens).toBeGreaterThan(0)
  expect(row!.outputTokens).toBeLessThanOrEqual(400)
})

test('an answer that breaks off is broken off for the caller as well', async () => {
  await using room = await openRoom({ script: () => ({ say: 'a b c d e f g h', cut: true }) })
  using granted = room.grant()
  const stream = await chat(granted, { body: { stream: true, stream_options: { include_usage: true } } })
  await expect(stream.text()).rejects.toThrow()
  const [row] = await room.spend()
  expect(row).toMatchObject({ state: 'estimated', usd: null })
  expect(row!.inputTokens + row!.outputTokens).toBeGreaterThan(100)
})

test('a caller that goes away while its request is held leaves nothing behind', async () => {
  const clock = createFakeClock(Date.now())
  await using room = await openRoom({ clock, script: () => ({ error: { status: 429, retryAfter: 30 } }) })
  using granted = room.grant()
  const leaving = new AbortController()
  const waiting = chat(granted, { signal: leaving.signal }).catch(() => 'gone')
  await expect.poll(() => room.gateway.pausedUntil('model')).toBeDefined()
  leaving.abort()
  expect(await waiting).toBe('gone')
  await clock.advance(30_000)
  expect(room.server.requests).toHaveLength(1)
  expect((await room.spend()).map(({ state }) => state)).toEqual(['void'])
})

test('traces hold what was asked and answered, cut to size and without secrets', async () => {
  await using room = await openRoom({
    config: 'gateway: {traces: true, traceMaxKb: 1}',
    redact: (text) => text.replaceAll('hunter2', '[secret]'),
    script: () => ({ say: `the answer is hunter2 ${'x'.repeat(5000)}` }),
  })
  using granted = room.grant()
  await (await chat(granted, { body: { messages: [{ role: 'user', content: 'my word is hunter2' }] } })).text()
  const dir = join(room.dir, 'traces')
  await expect.poll(() => readdirSync(room.dir).includes('traces') && readdirSync(dir).length).toBe(1)
  await expect.poll(() => readFileSync(join(dir, 'pi.jsonl'), 'utf8').endsWith('\n')).toBe(true)
  const text = readFileSync(join(dir, 'pi.jsonl'), 'utf8')
  const line = JSON.parse(text)
  expect(line).toMatchObject({ goalId: room.goal.id, model: 'scripted-model', status: 200, upstream: 'model' })
  expect(line.request).toContain('my word is [secret]')
  expect(line.answer).toContain('the answer is [secret]')
  expect(line.answer.length).toBeLessThanOrEqual(1024)
  for (const secret of ['hunter2', PROVIDER_KEY, granted.model.key]) expect(text).not.toContain(secret)
})
