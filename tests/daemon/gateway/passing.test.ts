import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateText, type LanguageModel, streamText } from 'ai'
import { expect, test } from 'vitest'
import type { ModelAccess } from '../../../daemon/agents/agent.ts'
import { chat, openRoom, PROVIDER_KEY, type PROVIDERS } from './a-gateway.ts'

type ApiName = keyof typeof PROVIDERS
const APIS: ApiName[] = ['anthropic', 'openai-responses', 'openai-chat', 'google']
const USAGE = { inputTokens: 1200, cachedTokens: 1000, outputTokens: 34 }

function sdk({ api, baseUrl, key, model }: ModelAccess): LanguageModel {
  switch (api) {
    case 'anthropic':
      return createAnthropic({ baseURL: `${baseUrl}/v1`, apiKey: key })(model)
    case 'openai-responses':
      return createOpenAI({ baseURL: `${baseUrl}/v1`, apiKey: key }).responses(model)
    case 'openai-chat':
      return createOpenAICompatible({ name: 'x', baseURL: `${baseUrl}/v1`, apiKey: key })(model)
    case 'google':
      return createGoogleGenerativeAI({ baseURL: `${baseUrl}/v1beta`, apiKey: key })(model)
  }
}

test.each(APIS)('%s: an answer and a stream pass through, and the ledger says what the server served', async (api) => {
  await using room = await openRoom({ api, script: () => ({ say: 'three plain words', usage: USAGE }) })
  using granted = room.grant()
  const whole = await generateText({ model: sdk(granted.model), prompt: 'speak', maxRetries: 0 })
  const stream = streamText({ model: sdk(granted.model), prompt: 'speak', maxRetries: 0 })
  let streamed = ''
  for await (const piece of stream.textStream) streamed += piece
  expect([whole.text, streamed]).toEqual(['three plain words', 'three plain words'])
  expect(await room.spend()).toMatchObject(
    [0, 1].map(() => ({
      goalId: room.goal.id,
      agent: 'pi',
      purpose: 'work',
      api,
      model: 'scripted-model',
      state: 'settled',
      status: 200,
      ...USAGE,
      usd: null,
    })),
  )
})

test.each(APIS)('%s: the provider gets its key, and neither it nor the caller sees the other’s', async (api) => {
  await using room = await openRoom({ api })
  using granted = room.grant()
  await generateText({ model: sdk(granted.model), prompt: 'speak', maxRetries: 0 })
  const [seen] = room.server.requests
  expect(JSON.stringify(seen)).toContain(PROVIDER_KEY)
  expect(JSON.stringify(seen)).not.toContain(granted.model.key)
  expect(granted.model.key).not.toContain(PROVIDER_KEY)
})

test.each(APIS)('%s: a token that is not known is refused in the API’s own shape', async (api) => {
  await using room = await openRoom({ api })
  using granted = room.grant()
  const failure = await generateText({
    model: sdk({ ...granted.model, key: 'claw-made-up' }),
    prompt: 'speak',
    maxRetries: 0,
  }).catch((error: unknown) => error)
  expect(failure).toMatchObject({ statusCode: 401, message: 'Claw: this token is not known, or its run has ended.' })
  expect(room.server.requests).toEqual([])
})

test('a token ends with its run', async () => {
  await using room = await openRoom()
  const granted = room.grant()
  expect((await chat(granted)).status).toBe(200)
  granted[Symbol.dispose]()
  expect((await chat(granted)).status).toBe(401)
})

test('a run’s token cannot be made to count for another goal', async () => {
  await using room = await openRoom()
  using granted = room.grant()
  const posing = { model: { ...granted.model, key: `${granted.model.key}.plan.goal_9` } }
  expect((await chat(posing)).status).toBe(401)
})

test('the brain’s questions are counted under their purpose and goal', async () => {
  await using room = await openRoom({ api: 'anthropic', script: () => ({ say: 'ok', usage: USAGE }) })
  const brain = room.gateway.brain({
    provider: 'anthropic',
    model: 'scripted-model',
    baseUrl: room.server.url,
    key: PROVIDER_KEY,
  })
  expect(JSON.stringify(brain.config)).not.toContain(PROVIDER_KEY)
  const ask = (key: string) =>
    generateText({
      model: createAnthropic({ baseURL: brain.config.baseUrl!, apiKey: key })('scripted-model'),
      prompt: 'plan',
      maxRetries: 0,
    })
  await ask(brain.keyFor({ purpose: 'plan', goalId: room.goal.id }))
  await ask(brain.keyFor({ purpose: 'review' }))
  expect(await room.spend()).toMatchObject([
    { agent: 'brain', purpose: 'plan', goalId: room.goal.id },
    { agent: 'brain', purpose: 'review', goalId: null },
  ])
})

test('bytes pass as they are, and as they come', async () => {
  await using room = await openRoom({ script: () => ({ say: 'a b c d e f', slowMs: 1 }) })
  using granted = room.grant()
  const body = { stream: true, stream_options: { include_usage: true } }
  const through = await chat(granted, { body })
  const direct = await chat({ model: { ...granted.model, baseUrl: room.server.url } }, { body })
  const withoutId = (text: string) => text.replaceAll(/chatcmpl-\d+/g, 'id')
  expect(withoutId(await through.text())).toBe(withoutId(await direct.text()))
  expect(through.headers.get('content-type')).toBe(direct.headers.get('content-type'))
})

test('the first piece of a stream arrives while the provider still writes the rest', async () => {
  const rest = Promise.withResolvers<void>()
  const { createServer } = await import('node:http')
  const slow = createServer(async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"choices":[{"delta":{"content":"first"}}]}\n\n')
    await rest.promise
    response.end('data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\ndata: [DONE]\n\n')
  })
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve))
  const { port } = slow.address() as { port: number }
  try {
    await using room = await openRoom({
      config: `upstreams:\n  slow: {provider: openai-chat, baseUrl: "http://127.0.0.1:${port}", model: slow, key: "env:PROVIDER_KEY"}`,
    })
    const model = room.gateway.models.find((one) => one.upstream === 'slow')!
    using granted = room.gateway.access(model, {
      goalId: null,
      taskId: null,
      runId: null,
      agent: 'pi',
      purpose: 'work',
    })
    const response = await chat(granted, { body: { stream: true, stream_options: { include_usage: true } } })
    const reader = response.body!.getReader()
    const { value } = await reader.read()
    expect(Buffer.from(value!).toString()).toContain('first')
    rest.resolve()
    while (!(await reader.read()).done);
    expect(await room.spend()).toMatchObject([{ state: 'settled', inputTokens: 5, outputTokens: 2, upstream: 'slow' }])
  } finally {
    slow.closeAllConnections()
    slow.close()
  }
})

test('a chat stream is metered although its caller did not ask for usage, and the caller does not see it', async () => {
  await using room = await openRoom({ script: () => ({ say: 'words of it', usage: USAGE }) })
  using granted = room.grant()
  const text = await (await chat(granted, { body: { stream: true } })).text()
  expect(text).toContain('"s of"')
  expect(text).toContain('[DONE]')
  expect(text).not.toContain('"usage":{')
  expect(JSON.parse(room.server.requests[0]!.body)).toMatchObject({ stream_options: { include_usage: true } })
  expect(await room.spend()).toMatchObject([{ state: 'settled', ...USAGE }])
})

test('a model has another name upstream', async () => {
  await using room = await openRoom({
    api: 'google',
    config:
      'upstreams:\n  far: {provider: openai-chat, baseUrl: "{url}", key: "env:PROVIDER_KEY", model: near-name, models: {near-name: far-name, "*": other-name}}',
  })
  const model = room.gateway.models.find((one) => one.upstream === 'far')!
  using granted = room.gateway.access(model, { goalId: null, taskId: null, runId: null, agent: 'pi', purpose: 'work' })
  await chat(granted)
  await chat(granted, { body: { model: 'tiny-helper' } })
  expect(room.server.requests.map(({ request }) => request?.model)).toEqual(['far-name', 'other-name'])
})

test('token counts and lists of models pass, and cost nothing', async () => {
  await using room = await openRoom({ api: 'anthropic' })
  using granted = room.grant()
  const headers = { 'x-api-key': granted.model.key, 'anthropic-version': '2023-06-01' }
  const counted = await fetch(`${room.gateway.url}/v1/messages/count_tokens?beta=true`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ model: 'scripted-model', messages: [{ role: 'user', content: 'one two' }] }),
  })
  expect(await counted.json()).toMatchObject({ input_tokens: expect.any(Number) })
  const listed = await fetch(`${room.gateway.url}/v1/models`, { headers })
  expect(await listed.json()).toMatchObject({ data: [{ id: 'scripted-model' }] })
  expect(await room.spend()).toEqual([])
})

test.each([
  ['not JSON', 400, (url: string, headers: object) => fetch(url, post(headers, '{"model":'))],
  ['a list', 400, (url: string, headers: object) => fetch(url, post(headers, '[]'))],
  ['no model', 400, (url: string, headers: object) => fetch(url, post(headers, '{}'))],
  ['nothing', 400, (url: string, headers: object) => fetch(url, post(headers, ''))],
  ['too much, announced', 413, (url: string, headers: object) => fetch(url, post(headers, 'x'.repeat(3_000_000)))],
  ['too much, not announced', 413, (url: string, headers: object) => fetch(url, post(headers, endless()))],
  [
    'another path',
    404,
    (url: string, headers: object) => fetch(url.replace('chat/completions', 'files'), post(headers, '{}')),
  ],
  [
    'another API',
    404,
    (url: string, headers: object) =>
      fetch(url.replace('chat/completions', 'messages'), post(headers, '{"model":"m","messages":[]}')),
  ],
] as const)('%s is refused with %i, and nothing is forwarded or counted', async (_name, status, send) => {
  await using room = await openRoom({ config: 'gateway: {bodyMaxMb: 1}' })
  using granted = room.grant()
  const url = `${room.gateway.url}/v1/chat/completions`
  const response = await send(url, { authorization: `Bearer ${granted.model.key}` })
  expect(response.status).toBe(status)
  expect(await response.json()).toMatchObject({ error: { message: expect.stringMatching(/^Claw: /) } })
  expect(room.server.requests).toEqual([])
  expect(await room.spend()).toEqual([])
})

const post = (headers: object, body: string | ReadableStream): RequestInit =>
  ({ method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body, duplex: 'half' }) as RequestInit

function endless(): ReadableStream {
  let left = 40
  return new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(Buffer.alloc(64 * 1024, 0x20))
      else controller.close()
    },
  })
}

test('a name that a page made up for 127.0.0.1 is not answered', async () => {
  await using room = await openRoom()
  const { request } = await import('node:http')
  const status = await new Promise((resolve, reject) => {
    const out = request(`${room.gateway.url}/v1/models`, { headers: { host: 'evil.example:80' } }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    out.on('error', reject)
    out.end()
  })
  expect(status).toBe(403)
})

test('100 streams at the same time all arrive whole, and the sums are those of the server', async () => {
  let served = 0
  await using room = await openRoom({
    script: () => ({ say: `answer number ${++served} of all of them`, slowMs: 1, usage: { outputTokens: served } }),
  })
  using granted = room.grant()
  const texts = await Promise.all(
    Array.from({ length: 100 }, async () => (await chat(granted, { body: { stream: true } })).text()),
  )
  expect(texts.every((text) => text.endsWith('data: [DONE]\n\n'))).toBe(true)
  const rows = await room.spend()
  expect(rows).toHaveLength(100)
  expect(rows.every((row) => row.state === 'settled')).toBe(true)
  expect(rows.reduce((sum, row) => sum + row.outputTokens, 0)).toBe((100 * 101) / 2)
})
