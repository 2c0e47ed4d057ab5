import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { createOtlpExporter } from '../../../daemon/telemetry/otlp-exporter.ts'
import { readHeaders } from '../../../daemon/telemetry/read-headers.ts'
import { type AnsweredRequest, idOf, requestSpan } from '../../../daemon/telemetry/spans.ts'
import { packagesOf } from '../../fakes/packages-of.ts'
import { makeRepository } from '../../fakes/repositories.ts'
import { fileAt, openRoom, plan, task } from '../../scenarios/daemon-room.ts'
import { aBrain } from '../../scenarios/scripted-brain.ts'

interface Sent {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  status: { code?: number; message?: string }
  attributes: { key: string; value: Record<string, unknown> }[]
}

/** An OTLP collector on loopback that keeps what it is sent. */
async function aCollector() {
  const spans: Sent[] = []
  const resources: string[] = []
  const headers: IncomingHttpHeaders[] = []
  const paths: string[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    request.on('end', () => {
      headers.push(request.headers)
      paths.push(request.url ?? '')
      for (const { resource, scopeSpans } of JSON.parse(text).resourceSpans) {
        resources.push(JSON.stringify(resource))
        for (const scope of scopeSpans) spans.push(...scope.spans)
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { spans, resources, headers, paths, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const valuesOf = (span: Sent) =>
  Object.fromEntries(span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

const request = (over: Partial<AnsweredRequest> = {}): AnsweredRequest => ({
  id: 1,
  goalId: 'goal_1',
  taskId: null,
  runId: 'run_1',
  agent: 'pi',
  purpose: 'work',
  provider: 'google',
  host: 'models.example',
  model: 'm-1',
  tokens: { inputTokens: 10, cachedTokens: 4, cacheWriteTokens: 0, outputTokens: 3, reasoningTokens: 1 },
  usd: 0.25,
  state: 'settled',
  status: 200,
  startAt: 1_000,
  endAt: 2_500,
  ...over,
})

test('a goal is one trace: plan, run, requests, verifications and landings under it, each with its parent', async () => {
  const collector = await aCollector()
  const brain = await aBrain(plan([task('a')]))
  const room = await openRoom({
    ...brain.options,
    config: {
      ...(brain.options.config as object),
      telemetry: { otlp: { endpoint: collector.url, headers: { 'x-team': 'env:TEAM' } } },
    },
    env: { ...brain.options.env, TEAM: 'blue-team-token' },
  })
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  const added = await room.add(null, repository, { text: 'Please write the sealed words' })
  const view = await room.settled()
  expect(view.goal.state, view.words).toBe('met')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
  // Closing the daemon sends what still waits.
  await room.daemon[Symbol.asyncDispose]()

  const { spans } = collector
  const named = (start: string) => spans.filter(({ name }) => name.startsWith(start))
  const goalId = idOf(added.goal.id, 16)
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([idOf(added.goal.id, 32)]))
  const [goal] = named('invoke_workflow goal 1')
  expect(goal).toMatchObject({ spanId: goalId, status: { code: 1 } })
  expect(goal!.parentSpanId ?? '').toBe('')
  const [planned] = named('plan 1')
  expect(planned!.parentSpanId).toBe(goalId)
  const [run] = named('invoke_agent scripted')
  expect(run!.parentSpanId).toBe(goalId)
  expect(valuesOf(run!)).toMatchObject({
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': 'scripted',
    'claw.task': '1.1',
    'claw.run.outcome': 'done',
  })
  const [asked] = named('chat ')
  expect(asked).toMatchObject({ parentSpanId: planned!.spanId, kind: 3 })
  expect(valuesOf(asked!)).toMatchObject({ 'gen_ai.operation.name': 'chat', 'claw.purpose': 'plan' })
  expect(named('verify task').map(({ parentSpanId }) => parentSpanId)).toEqual([run!.spanId])
  expect(
    named('land ')
      .map(({ name, parentSpanId }) => [name, parentSpanId])
      .sort(),
  ).toEqual([
    ['land goal', goalId],
    ['land task', goalId],
  ])
  for (const span of spans) expect(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano), span.name).toBe(true)
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length)

  expect(collector.paths.every((path) => path === '/v1/traces')).toBe(true)
  expect(collector.headers[0]).toMatchObject({ 'x-team': 'blue-team-token' })
  expect(collector.resources[0]).toContain('"claw"')
  // Neither the owner's words nor a key.
  expect(JSON.stringify(spans)).not.toMatch(/sealed.words|good\\n/)
})

test('a collector that is down harms nothing, is said once, and does not hold up the end', async () => {
  const room = await openRoom({ config: { telemetry: { otlp: { endpoint: 'http://127.0.0.1:9' } } } })
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  await room.add(plan([task('a')]), repository)
  expect((await room.settled()).goal.state).toBe('met')
  await room.daemon[Symbol.asyncDispose]()
  expect(room.log.filter((line) => line.includes('traces cannot be sent')).length).toBeLessThanOrEqual(1)
  expect(room.log.filter((line) => /bug|quarantine/.test(line))).toEqual([])
})

test('secrets are taken out of every word that is sent', async () => {
  const collector = await aCollector()
  const exporter = createOtlpExporter({
    endpoint: `${collector.url}/own/path`,
    headers: {},
    version: '1',
    world: { clock: systemClock, log: silentLog },
    redact: (text) => text.replaceAll('sk-secret', '[secret]'),
  })
  exporter.export({
    ...requestSpan(request({ model: 'sk-secret' }), 'run_1'),
    error: 'refused sk-secret',
  })
  await exporter.close()
  expect(collector.paths).toEqual(['/own/path'])
  expect(JSON.stringify(collector.spans)).not.toContain('sk-secret')
  expect(collector.spans[0]).toMatchObject({ name: 'chat [secret]', status: { code: 2, message: 'refused [secret]' } })
})

test('a request carries the conventions’ names; a refusal its status', () => {
  const span = requestSpan(request(), 'run_1')
  expect(span).toMatchObject({
    name: 'chat m-1',
    kind: 'client',
    parentId: idOf('run_1', 16),
    traceId: idOf('goal_1', 32),
    error: null,
    attributes: {
      'gen_ai.provider.name': 'gcp.gemini',
      'gen_ai.request.model': 'm-1',
      'gen_ai.usage.input_tokens': 10,
      'gen_ai.usage.cache_read.input_tokens': 4,
      'gen_ai.usage.output_tokens': 3,
      'claw.usd': 0.25,
    },
  })
  const refused = requestSpan(request({ status: 429, state: 'void', goalId: null }), null)
  expect(refused).toMatchObject({ parentId: null, error: 'the provider answered 429' })
  expect(refused.attributes['error.type']).toBe('429')
})

test('a header that refers to nothing is a fault that names it', () => {
  const known: Record<string, string> = { 'env:TEAM': 'blue', 'file:/key': 'k' }
  const secrets = { find: (reference: string) => known[reference] ?? { missing: `${reference} is not set` } }
  expect(readHeaders({ a: 'env:TEAM', b: 'file:/key', c: 'as it is' }, secrets)).toEqual({
    a: 'blue',
    b: 'k',
    c: 'as it is',
  })
  expect(() => readHeaders({ a: 'env:NONE' }, secrets)).toThrow('telemetry.otlp.headers.a')
})

test('who has not turned it on loads none of it', () => {
  expect(packagesOf('daemon/main.ts').filter((name) => name.startsWith('@opentelemetry'))).toEqual([])
})
