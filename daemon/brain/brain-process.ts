/**
 * The brain's own process: asks a model and passes its words on.
 *
 * The model SDK takes 128 MB; here it goes away when nothing is asked. Started by `model-brain.ts`
 * with an IPC channel and nothing in its environment; ends with that channel, so it cannot outlive
 * the daemon. It decides nothing: whether an answer fits, and what a failure means, is judged there.
 */
import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import {
  APICallError,
  generateText,
  jsonSchema,
  type LanguageModel,
  NoObjectGeneratedError,
  Output,
  type StreamTextResult,
  streamText,
  type ToolSet,
} from 'ai'
import type { Usage } from '../../core/run.ts'
import type { FromBrain, ModelBrainConfig, ModelProblem, Reply, ToBrain } from './brain-wire.ts'

type Ask = Extract<ToBrain, { type: 'ask' }>

/** Anthropic must be told a number; known models that take less are held to theirs by the SDK. */
const ANTHROPIC_OUTPUT_TOKENS_MAX = 32_000
const BODY_MAX = 4_000
const PARTIAL_EVERY_MS = 100
const NO_USAGE: Usage = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, usd: null }
/** Headers that say when to come back; the others stay here. */
const RETRY_HEADERS = ['retry-after', 'retry-after-ms', 'anthropic-ratelimit-unified-reset']

class AnswerTooLarge extends Error {}

globalThis.AI_SDK_LOG_WARNINGS = false
const open = new Map<number, AbortController>()

process.on('disconnect', () => process.exit(0))
process.on('message', (message: ToBrain) => {
  if (message.type === 'abort') return open.get(message.id)?.abort()
  const control = new AbortController()
  open.set(message.id, control)
  void answer(message, control.signal).then((reply) => {
    open.delete(message.id)
    const full: FromBrain = { id: message.id, ...reply }
    if (process.connected) process.send?.(full)
  })
})

async function answer(ask: Ask, signal: AbortSignal): Promise<Reply> {
  // A stream tells its error here; what waits for its end hears only that there is nothing.
  let streamed: unknown
  try {
    const schemaInWords = isLooseChat(ask.config)
      ? `\n\nAnswer with one JSON object and nothing else. It fits this JSON Schema:\n${JSON.stringify(ask.schema)}`
      : ''
    const options = {
      model: findModel(ask.config, boundedFetch(ask.answerBytesMax)),
      instructions: ask.system + schemaInWords,
      messages: ask.said.map(({ role, text }) => ({ role, content: text })),
      output: Output.object({ schema: jsonSchema(ask.schema) }),
      maxRetries: 0,
      abortSignal: signal,
      ...(ask.config.provider === 'anthropic' && { maxOutputTokens: ANTHROPIC_OUTPUT_TOKENS_MAX }),
    }
    const result = ask.isStreamed
      ? await whole(
          ask.id,
          streamText({
            ...options,
            onError: ({ error }) => {
              streamed = error
            },
          }),
        )
      : await generateText(options)
    const usage = toUsage(result.usage)
    if (result.finishReason === 'content-filter') {
      return { type: 'problem', problem: { kind: 'declined', message: 'its filter stopped the answer' }, usage }
    }
    // Reading `output` throws where there is none, an empty answer for one.
    const text = result.text === '' ? '' : JSON.stringify(result.output)
    return { type: 'text', text, cutOff: result.finishReason === 'length', usage }
  } catch (error) {
    if (NoObjectGeneratedError.isInstance(error)) {
      const declined = error.finishReason === 'content-filter'
      const usage = toUsage(error.usage)
      if (declined)
        return { type: 'problem', problem: { kind: 'declined', message: 'its filter stopped the answer' }, usage }
      return { type: 'text', text: error.text ?? '', cutOff: error.finishReason === 'length', usage }
    }
    return { type: 'problem', problem: toProblem(streamed ?? error, signal), usage: NO_USAGE }
  }
}

/** Tells the pieces of a stream as they come; answers with what it was in the end. */
async function whole(id: number, stream: StreamTextResult<ToolSet, never, ReturnType<typeof Output.object>>) {
  let toldAt = 0
  for await (const value of stream.partialOutputStream) {
    // A fast model would otherwise send the same words hundreds of times.
    if (performance.now() - toldAt < PARTIAL_EVERY_MS) continue
    toldAt = performance.now()
    if (process.connected) process.send?.({ id, type: 'partial', value } satisfies FromBrain)
  }
  const [text, finishReason, usage] = await Promise.all([stream.text, stream.finishReason, stream.usage])
  return { text, finishReason, usage, output: text === '' ? undefined : await stream.output }
}

function findModel(config: ModelBrainConfig, fetch: typeof globalThis.fetch): LanguageModel {
  const settings = { apiKey: config.key, fetch, ...(config.baseUrl !== undefined && { baseURL: config.baseUrl }) }
  switch (config.provider) {
    case 'anthropic':
      return createAnthropic(settings)(config.model)
    case 'google':
      return createGoogleGenerativeAI(settings)(config.model)
    case 'openai':
      return createOpenAI(settings).responses(config.model)
    case 'openai-chat':
      if (config.baseUrl === undefined || !isLooseChat(config)) return createOpenAI(settings).chat(config.model)
      return createOpenAICompatible({
        ...settings,
        name: 'openai-chat',
        baseURL: config.baseUrl,
        includeUsage: true,
      })(config.model)
  }
}

/** Servers that only resemble OpenAI's may know "answer in JSON" but no schema; they are told in words. */
function isLooseChat(config: ModelBrainConfig): boolean {
  return config.provider === 'openai-chat' && (config.isLoose ?? config.baseUrl !== undefined)
}

/** A body larger than the limit breaks the call off instead of filling the memory. */
function boundedFetch(bytesMax: number): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init)
    if (!response.body) return response
    let bytes = 0
    const counted = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          bytes += chunk.byteLength
          if (bytes > bytesMax) controller.error(new AnswerTooLarge(`more than ${bytesMax} bytes`))
          else controller.enqueue(chunk)
        },
      }),
    )
    return new Response(counted, {
      status: response.status,
      statusText: response.statusText,
      headers: response.headers,
    })
  }
}

function toProblem(error: unknown, signal: AbortSignal): ModelProblem {
  if (signal.aborted) return { kind: 'aborted' }
  const message = error instanceof Error ? error.message : String(error)
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 10; cause = cause.cause, depth++) {
    if (cause instanceof AnswerTooLarge) return { kind: 'too-large', message: cause.message }
  }
  // A 200 whose body cannot be read is no answer either.
  if (!APICallError.isInstance(error) || error.statusCode === undefined || error.statusCode < 300) {
    return { kind: 'network', message }
  }
  const headers = Object.entries(error.responseHeaders ?? {}).filter(([name]) =>
    RETRY_HEADERS.includes(name.toLowerCase()),
  )
  return {
    kind: 'http',
    status: error.statusCode,
    headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])),
    body: (error.responseBody ?? '').slice(0, BODY_MAX),
    message,
  }
}

interface SdkUsage {
  inputTokens: number | undefined
  outputTokens: number | undefined
  inputTokenDetails?: { cacheReadTokens: number | undefined }
}

/** `inputTokens` holds the cached ones too. */
function toUsage(usage: SdkUsage | undefined): Usage {
  return {
    inputTokens: usage?.inputTokens ?? 0,
    cachedTokens: usage?.inputTokenDetails?.cacheReadTokens ?? 0,
    outputTokens: usage?.outputTokens ?? 0,
    usd: null,
  }
}
