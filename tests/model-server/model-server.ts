import { type HttpBindings, type ServerType, serve } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { type Clock, systemClock } from '../../core/clock.ts'
import { anthropicApi } from './anthropic-api.ts'
import type { Answer, Api, ApiName, ModelRequest, Script } from './exchange.ts'
import { googleApi } from './google-api.ts'
import { openaiChatApi } from './openai-chat-api.ts'
import { openaiResponsesApi } from './openai-responses-api.ts'
import { at, parsed } from './peek.ts'
import { countTokens, errorFor, type Outcome, outcomeOf } from './reply.ts'
import { bytesOf } from './sse.ts'

/**
 * A model provider on loopback that says what a script tells it to.
 *
 * It speaks Anthropic Messages, OpenAI Responses and Chat Completions, and Gemini, streaming and
 * whole, well enough for the agents and SDKs named in the tests. Every request is recorded, also
 * those it has no answer for, so a test can prove what was sent and that nothing else was.
 */
export interface ModelServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, without `/v1`. */
  readonly url: string
  readonly port: number
  /** Oldest first, at most `REQUESTS_MAX`. */
  readonly requests: readonly RecordedRequest[]
}

export interface RecordedRequest {
  at: number
  method: string
  /** With its query. */
  path: string
  headers: Record<string, string>
  /** As it came, at most `BODY_KEPT_MAX` characters. */
  body: string
  /** Null for what is no model call: lists of models, token counts, unknown paths. */
  api: ApiName | null
  request: ModelRequest | null
  /** 0 while it is being answered; 503 when the caller gave up on an answer that hangs. */
  status: number
}

export interface ModelServerOptions {
  script: Script
  /** 0, the default, lets the system choose. */
  port?: number
  clock?: Clock
  /** What the lists of models name. */
  models?: readonly string[]
}

export const REQUESTS_MAX = 2_000
const BODY_KEPT_MAX = 1_000_000
const BODY_MAX_BYTES = 64_000_000

export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const { script, port = 0, clock = systemClock, models = ['scripted-model'] } = options
  const requests: RecordedRequest[] = []
  const closing = new AbortController()
  const app = new Hono<{ Bindings: HttpBindings; Variables: { recorded: RecordedRequest; sent: unknown } }>()
  let answered = 0

  app.use(bodyLimit({ maxSize: BODY_MAX_BYTES }))
  app.use(async (c, next) => {
    const url = new URL(c.req.url)
    const text = await c.req.text()
    const recorded: RecordedRequest = {
      at: clock.now(),
      method: c.req.method,
      path: url.pathname + url.search,
      headers: c.req.header(),
      body: text.slice(0, BODY_KEPT_MAX),
      api: null,
      request: null,
      status: 0,
    }
    if (requests.push(recorded) > REQUESTS_MAX) requests.shift()
    c.set('recorded', recorded)
    c.set('sent', parsed(text))
    await next()
    recorded.status = c.res.status
  })

  async function answer(c: Context, api: Api, model: string, stream: boolean): Promise<Response> {
    const request = api.read(c.get('sent'), { model, stream, headers: c.req.header() })
    Object.assign(c.get('recorded'), { api: api.name, request })
    const signal = AbortSignal.any([closing.signal, c.req.raw.signal])
    const outcome = await decide(request)
    if (outcome.do === 'hang') return untilAborted(signal)
    if (!(await slept(clock, outcome.delayMs, signal))) return GONE()
    if (outcome.do === 'refuse')
      return Response.json(outcome.body ?? api.error(outcome.status, outcome.message), {
        status: outcome.status,
        headers: outcome.headers,
      })
    const isEventStream = stream && !(api.name === 'google' && c.req.query('alt') !== 'sse')
    const { type, chunks } = bytesOf(api, outcome.reply, stream ? (isEventStream ? 'events' : 'array') : 'whole')
    const breakOff = outcome.cut ? () => c.env.outgoing.destroy() : undefined
    const body = paced(chunks, () => slept(clock, outcome.slowMs, signal), breakOff)
    return new Response(body, { headers: { 'content-type': type, 'x-request-id': outcome.reply.id } })
  }

  /** A broken script is a broken test: it is answered 400, which no client tries again. */
  async function decide(request: ModelRequest): Promise<Outcome> {
    try {
      const given: Answer | undefined = await script(request)
      if (!given) return errorFor(400, 'the script has no answer to this request')
      answered += 1
      return outcomeOf(given, request, String(answered))
    } catch (error) {
      return errorFor(400, `the script failed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  const isStream = (c: Context) => at(c.get('sent'), 'stream') === true
  app.post('/v1/messages', (c) => answer(c, anthropicApi, '', isStream(c)))
  app.post('/v1/responses', (c) => answer(c, openaiResponsesApi, '', isStream(c)))
  app.post('/v1/chat/completions', (c) => answer(c, openaiChatApi, '', isStream(c)))
  app.post('/v1/messages/count_tokens', (c) =>
    c.json({ input_tokens: countTokens(anthropicApi.read(c.get('sent'), { model: '', stream: false, headers: {} })) }),
  )
  app.post('/v1beta/models/:call', async (c): Promise<Response> => {
    const [model = '', method] = c.req.param('call').split(':')
    if (method === 'generateContent') return answer(c, googleApi, model, false)
    if (method === 'streamGenerateContent') return answer(c, googleApi, model, true)
    if (method !== 'countTokens') return c.json(googleApi.error(404, `no method ${method}`) as object, 404)
    const sent = at(c.get('sent'), 'generateContentRequest') ?? c.get('sent')
    return c.json({ totalTokens: countTokens(googleApi.read(sent, { model, stream: false, headers: {} })) })
  })
  app.get('/v1/models', (c) =>
    c.json(
      c.req.header('anthropic-version')
        ? {
            data: models.map((id) => ({ type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' })),
            has_more: false,
            first_id: models[0] ?? null,
            last_id: models.at(-1) ?? null,
          }
        : { object: 'list', data: models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'scripted' })) },
    ),
  )
  app.get('/v1beta/models', (c) =>
    c.json({
      models: models.map((id) => ({
        name: `models/${id}`,
        displayName: id,
        supportedGenerationMethods: ['generateContent', 'countTokens'],
        inputTokenLimit: 200_000,
        outputTokenLimit: 32_000,
      })),
    }),
  )
  app.notFound((c) => c.json(openaiChatApi.error(404, `nothing at ${c.req.path}`) as object, 404))

  const { server, bound } = await listen(app.fetch, port)
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    requests,
    async [Symbol.asyncDispose]() {
      closing.abort(new Error('the model server is closed'))
      if ('closeAllConnections' in server) server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

type Fetch = Parameters<typeof serve>[0]['fetch']

function listen(fetch: Fetch, port: number): Promise<{ server: ServerType; bound: number }> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port, hostname: '127.0.0.1' }, (info) => resolve({ server, bound: info.port }))
    server.once('error', reject)
  })
}

/** The caller has gone; nobody reads this. */
const GONE = () => new Response(null, { status: 503 })

function untilAborted(signal: AbortSignal): Promise<Response> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(GONE())
    else signal.addEventListener('abort', () => resolve(GONE()), { once: true })
  })
}

/** False when the caller or the server went away meanwhile. */
function slept(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  if (ms <= 0) return Promise.resolve(true)
  return clock.sleep(ms, signal).then(
    () => true,
    () => false,
  )
}

/** One chunk at a time, each after `pause`; with `breakOff`, half of them and then the end of the connection. */
function paced(
  chunks: readonly string[],
  pause: () => Promise<boolean>,
  breakOff: (() => void) | undefined,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const left = breakOff ? chunks.slice(0, Math.ceil(chunks.length / 2)) : [...chunks]
  return new ReadableStream({
    async pull(controller) {
      const chunk = left.shift()
      if (chunk !== undefined && (await pause())) return controller.enqueue(encoder.encode(chunk))
      if (chunk === undefined) breakOff?.()
      controller.close()
    },
  })
}
