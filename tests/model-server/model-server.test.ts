import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogle } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, generateText, isStepCount, type LanguageModel, Output, streamText, tool } from 'ai'
import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { createFakeClock } from '../fakes/fake-clock.ts'
import type { Script } from './exchange.ts'
import { startModelServer } from './model-server.ts'
import { firstOf, prompted, say, times, when, work } from './script.ts'

/** Real clients, each with the API it speaks: what they make of the server's answers is the contract. */
const CLIENTS: Record<string, (url: string) => LanguageModel> = {
  'Anthropic Messages': (url) => createAnthropic({ baseURL: `${url}/v1`, apiKey: 'k' })('claude-sonnet-4-5'),
  'Anthropic Messages with a forced tool': (url) =>
    createAnthropic({ baseURL: `${url}/v1`, apiKey: 'k' })('claude-3-haiku-20240307'),
  'OpenAI Responses': (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey: 'k' }).responses('gpt-5'),
  'OpenAI Chat': (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey: 'k' }).chat('gpt-4o'),
  'OpenAI-compatible': (url) =>
    createOpenAICompatible({
      name: 'loop',
      baseURL: `${url}/v1`,
      apiKey: 'k',
      supportsStructuredOutputs: true,
      includeUsage: true,
    })('scripted'),
  Gemini: (url) => createGoogle({ baseURL: `${url}/v1beta`, apiKey: 'k' })('gemini-2.5-flash'),
}

async function started(script: Script, clock?: Parameters<typeof startModelServer>[0]['clock']) {
  const server = await startModelServer({ script, ...(clock ? { clock } : {}) })
  onTestFinished(() => server[Symbol.asyncDispose]())
  return server
}

const bash = tool({
  description: 'Run a command',
  inputSchema: z.object({ command: z.string() }),
  execute: async ({ command }) => `ran ${command}`,
})
const write = tool({
  description: 'Write a file',
  inputSchema: z.object({ path: z.string(), content: z.string() }),
  execute: async ({ path }) => `wrote ${path}`,
})

describe.each(Object.entries(CLIENTS))('%s', (_name, modelAt) => {
  const once = { maxRetries: 0 }

  test('carries text, thinking, usage, and what was asked', async () => {
    const server = await started(() => ({
      thinking: 'hm',
      say: 'Hello there.',
      usage: { inputTokens: 70, cachedTokens: 30, outputTokens: 5 },
    }))
    const answer = await generateText({ model: modelAt(server.url), system: 'Be kind.', prompt: 'Hello', ...once })
    expect(answer.text).toBe('Hello there.')
    expect(answer.finishReason).toBe('stop')
    expect(answer.usage).toMatchObject({ inputTokens: 70, outputTokens: 5, inputTokenDetails: { cacheReadTokens: 30 } })
    expect(server.requests).toHaveLength(1)
    expect(server.requests[0]).toMatchObject({
      status: 200,
      request: {
        system: 'Be kind.',
        stream: false,
        tools: [],
        turnIndex: 0,
        messages: [{ role: 'user', text: 'Hello' }],
      },
    })
  })

  test('streams text in pieces', async () => {
    const server = await started(() => ({
      thinking: 'hm hm',
      say: 'One two three four.',
      usage: { inputTokens: 9, outputTokens: 4 },
    }))
    const stream = streamText({ model: modelAt(server.url), prompt: 'Count', ...once })
    const parts = await Array.fromAsync(stream.textStream)
    expect(parts.length).toBeGreaterThan(1)
    expect(parts.join('')).toBe('One two three four.')
    expect(await stream.finishReason).toBe('stop')
    expect(await stream.usage).toMatchObject({ inputTokens: 9, outputTokens: 4 })
  })

  test.each([false, true])('goes through a piece of work, one tool per turn (streaming: %s)', async (streaming) => {
    const server = await started(
      work([
        { say: 'First the file.' },
        { write: { path: 'a/b.txt', content: 'hi "you"\n' } },
        { run: 'cat a/b.txt' },
        { say: 'All done.' },
      ]),
    )
    const options = {
      model: modelAt(server.url),
      tools: { bash, write },
      stopWhen: isStepCount(6),
      prompt: 'Do the work',
      ...once,
    }
    const result = streaming ? streamText(options) : await generateText(options)
    const steps = await result.steps
    expect(steps.map((step) => step.text)).toEqual(['First the file.', '', 'All done.'])
    expect(steps.flatMap((step) => step.toolCalls.map((call) => [call.toolName, call.input]))).toEqual([
      ['write', { path: 'a/b.txt', content: 'hi "you"\n' }],
      ['bash', { command: 'cat a/b.txt' }],
    ])
    expect(server.requests.at(-1)?.request).toMatchObject({ turnIndex: 2, stream: streaming })
    const results = server.requests.at(-1)?.request?.messages.flatMap((message) => message.toolResults)
    expect(results?.map((one) => one.text)).toEqual([
      expect.stringContaining('wrote a/b.txt'),
      expect.stringContaining('ran cat a/b.txt'),
    ])
  })

  test('starts the work again at the next prompt of the same conversation', async () => {
    const server = await started(work([{ run: 'date' }, { say: 'Done again.' }]))
    const options = { model: modelAt(server.url), tools: { bash }, stopWhen: isStepCount(4), ...once }
    const first = await generateText({ ...options, prompt: 'Go' })
    const second = await generateText({
      ...options,
      messages: [
        { role: 'user', content: 'Go' },
        ...first.steps.flatMap((step) => step.response.messages),
        { role: 'user', content: 'And again' },
      ],
    })
    expect(second.steps.map((step) => step.toolCalls.length)).toEqual([1, 0])
    expect(second.text).toBe('Done again.')
  })

  test('gives a structured answer, also the smallest one where the script names none', async () => {
    const schema = z.object({ verdict: z.enum(['good', 'bad']), findings: z.array(z.string()), score: z.number() })
    const server = await started(
      firstOf([when(/judge/, { json: { verdict: 'bad', findings: ['x'], score: 2 } }), () => ({})]),
    )
    const ask = (prompt: string) =>
      generateText({ model: modelAt(server.url), output: Output.object({ schema }), prompt, ...once })
    expect((await ask('judge this')).output).toEqual({ verdict: 'bad', findings: ['x'], score: 2 })
    expect((await ask('anything')).output).toEqual({ verdict: 'good', findings: [], score: 0 })
    expect(server.requests[0]?.request?.jsonSchema).toMatchObject({ properties: { verdict: {} } })
  })

  test('gives nonsense for a structured answer when told to', async () => {
    const server = await started(() => ({ garbage: true }))
    const output = Output.object({ schema: z.object({ verdict: z.string() }) })
    const asked = generateText({ model: modelAt(server.url), output, prompt: 'judge', ...once })
    await expect(asked.then((answer) => answer.output)).rejects.toThrow(/No (object|output) generated/)
  })

  test.each([400, 401, 429, 500, 529])('says no with status %i', async (status) => {
    const server = await started(() => ({ error: { status, retryAfter: 7 } }))
    const asked = generateText({ model: modelAt(server.url), prompt: 'Hello', ...once })
    const error = await asked.catch((reason: unknown) => reason)
    expect(APICallError.isInstance(error)).toBe(true)
    expect(error).toMatchObject({
      statusCode: status,
      message: `scripted error ${status}`,
      isRetryable: status === 429 || status >= 500,
      responseHeaders: { 'retry-after': '7' },
    })
  })

  test('is tried again after a passing failure', async () => {
    const failing = times(1, { error: { status: 429, retryAfter: 0, headers: { 'retry-after-ms': '1' } } })
    const server = await started(firstOf([failing, say('Better now.')]))
    const answer = await generateText({ model: modelAt(server.url), prompt: 'Hello', maxRetries: 1 })
    expect(answer.text).toBe('Better now.')
    expect(server.requests.map((one) => one.status)).toEqual([429, 200])
  })

  test('hangs until the caller gives up', async () => {
    const server = await started(() => ({ hang: true }))
    const giveUp = new AbortController()
    const asked = generateText({ model: modelAt(server.url), prompt: 'Hello', abortSignal: giveUp.signal, ...once })
    await expect.poll(() => server.requests.length).toBe(1)
    expect(server.requests[0]?.status).toBe(0)
    giveUp.abort()
    await expect(asked).rejects.toThrow(/abort/i)
    await expect.poll(() => server.requests[0]?.status).toBe(503)
  })

  test('breaks the connection in the middle of a stream when told to', async () => {
    const server = await started(() => ({ say: 'This sentence is not going to be', cut: true }))
    const stream = streamText({ model: modelAt(server.url), prompt: 'Hello', onError: () => {}, ...once })
    // Some of the clients end their stream with an error part, others throw out of it.
    const parts = await Array.fromAsync(stream.stream).catch((error: unknown) => [{ type: 'error', error }])
    expect(parts.map((part) => part.type)).toContain('error')
    expect(parts.map((part) => part.type)).not.toContain('finish')
  })

  test('waits as long as told, by the clock it was given', async () => {
    const clock = createFakeClock()
    const server = await started(() => ({ say: 'Late.', delayMs: 60_000 }), clock)
    let isAnswered = false
    const asked = generateText({ model: modelAt(server.url), prompt: 'Hello', ...once }).then((answer) => {
      isAnswered = true
      return answer.text
    })
    await expect.poll(() => server.requests.length).toBe(1)
    await clock.advance(59_000)
    expect(isAnswered).toBe(false)
    await clock.advance(1_000)
    expect(await asked).toBe('Late.')
  })
})

test('answers 400, naming what is offered, when a script wants a tool that nobody offers', async () => {
  const server = await started(work([{ tool: { name: 'recall', args: {} } }]))
  const model = CLIENTS['OpenAI Chat']?.(server.url) as LanguageModel
  const asked = generateText({ model, tools: { bash }, prompt: 'Go', maxRetries: 0 })
  await expect(asked).rejects.toThrow('the script wants to call recall, but no offered tool can; offered: bash')
})

test('answers 400 when no script has an answer', async () => {
  const server = await started(when(prompted(/never/), say('x')))
  const model = CLIENTS['Anthropic Messages']?.(server.url) as LanguageModel
  await expect(generateText({ model, prompt: 'Hello', maxRetries: 0 })).rejects.toThrow('the script has no answer')
})

test('calls an MCP tool by the end of its name, and does not take it for a builtin', async () => {
  const server = await started(work([{ tool: { name: 'recall', args: { query: 'x' } } }, { run: 'true' }]))
  const recall = tool({ inputSchema: z.object({ query: z.string() }), execute: async () => 'nothing' })
  const model = CLIENTS['OpenAI Chat']?.(server.url) as LanguageModel
  const { steps } = await generateText({
    model,
    tools: { mcp__claw__precall: recall, mcp__claw__recall: recall, mcp__claw__bash: bash, bash },
    stopWhen: isStepCount(5),
    prompt: 'Go',
  })
  const names = steps.flatMap((step) => step.toolCalls.map((call) => call.toolName))
  expect(names).toEqual(['mcp__claw__recall', 'bash'])
})

test('lists models and counts tokens in each API’s words', async () => {
  const server = await started(say('x'))
  const get = async (path: string, init: RequestInit = {}) => (await fetch(server.url + path, init)).json()
  expect(await get('/v1/models')).toMatchObject({ object: 'list', data: [{ id: 'scripted-model' }] })
  const anthropic = await get('/v1/models', { headers: { 'anthropic-version': '2023-06-01' } })
  expect(anthropic).toMatchObject({ data: [{ type: 'model', id: 'scripted-model' }], has_more: false })
  expect(await get('/v1beta/models')).toMatchObject({ models: [{ name: 'models/scripted-model' }] })
  const messages = [{ role: 'user', content: 'one two three' }]
  const post = (body: unknown) => ({ method: 'POST', body: JSON.stringify(body) })
  const counted = await get('/v1/messages/count_tokens', post({ model: 'm', messages }))
  expect(counted).toEqual({ input_tokens: expect.any(Number) })
  const contents = [{ role: 'user', parts: [{ text: 'one two three' }] }]
  const google = (await get('/v1beta/models/m:countTokens', post({ contents }))) as { totalTokens: number }
  expect(google.totalTokens).toBe((counted as { input_tokens: number }).input_tokens)
})

test('records what it has no answer for, with headers and body', async () => {
  const server = await started(say('x'))
  const answer = await fetch(`${server.url}/telemetry?a=1`, {
    method: 'POST',
    body: 'secret-key',
    headers: { 'x-a': 'b' },
  })
  expect(answer.status).toBe(404)
  expect(server.requests).toEqual([
    expect.objectContaining({ method: 'POST', path: '/telemetry?a=1', body: 'secret-key', api: null, status: 404 }),
  ])
  expect(server.requests[0]?.headers['x-a']).toBe('b')
})
