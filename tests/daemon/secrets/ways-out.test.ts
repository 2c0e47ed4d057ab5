import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { Fault } from '../../../core/fault.ts'
import { createRedactor } from '../../../core/redact.ts'
import { silentLog } from '../../../core/world.ts'
import { openWireLog } from '../../../daemon/agents/wire-log.ts'
import { createEventWriter } from '../../../daemon/orchestrator/event-writer.ts'
import { createCleanUpdates } from '../../../daemon/runs/clean-updates.ts'
import { listEvents } from '../../../daemon/store/rows.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'
import { createFakeApp } from '../../fakes/fake-app.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'

/** One secret, on every way out of the daemon. */
const SECRET = 'planted/"Secret"+value&1'
const forms = [
  SECRET,
  JSON.stringify(SECRET).slice(1, -1),
  encodeURIComponent(SECRET),
  Buffer.from(SECRET).toString('base64'),
  Buffer.from(SECRET).toString('hex'),
]
const all = forms.join(' ')
const redactor = createRedactor(() => [SECRET])

function expectClean(text: string): void {
  for (const form of forms) expect(text).not.toContain(form)
  expect(text).toContain('[secret]')
}

function aFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'claw-ways-out-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

test('no row takes it in, whichever column it comes by, and JSON stays JSON', async () => {
  const file = join(aFolder(), 'claw.db')
  const digits = createRedactor(() => [SECRET, '17638871'])
  await using store = openSqliteStore(file, { redactor: digits })
  const writer = createEventWriter({ store, world: { clock: createFakeClock(), log: silentLog } })
  writer.write({ type: 'run.updated', data: { kind: 'text', text: all } })
  writer.write({ type: 'upstream.paused', data: { upstream: 'a', until: 17638871_000, why: 'until 17638871' } })
  await writer.flush()
  const events = await listEvents(store.db, { after: 0, limit: 10 })
  expectClean(JSON.stringify(events[0]))
  expect(events[1]?.data).toEqual({ upstream: 'a', until: 17638871_000, why: 'until [secret]' })
  const database = new DatabaseSync(file)
  expect(JSON.stringify(database.prepare('select * from event').all())).not.toContain('planted')
  database.close()
})

test('a secret that an agent says in pieces is in no event, and the words around it keep their order', () => {
  const updates = createCleanUpdates(redactor)
  const said = ['The key is ', ...SECRET, ', and that is all', ' p'].flatMap((text) =>
    updates.add({ kind: 'text', text }),
  )
  const tool = updates.add({ kind: 'notice', text: 'a notice' })
  expect(said.map((update) => 'text' in update && update.text).join('')).toBe('The key is [secret], and that is all ')
  expect(tool).toEqual([
    { kind: 'text', text: 'p' },
    { kind: 'notice', text: 'a notice' },
  ])
  updates.add({ kind: 'thought', text: 'plan' })
  expect(updates.end()).toEqual([{ kind: 'thought', text: 'plan' }])
  expect(updates.end()).toEqual([])
})

test('the kept wire of an agent is clean', async () => {
  const file = join(aFolder(), 'run.wire')
  const log = openWireLog(file, 1_000_000, redactor.text)
  await log.add('<', JSON.stringify({ params: { text: all } }))
  await log.close()
  expectClean(readFileSync(file, 'utf8'))
})

test('a fault that names it leaves over HTTP without it', async () => {
  const { call } = createFakeApp({
    redactor,
    getProof: async () => {
      throw new Fault('proof_not_found', `There is no proof ${all}`, { hint: SECRET, details: { at: SECRET } })
    },
  })
  const answer = await call('/v1/proofs/x')
  const text = await answer.text()
  expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'application/problem+json'])
  expectClean(text)
  expect(JSON.parse(text)).toMatchObject({ code: 'proof_not_found', hint: '[secret]', details: { at: '[secret]' } })
})

test('the output of a check leaves without it, wherever its pieces are cut', async () => {
  const bytes = Buffer.from(`ünits ${all} ünd\n`)
  for (const size of [1, 5, 64]) {
    const { call } = createFakeApp({
      redactor,
      readOutput: async () =>
        new ReadableStream({
          start(to) {
            for (let at = 0; at < bytes.length; at += size) to.enqueue(new Uint8Array(bytes.subarray(at, at + size)))
            to.close()
          },
        }),
    })
    const text = await (await call(`/v1/outputs/${'d'.repeat(64)}`)).text()
    expectClean(text)
    expect(text.startsWith('ünits ') && text.endsWith(' ünd\n')).toBe(true)
  }
})

test('what a tool answers over MCP leaves without it', async () => {
  const { call } = createFakeApp({
    redactor,
    mcp: {
      handle: async () => Response.json({ jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text', text: all }] } }),
    } as never,
  })
  const text = await (await call('/mcp', { json: {} })).text()
  expectClean(text)
  expect(JSON.parse(text)).toMatchObject({ jsonrpc: '2.0', id: 1 })
})

test('an event from before the secret was known leaves the stream without it, and at once', async () => {
  const { call, events, closing } = createFakeApp({ redactor })
  events.add('run.updated', { kind: 'text', text: all })
  const answer = await call('/v1/events?after=0', { headers: { accept: 'text/event-stream' } })
  const reader = answer.body!.getReader()
  let text = ''
  while (!text.includes('run.updated') || !text.endsWith('\n\n'))
    text += new TextDecoder().decode((await reader.read()).value)
  expectClean(text)
  closing.abort()
  await reader.cancel()
})
