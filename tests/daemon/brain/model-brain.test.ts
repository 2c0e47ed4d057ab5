import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { systemClock } from '../../../core/clock.ts'
import { isFault } from '../../../core/fault.ts'
import { silentLog } from '../../../core/world.ts'
import type { Question } from '../../../daemon/brain/brain.ts'
import type { ModelBrainConfig } from '../../../daemon/brain/brain-wire.ts'
import { createModelBrain, type ModelBrainDeps } from '../../../daemon/brain/model-brain.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'
import type { Script } from '../../model-server/exchange.ts'
import { startModelServer } from '../../model-server/model-server.ts'

const Verdict = z.object({ verdict: z.enum(['yes', 'no']), why: z.string().max(20), score: z.number().nullable() })
const question: Question<z.infer<typeof Verdict>> = {
  purpose: 'review',
  system: 'You judge.',
  prompt: 'Is it good?',
  schema: Verdict,
}
const fits = { verdict: 'yes', why: 'it is', score: null }
const PROVIDERS = ['anthropic', 'openai', 'openai-chat', 'google'] as const

async function aBrain(
  script: Script,
  over: Partial<ModelBrainDeps> & { provider?: ModelBrainConfig['provider'] } = {},
) {
  const server = await startModelServer({ script })
  const { provider = 'anthropic', ...deps } = over
  const brain = createModelBrain({
    world: { clock: systemClock, log: silentLog },
    config: {
      provider,
      model: 'scripted-model',
      key: 'key-of-the-test',
      baseUrl: `${server.url}${provider === 'google' ? '/v1beta' : '/v1'}`,
    },
    ...deps,
  })
  onTestFinished(async () => {
    await brain[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })
  return { brain, server }
}

async function faultOf(asking: Promise<unknown>) {
  const error = await asking.then(
    (value) => expect.fail(`answered ${JSON.stringify(value)}`),
    (error: unknown) => error,
  )
  if (!isFault(error)) throw error
  return error
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Waits for something that another process does. */
async function until(holds: () => boolean): Promise<void> {
  await vi.waitFor(() => expect(holds()).toBe(true), { timeout: 30_000, interval: 10 })
}

test.each(PROVIDERS)('asks %s for an answer that fits, and counts what it took', async (provider) => {
  const script: Script = () => ({ json: fits, usage: { inputTokens: 100, cachedTokens: 40, outputTokens: 7 } })
  const { brain, server } = await aBrain(script, { provider })
  const { value, usage } = await brain.ask(question)
  expect(value).toEqual(fits)
  expect(usage).toEqual({ inputTokens: 100, cachedTokens: 40, outputTokens: 7, usd: null })
  expect(server.requests).toHaveLength(1)
  expect(server.requests[0]!.request!.system).toContain('You judge.')
  expect(server.requests[0]!.body).toContain('verdict')
  expect(JSON.stringify(server.requests[0]!.headers)).toContain('key-of-the-test')
})

test.each(PROVIDERS)(
  'an answer of %s that does not fit is asked for again once, with the reasons',
  async (provider) => {
    const { brain, server } = await aBrain(
      ({ turnIndex }) => ({ json: turnIndex === 0 ? { ...fits, why: 'far too long to be allowed' } : fits }),
      { provider },
    )
    const { value, usage } = await brain.ask(question)
    expect(value).toEqual(fits)
    expect(server.requests).toHaveLength(2)
    expect(server.requests[1]!.body).toMatch(/why: Too big/)
    expect(usage.outputTokens).toBeGreaterThan(1)
  },
)

test.each(PROVIDERS)('nonsense of %s twice is an invalid answer, and not asked a third time', async (provider) => {
  const { brain, server } = await aBrain(() => ({ garbage: true }), { provider })
  const fault = await faultOf(brain.ask(question))
  expect(fault.code).toBe('brain_answer_invalid')
  expect(fault.message).toMatch(/no whole JSON object/)
  expect(server.requests).toHaveLength(2)
})

test.each(PROVIDERS)('%s at its limit says when to come back, and is not tried again here', async (provider) => {
  const clock = createFakeClock()
  const { brain, server } = await aBrain(() => ({ error: { status: 429, retryAfter: 90 } }), {
    provider,
    world: { clock, log: silentLog },
  })
  const fault = await faultOf(brain.ask(question))
  expect(fault.code).toBe('provider_limited')
  expect(fault.details['retryAt']).toBe(clock.now() + 90_000)
  expect(server.requests).toHaveLength(1)
})

test.each([
  [400, 'provider_refused'],
  [401, 'provider_refused'],
  [404, 'provider_refused'],
  [500, 'provider_unavailable'],
  [529, 'provider_limited'],
] as const)('status %d is %s', async (status, code) => {
  const { brain, server } = await aBrain(() => ({ error: { status } }))
  expect((await faultOf(brain.ask(question))).code).toBe(code)
  expect(server.requests).toHaveLength(1)
})

test('a refused key says what to do', async () => {
  const { brain } = await aBrain(() => ({ error: { status: 401 } }))
  expect((await faultOf(brain.ask(question))).hint).toMatch(/key/)
})

test('a provider that nobody answers for, and one that breaks off, are unavailable', async () => {
  const { brain } = await aBrain(() => ({ json: fits, cut: true }))
  expect((await faultOf(brain.ask(question))).code).toBe('provider_unavailable')
  const config: ModelBrainConfig = { provider: 'anthropic', model: 'm', key: 'k', baseUrl: 'http://127.0.0.1:1/v1' }
  await using alone = createModelBrain({ world: { clock: systemClock, log: silentLog }, config })
  expect((await faultOf(alone.ask(question))).code).toBe('provider_unavailable')
})

test('a provider that hangs is given up after five minutes, and the call is broken off', async () => {
  const clock = createFakeClock()
  const { brain, server } = await aBrain(() => ({ hang: true }), { world: { clock, log: silentLog } })
  const asking = faultOf(brain.ask(question))
  await until(() => server.requests.length === 1)
  await clock.advance(5 * 60_000 - 1)
  await clock.advance(1)
  const fault = await asking
  expect(fault.code).toBe('provider_unavailable')
  expect(fault.message).toMatch(/no answer within 300 s/)
  await until(() => server.requests[0]!.status === 503)
})

test('a question can be broken off, and the process serves the next one', async () => {
  const { brain, server } = await aBrain(({ turnIndex }) =>
    server.requests.length > 1 && turnIndex === 0 ? { json: fits } : { hang: true },
  )
  const control = new AbortController()
  const asking = brain.ask(question, control.signal)
  await until(() => server.requests.length === 1)
  const { pid } = brain
  control.abort(new Error('the owner changed their mind'))
  await expect(asking).rejects.toThrow('changed their mind')
  await until(() => server.requests[0]!.status === 503)
  expect((await brain.ask(question)).value).toEqual(fits)
  expect(brain.pid).toBe(pid)
})

test('a process killed in the middle of a question fails it as unavailable; the next question starts another', async () => {
  let hangs = true
  const { brain, server } = await aBrain(() => (hangs ? { hang: true } : { json: fits }))
  const asking = faultOf(brain.ask(question))
  await until(() => server.requests.length === 1)
  const killed = brain.pid!
  process.kill(killed, 'SIGKILL')
  const fault = await asking
  expect(fault.code).toBe('provider_unavailable')
  expect(fault.message).toContain('SIGKILL')
  hangs = false
  expect((await brain.ask(question)).value).toEqual(fits)
  expect(brain.pid).not.toBe(killed)
})

test('there is no process before the first question, and none after a while without one', async () => {
  const clock = createFakeClock()
  const { brain } = await aBrain(() => ({ json: fits }), { world: { clock, log: silentLog }, idleMs: 30_000 })
  expect(brain.pid).toBeUndefined()
  await brain.ask(question)
  const pid = brain.pid!
  await clock.advance(20_000)
  await brain.ask(question)
  await clock.advance(29_999)
  expect(brain.pid).toBe(pid)
  await clock.advance(1)
  expect(brain.pid).toBeUndefined()
  await until(() => !isAlive(pid))
  expect((await brain.ask(question)).value).toEqual(fits)
})

test('questions side by side each get their own answer from one process', async () => {
  const { brain } = await aBrain(({ messages }) => ({ json: { ...fits, why: messages[0]!.text } }))
  const answers = await Promise.all(['a', 'b', 'c'].map((prompt) => brain.ask({ ...question, prompt })))
  expect(answers.map(({ value }) => value.why)).toEqual(['a', 'b', 'c'])
})

test('an answer without end is cut at the limit', async () => {
  const { brain } = await aBrain(() => ({ json: { ...fits, why: 'x'.repeat(50_000) } }), { answerBytesMax: 10_000 })
  const fault = await faultOf(brain.ask(question))
  expect([fault.code, fault.message]).toEqual([
    'brain_answer_invalid',
    expect.stringContaining('more than 10000 bytes'),
  ])
})

test("the process's environment holds nothing of the daemon's, nor the key", async () => {
  const { brain } = await aBrain(() => ({ json: fits }), { env: { HTTPS_PROXY: 'http://127.0.0.1:9' } })
  await brain.ask(question)
  const environment = readFileSync(`/proc/${brain.pid}/environ`, 'utf8').split('\0').filter(Boolean)
  const names = environment.map((line) => line.split('=')[0])
  expect(names.filter((name) => !name!.startsWith('NODE_CHANNEL'))).toEqual(['HTTPS_PROXY'])
  expect(readFileSync(`/proc/${brain.pid}/cmdline`, 'utf8')).not.toContain('key-of-the-test')
})

test('after closing, nothing is alive and a question is a fault', async () => {
  const { brain } = await aBrain(() => ({ json: fits }))
  await brain.ask(question)
  const pid = brain.pid!
  await brain[Symbol.asyncDispose]()
  expect(isAlive(pid)).toBe(false)
  expect((await faultOf(brain.ask(question))).code).toBe('provider_unavailable')
})

test('killed with its parent', async () => {
  const server = await startModelServer({ script: () => ({ hang: true }) })
  const asker = fileURLToPath(new URL('asks-forever.ts', import.meta.url))
  const parent = spawn(process.execPath, [asker, `${server.url}/v1`], { env: {}, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    parent.kill('SIGKILL')
    await server[Symbol.asyncDispose]()
  })
  const [said] = await once(parent.stdout, 'data')
  const pid = Number(String(said))
  await until(() => server.requests.length === 1)
  expect(isAlive(pid)).toBe(true)
  parent.kill('SIGKILL')
  await until(() => !isAlive(pid))
})

test.each(PROVIDERS)('tells what %s has said so far, where somebody wants to hear it', async (provider) => {
  const script: Script = () => ({
    json: { verdict: 'yes', why: 'one two three four', score: 1 },
    slowMs: 130,
    usage: { inputTokens: 100, outputTokens: 7 },
  })
  const { brain } = await aBrain(script, { provider })
  const heard: unknown[] = []
  const { value, usage } = await brain.ask({ ...question, onPartial: (partial) => heard.push(partial) })
  expect(value.why).toBe('one two three four')
  expect(usage).toMatchObject({ inputTokens: 100, outputTokens: 7 })
  expect(heard.length).toBeGreaterThan(0)
  for (const partial of heard) expect('one two three four').toContain((partial as { why?: string }).why ?? '')
})

test('what goes wrong in a stream is the same fault as without one', async () => {
  const onPartial = () => {}
  const { brain: limited } = await aBrain(() => ({ error: { status: 429, retryAfter: 7 } }))
  expect((await faultOf(limited.ask({ ...question, onPartial }))).code).toBe('provider_limited')
  const { brain: broken } = await aBrain(() => ({ json: fits, cut: true }))
  expect((await faultOf(broken.ask({ ...question, onPartial }))).code).toBe('provider_unavailable')
  let asked = 0
  const { brain: odd } = await aBrain(() => (asked++ === 0 ? { garbage: true } : { json: fits }))
  expect((await odd.ask({ ...question, onPartial })).value).toEqual(fits)
  const control = new AbortController()
  const { brain: hanging } = await aBrain(() => {
    control.abort(new Error('enough'))
    return { hang: true }
  })
  await expect(hanging.ask({ ...question, onPartial }, control.signal)).rejects.toThrow('enough')
})
