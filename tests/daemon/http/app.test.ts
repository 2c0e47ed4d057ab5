import { describe, expect, test } from 'vitest'
import type { Problem } from '../../../daemon/http/problem.ts'
import { BODY_MAX_BYTES } from '../../../daemon/http/valid.ts'
import { createFakeApp, PORT, TOKEN } from '../../fakes/fake-app.ts'
import { aGoal, aGoalView, anAsk, aTaskView } from '../../fakes/views.ts'

const problem = async (response: Response) => (await response.json()) as Problem

describe('goals', () => {
  test('a goal is added with its defaults, and answers 201 with where it is', async () => {
    const { call, goals } = createFakeApp()
    const response = await call('/v1/goals', { json: { text: 'Do it', repo: '/repo' } })
    expect(response.status).toBe(201)
    expect(response.headers.get('location')).toBe('/v1/goals/1')
    expect(await response.json()).toMatchObject({ goal: { number: 1, text: 'Do it' }, repository: '/repo' })
    expect(goals.calls[0]).toEqual(['add', expect.objectContaining({ text: 'Do it', plan: null })])
  })

  test('a plan file is read here and handed on as a plan', async () => {
    const { call, goals } = createFakeApp()
    const planFile = { name: 'plan.yaml', text: 'summary: limiter' }
    expect((await call('/v1/goals', { json: { text: 'Do it', planFile } })).status).toBe(201)
    expect(goals.calls[0]?.[1]).toMatchObject({ plan: { summary: 'limiter' } })
    expect(goals.calls[0]?.[1]).not.toHaveProperty('planFile')
  })

  test('a plan file that cannot be read creates nothing', async () => {
    const { call, goals } = createFakeApp()
    const response = await call('/v1/goals', { json: { text: 'x', planFile: { name: 'plan.yaml', text: 'nonsense' } } })
    expect(response.status).toBe(422)
    expect(await problem(response)).toMatchObject({ code: 'plan_invalid', detail: 'plan.yaml:1: not a plan' })
    expect(goals.calls).toEqual([])
  })

  test.each(['pause', 'resume', 'cancel', 'accept'])('%s reaches the goal, with who did it', async (verb) => {
    const { call, goals } = createFakeApp()
    goals.put(aGoalView())
    const response = await call(`/v1/goals/1/${verb}`, { method: 'POST', headers: { 'x-claw-surface': 'cli' } })
    expect(response.status).toBe(200)
    expect(goals.calls[0]).toEqual([verb, '1', 'cli'])
  })

  test('an unknown surface is recorded as http', async () => {
    const { call, goals } = createFakeApp()
    goals.put(aGoalView())
    await call('/v1/goals/1/pause', { method: 'POST', headers: { 'x-claw-surface': 'a b<script>' } })
    expect(goals.calls[0]).toEqual(['pause', '1', 'http'])
  })

  test('a rejection needs a comment, which is passed on', async () => {
    const { call, goals } = createFakeApp()
    goals.put(aGoalView())
    expect((await call('/v1/goals/1/reject', { json: {} })).status).toBe(400)
    expect((await call('/v1/goals/1/reject', { json: { comment: 'no tests' } })).status).toBe(200)
    expect(goals.calls[0]).toEqual(['reject', '1', 'no tests', 'http'])
  })

  test('the report comes as JSON or as Markdown', async () => {
    const { call, goals } = createFakeApp()
    goals.put(aGoalView({ goal: aGoal({ state: 'met' }) }))
    expect(await (await call('/v1/goals/1/report')).json()).toMatchObject({ file: '/reports/1.md' })
    const markdown = await call('/v1/goals/1/report', { headers: { accept: 'text/markdown' } })
    expect(await markdown.text()).toMatch(/^# Goal 1/)
  })

  test('the list can be narrowed', async () => {
    const { call, goals } = createFakeApp()
    goals.put(aGoalView())
    goals.put(aGoalView({ goal: aGoal({ number: 2, state: 'met' }) }))
    const { goals: ended } = (await (await call('/v1/goals?state=ended')).json()) as { goals: unknown[] }
    expect(ended).toHaveLength(1)
  })
})

test('tasks are shown, steered, taken, given and proved again', async () => {
  const { call, goals } = createFakeApp()
  goals.put(aGoalView({ taskViews: [aTaskView()] }))
  expect(await (await call('/v1/tasks/1.1')).json()).toMatchObject({ label: '1.1' })
  expect(await (await call('/v1/tasks/1.1/steer', { json: { text: 'more' } })).json()).toEqual({ passedTo: 'next-run' })
  expect(await (await call('/v1/tasks/1.1/take', { method: 'POST' })).json()).toHaveProperty('worktree')
  expect((await call('/v1/tasks/1.1/give', { method: 'POST' })).status).toBe(200)
  expect(await (await call('/v1/tasks/1.1/proof', { method: 'POST' })).json()).toMatchObject({
    again: { passed: true },
  })
  expect(await (await call('/v1/tasks/1.1/review')).json()).toHaveProperty('diff')
})

test('the first answer wins and the second is told', async () => {
  const { call, inbox } = createFakeApp()
  inbox.put(anAsk())
  expect(await (await call('/v1/inbox')).json()).toMatchObject({ asks: [{ number: 1 }] })
  expect(await (await call('/v1/inbox/1/answer', { json: { choice: 'approve' } })).json()).toMatchObject({
    state: 'answered',
  })
  const second = await call('/v1/inbox/1/answer', { json: { choice: 'refuse' } })
  expect(second.status).toBe(409)
  expect(await problem(second)).toMatchObject({ code: 'ask_answered' })
})

test('proofs and whole outputs are served', async () => {
  const { call } = createFakeApp()
  expect(await (await call('/v1/proofs/proof_1')).json()).toMatchObject({ id: 'proof_1' })
  const output = await call(`/v1/outputs/${'d'.repeat(64)}`)
  expect(output.headers.get('content-type')).toMatch(/^text\/plain/)
  expect(await output.text()).toBe('all of it')
})

test('stopping is passed on and answered at once', async () => {
  const { call, stopped } = createFakeApp()
  const response = await call('/v1/stop', { method: 'POST', headers: { 'x-claw-surface': 'cli' } })
  expect(response.status).toBe(202)
  expect(stopped).toEqual(['cli'])
})

describe('who may come in', () => {
  test.each<[string, Record<string, string>, number]>([
    ['no token', { authorization: '' }, 401],
    ['a wrong token', { authorization: 'Bearer wrong' }, 401],
    ['a token that only begins right', { authorization: `Bearer ${TOKEN}x` }, 401],
    ['the token as a cookie', { authorization: '', cookie: `claw_token=${TOKEN}` }, 200],
    ['a name of another (DNS rebinding)', { host: `evil.example:${PORT}` }, 403],
    ['our name with another port', { host: '127.0.0.1:80' }, 403],
    ['localhost', { host: `localhost:${PORT}` }, 200],
    ['IPv6 loopback', { host: `[::1]:${PORT}` }, 200],
    ['a page of another origin', { origin: 'https://evil.example' }, 403],
    ['a page on another port of this machine', { origin: 'http://127.0.0.1:3000' }, 403],
    ['an opaque origin', { origin: 'null' }, 403],
    ['our own page', { origin: `http://127.0.0.1:${PORT}` }, 200],
    ['a navigation from another site', { 'sec-fetch-site': 'cross-site' }, 403],
  ])('%s', async (_, headers, status) => {
    const { call } = createFakeApp()
    for (const path of ['/healthz', '/v1/status', '/openapi.json']) {
      expect((await call(path, { headers })).status, path).toBe(status)
    }
  })

  test('who may not come in does not learn which routes there are', async () => {
    const { call } = createFakeApp()
    expect((await call('/nowhere', { headers: { authorization: '' } })).status).toBe(401)
  })

  test('no answer allows another origin, and all carry the security headers', async () => {
    const { call } = createFakeApp()
    for (const path of ['/healthz', '/nowhere']) {
      const { headers } = await call(path)
      expect(headers.get('access-control-allow-origin')).toBeNull()
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('content-security-policy')).toContain("default-src 'none'")
      expect(headers.get('cache-control')).toBe('no-store')
    }
  })
})

describe('bad input is one problem that names it', () => {
  test.each<[string, string, unknown, number, string, string]>([
    ['an unknown key', '/v1/goals', { text: 'x', brnch: 'a' }, 400, 'input_invalid', 'did you mean "branch"?'],
    ['an unknown choice', '/v1/goals', { text: 'x', land: 'merg' }, 400, 'input_invalid', 'did you mean "merge"?'],
    ['no words', '/v1/goals', { text: '  ' }, 400, 'input_invalid', '"text" is "  "'],
    ['nothing', '/v1/goals', {}, 400, 'input_invalid', '"text" is missing'],
    ['a list', '/v1/goals', [], 400, 'input_invalid', 'The body is wrong'],
    ['an answer with nothing in it', '/v1/inbox/1/answer', {}, 400, 'input_invalid', 'choice or text'],
    ['a key where none is known', '/v1/goals/1/pause', { force: true }, 400, 'input_invalid', 'unknown key "force"'],
    ['an unknown goal', '/v1/goals/99', undefined, 404, 'goal_not_found', '99'],
    ['an unknown task', '/v1/tasks/9.9', undefined, 404, 'task_not_found', '9.9'],
    ['an unknown ask', '/v1/inbox/9', undefined, 404, 'ask_not_found', '9'],
    ['an unknown proof', '/v1/proofs/x', undefined, 404, 'proof_not_found', 'x'],
    ['an unknown output', `/v1/outputs/${'0'.repeat(64)}`, undefined, 404, 'output_not_found', '000'],
    ['an output that is a path', '/v1/outputs/..%2F..%2Fdaemon.json', undefined, 400, 'input_invalid', 'sha256'],
    ['an unknown parameter', '/v1/goals?stat=open', undefined, 400, 'input_invalid', 'did you mean "state"?'],
    ['a wrong parameter', '/v1/events?limit=100000', undefined, 400, 'input_invalid', '"limit" is'],
  ])('%s', async (_, path, json, status, code, words) => {
    const { call } = createFakeApp()
    const response = await call(path, json === undefined ? {} : { json })
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    const said = await problem(response)
    expect([response.status, said.status, said.code]).toEqual([status, status, code])
    expect(said.detail).toContain(words)
    expect(said.detail).not.toContain('\n')
  })

  test('an unknown route names the nearest', async () => {
    const { call } = createFakeApp()
    const response = await call('/v1/gaols')
    expect(response.status).toBe(404)
    expect(await problem(response)).toMatchObject({ code: 'route_not_found', hint: 'Did you mean GET /v1/goals?' })
  })

  test('a body that is not JSON, or does not say so', async () => {
    const { call, goals } = createFakeApp()
    const json = { 'content-type': 'application/json' }
    const broken = await call('/v1/goals', { method: 'POST', body: '{"text":', headers: json })
    expect(await problem(broken)).toMatchObject({ status: 400, code: 'input_invalid' })
    const form = await call('/v1/goals', {
      method: 'POST',
      body: '{"text":"x"}',
      headers: { 'content-type': 'text/plain' },
    })
    expect(await problem(form)).toMatchObject({ status: 400, code: 'input_invalid' })
    expect(goals.calls).toEqual([])
  })

  test('a body over the limit is refused, with a length and without one', async () => {
    const { call, goals } = createFakeApp()
    const text = JSON.stringify({ text: 'x'.repeat(BODY_MAX_BYTES) })
    const headers = { 'content-type': 'application/json' }
    expect((await call('/v1/goals', { method: 'POST', body: text, headers })).status).toBe(413)
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024)) })
    const init = { method: 'POST', body: endless, headers, duplex: 'half' } as RequestInit
    expect((await call('/v1/goals', init)).status).toBe(413)
    expect(goals.calls).toEqual([])
  })
})

test('a bug answers 500 with an id that stands in the log, and no stack', async () => {
  const logged: object[] = []
  const log = {
    debug() {},
    info() {},
    warn() {},
    error: (fields: object | string) => void logged.push(fields as object),
    child: () => log,
  }
  const { call, goals } = createFakeApp({ world: { clock: {} as never, log } })
  goals.failNext(new Error('secret detail'))
  const response = await call('/v1/goals')
  const text = await response.text()
  const said = JSON.parse(text) as Problem
  expect([response.status, said.code]).toEqual([500, 'bug'])
  expect(text).not.toContain('secret detail')
  expect(said.id).toMatch(/^bug_[0-9a-f]{12}$/)
  expect(logged).toEqual([{ id: said.id, err: expect.objectContaining({ message: 'secret detail' }) }])
})
