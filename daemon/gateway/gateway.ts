import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Config } from '../../config/schema.ts'
import { SECOND } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import { NO_TOKENS, type Tokens } from '../../core/spend.ts'
import type { World } from '../../core/world.ts'
import type { ModelAccess } from '../agents/agent.ts'
import type { ModelBrainConfig } from '../brain/brain-wire.ts'
import type { FindSecret } from '../brain/find-model.ts'
import { listUpstreamRows } from '../store/ledger-rows.ts'
import { addEvent } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { AnsweredRequest } from '../telemetry/spans.ts'
import { createAskUpstream } from './ask-upstream.ts'
import { apiOf, findCall, readToken, WIRES } from './find-call.ts'
import { createForward, type Forwarded, retryHeaders } from './forward.ts'
import { createLedger } from './ledger.ts'
import { type LimitUse, nextDayAt } from './limits.ts'
import { LOGIN, type OpenTurn, openMeter } from './meter.ts'
import { createPrices } from './prices.ts'
import { readRequest, tokensIn } from './read-request.ts'
import { BRAIN, type Caller, createRunTokens, tokenFor } from './run-tokens.ts'
import { createTracer } from './trace.ts'
import { createUpstreamGate, type OpenGate } from './upstream-gate.ts'
import { candidatesOf, listUpstreams, modelAt, modelsThrough } from './upstreams.ts'
import type { Api, Refusal } from './wire.ts'

/**
 * The models' door on loopback: agents and the brain ask here, with a token for each run, and never see a
 * provider's key. What they use is counted, held against the owner's limits, and waits where a provider
 * says so.
 */
export interface Gateway extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, without a version. */
  readonly url: string
  readonly port: number
  /** The ways in which agents reach the models; the key opens nothing, `access` puts one in that does. */
  readonly models: readonly ModelAccess[]
  /** What tokens cost with one of `models`; undefined where nobody knows. */
  price(model: ModelAccess, tokens: Tokens): number | undefined
  /** A model for one run, with a token that ends with the disposal. A model that is not from here stays as it is. */
  access(model: ModelAccess, caller: Omit<Caller, 'upstream'>): { model: ModelAccess } & Disposable
  /**
   * For an agent whose model is not from here, because it has a login of its own: writes one turn into the ledger,
   * before it begins. Throws provider_limited where nothing may be spent.
   */
  openTurn(caller: Omit<Caller, 'upstream'>, prompt: string): Promise<OpenTurn>
  /** The brain's model through the gateway, and its token for one question. */
  brain(model: ModelBrainConfig): { config: ModelBrainConfig; keyFor(question: Question): string }
  upstreams(): UpstreamState[]
  /** Undefined where it, or one that stands in for it, may be asked now. */
  pausedUntil(upstream: string): number | undefined
  /** Resolves when all that was spent so far stands in the ledger. */
  flush(): Promise<void>
}

interface Question {
  purpose: string
  goalId?: string | undefined
}

/** For `claw status` and people. */
export interface UpstreamState {
  name: string
  provider: string
  model: string | null
  ready: boolean
  /** `ready`, `paused until …: its words`, `no key: …`. */
  words: string
  pausedUntil: number | null
  why: string | null
  width: number
  inFlight: number
}

export interface GatewayDeps {
  config: Pick<Config, 'model' | 'brain' | 'upstreams' | 'gateway' | 'limits' | 'prices'>
  secrets: FindSecret
  /** For a proxy of the owner's. */
  env: Readonly<Record<string, string | undefined>>
  store: Store
  world: World
  /** Where traces go, if there are any. */
  traceDir: string
  /** Takes secrets out of traces. */
  redact(text: string): string
  hooks: {
    /** A limit was reached: stop the caller's run, let its goal ask. */
    onLimit(caller: Caller, limit: LimitUse): void
    /** An upstream may be asked again: start what waited for it. */
    onResumed(upstream: string): void
    /** A new day of the owner's: limits per day begin anew. */
    onDay(): void
    /** A request has ended, however it did. */
    onAnswered?(request: AnsweredRequest): void
  }
}

/** Connections at the same time; each run has a few. */
const CONNECTIONS_MAX = 2_000
const HEADERS_MAX_MS = 30 * SECOND
const REQUEST_MAX_MS = 5 * 60 * SECOND
const CLOSE_GRACE_MS = 2 * SECOND

export async function openGateway(deps: GatewayDeps): Promise<Gateway> {
  const { config, secrets, env, store, world, hooks } = deps
  const log = world.log.child({ part: 'gateway' })
  const own: World = { clock: world.clock, log }
  const upstreams = listUpstreams(config, secrets)
  const tokens = createRunTokens()
  const prices = createPrices(config.prices)
  await using parts = new AsyncDisposableStack()
  const ledger = createLedger({ store, world: own })
  parts.defer(() => ledger.flush())
  const meter = await openMeter({
    store,
    ledger,
    world: own,
    prices,
    limits: config.limits,
    onLimit: tellOfLimit,
    onAnswered: (request) => hooks.onAnswered?.(request),
  })

  /** Whoever decides what follows reads the ledger: it must say what we know. */
  function tellOfLimit(caller: Caller, limit: LimitUse): void {
    void ledger.flush().then(() => hooks.onLimit(caller, limit))
  }

  const rows = await listUpstreamRows(store.db)
  const gates = new Map<string, OpenGate>()
  for (const { name, parallelMax } of upstreams) {
    const gate = createUpstreamGate({
      world: own,
      name,
      parallelMax,
      before: rows.find((row) => row.name === name),
      onChanged: (row) => ledger.saveUpstream(row),
      onPaused({ until, why }) {
        log.warn({ upstream: name, until, why }, 'upstream paused')
        say((tx, now) => addEvent(tx, now, { type: 'upstream.paused', data: { upstream: name, until, why } }))
      },
      onResumed() {
        log.info({ upstream: name }, 'upstream resumed')
        say((tx, now) => addEvent(tx, now, { type: 'upstream.resumed', data: { upstream: name } }))
        hooks.onResumed(name)
      },
    })
    gates.set(name, parts.use(gate))
  }
  const ask = parts.use(createAskUpstream({ world: own, proxyEnv: env }))
  const tracer = config.gateway.traces
    ? createTracer({
        world: own,
        dir: deps.traceDir,
        bytesMax: config.gateway.traceMaxKb * 1024,
        redact: deps.redact,
      })
    : undefined
  const holdMs = config.gateway.holdSeconds * SECOND
  const forward = createForward({ world: own, upstreams, gates, meter, ask, tracer, holdMs })
  const bodyBytesMax = config.gateway.bodyMaxMb * 1024 * 1024

  let newDay = world.clock.after(0, () => {})
  const waitForDay = () => {
    const at = nextDayAt(world.clock.now())
    newDay = world.clock.after(at - world.clock.now(), () => {
      hooks.onDay()
      waitForDay()
    })
  }
  waitForDay()
  parts.defer(() => newDay[Symbol.dispose]())

  function say(work: (tx: Parameters<Parameters<typeof ledger.write>[0]>[0], now: number) => Promise<void>): void {
    ledger.write((tx) => work(tx, world.clock.now()))
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const { pathname, searchParams } = url
    const version = /^\/(v1\w*)\//.exec(pathname)?.[1]
    const call = findCall(request.method ?? '', pathname, request.headers)
    const api = call?.api ?? apiOf(version, pathname.replace(/^\/v1\w*/, ''), request.headers)
    const no = (refusal: Refusal) => refuse(request, response, api, refusal)
    if (!isLoopback(request.headers.host)) {
      return no({ status: 403, kind: 'request', message: 'Claw: this door answers on 127.0.0.1 only.' })
    }
    // Claude Code looks whether anybody is there.
    if (request.method === 'HEAD' && pathname === '/') return void response.writeHead(200).end()
    const token = readToken(request.headers, searchParams)
    const caller = token === undefined ? undefined : tokens.find(token)
    if (!caller) {
      const words = token === undefined ? 'a token is needed' : 'this token is not known, or its run has ended'
      return no({ status: 401, kind: 'token', message: `Claw: ${words}.` })
    }
    if (!call) {
      return no({
        status: 404,
        kind: 'route',
        message: `Claw: there is no ${request.method} ${pathname.slice(0, 200)}.`,
      })
    }
    const raw = await readBody(request, bodyBytesMax)
    if (raw === 'too-large') {
      const message = `Claw: the request is larger than ${config.gateway.bodyMaxMb} MB.`
      return no({ status: 413, kind: 'too-large', message })
    }
    if (raw === 'gone') return
    const asked = readRequest(call, raw)
    if ('complaint' in asked) return no({ status: 400, kind: 'request', message: `Claw: ${asked.complaint}.` })
    searchParams.delete('key')
    const gone = new AbortController()
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new Error('the caller has gone'))
    })
    if (response.destroyed) return
    const query = searchParams.size > 0 ? `?${searchParams}` : ''
    const what = { request: asked, caller, query, headers: request.headers, response, signal: gone.signal }
    answer(await forward(what), response, no)
  }

  const server = createServer(
    { requestTimeout: REQUEST_MAX_MS, headersTimeout: HEADERS_MAX_MS },
    (request, response) => {
      handle(request, response).catch((error: unknown) => {
        log.error({ err: error }, 'gateway request failed')
        const words = error instanceof Fault ? error.message : 'something is wrong in Claw itself; its log says what'
        if (response.headersSent) response.destroy()
        else refuse(request, response, 'openai-chat', { status: 503, kind: 'down', message: `Claw: ${words}.` })
      })
    },
  )
  server.maxConnections = CONNECTIONS_MAX
  server.on('clientError', (_error, socket) => void socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const port = config.gateway.port
      reject(
        new Fault('config_invalid', `gateway.port: port ${port} on 127.0.0.1 cannot be used: ${cause.message}`, {
          cause,
        }),
      )
    })
    server.listen(config.gateway.port, '127.0.0.1', () => resolve())
  })
  server.on('error', (err) => log.error({ err }, 'gateway server error'))
  parts.defer(
    () =>
      new Promise<void>((resolve) => {
        const hurry = world.clock.after(CLOSE_GRACE_MS, () => server.closeAllConnections())
        server.close(() => {
          hurry[Symbol.dispose]()
          resolve()
        })
        server.closeIdleConnections()
      }),
  )
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const models = modelsThrough(url, upstreams)
  log.info({ port, upstreams: upstreams.map(({ name }) => name) }, 'gateway ready')

  const owned = parts.move()
  return {
    url,
    port,
    models,
    price(model, tokens) {
      const upstream = upstreams.find((one) => one.name === model.upstream)
      return upstream && prices(upstream, modelAt(upstream, model.model), tokens)
    },
    access(model, caller) {
      const { upstream } = model
      if (upstream === undefined) return { model, [Symbol.dispose]() {} }
      const granted = tokens.grant({ ...caller, upstream })
      return { model: { ...model, key: granted.token }, [Symbol.dispose]: () => granted[Symbol.dispose]() }
    },
    openTurn: (caller, prompt) =>
      meter.openTurn({ ...caller, upstream: LOGIN }, { ...NO_TOKENS, inputTokens: tokensIn(prompt) }),
    brain(model) {
      const base = model.baseUrl ?? null
      const found = upstreams.filter((one) => {
        const given = one.givenUrl?.replace(/\/+$/, '') ?? null
        return one.provider === model.provider && one.model === model.model && given === base
      })
      const upstream = found.find(({ name }) => name === BRAIN) ?? found[0]
      if (!upstream) throw new Error(`the brain's model ${model.model} is no upstream of the gateway`)
      const nobody = { goalId: null, taskId: null, runId: null, agent: BRAIN, purpose: 'other' }
      const { token } = tokens.grant({ ...nobody, upstream: upstream.name })
      const baseUrl = `${url}/${model.provider === 'google' ? 'v1beta' : 'v1'}`
      const isLoose = model.provider === 'openai-chat' && model.baseUrl !== undefined
      return { config: { ...model, baseUrl, key: token, isLoose }, keyFor: (question) => tokenFor(token, question) }
    },
    upstreams: () => upstreams.map((one) => stateOf(one, gates.get(one.name)!)),
    pausedUntil(name) {
      const candidates = candidatesOf(upstreams, name, undefined)
      const pauses = candidates.map((one) => gates.get(one.name)!.pausedUntil())
      return pauses.length === 0 || pauses.includes(undefined) ? undefined : Math.min(...(pauses as number[]))
    },
    flush: () => ledger.flush(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function stateOf(upstream: ReturnType<typeof listUpstreams>[number], gate: OpenGate): UpstreamState {
  const { name, provider, model } = upstream
  const until = gate.pausedUntil()
  const key = upstream.findKey()
  const words =
    until !== undefined
      ? `paused until ${new Date(until).toISOString()}${gate.why ? ` (${gate.why})` : ''}`
      : typeof key === 'string'
        ? 'ready'
        : `no key: ${key.missing}`
  return {
    name,
    provider,
    model,
    ready: until === undefined && typeof key === 'string',
    words,
    pausedUntil: until ?? null,
    why: until === undefined ? null : (gate.why ?? null),
    width: gate.width,
    inFlight: gate.inFlight,
  }
}

function answer(forwarded: Forwarded, response: ServerResponse, no: (refusal: Refusal) => void): void {
  if (forwarded.do === 'done' || response.headersSent || response.destroyed) return
  if (forwarded.do === 'refuse') {
    no(forwarded.refusal)
    return
  }
  const { status, headers, body } = forwarded.answer
  response.writeHead(status, { ...headers, 'content-length': body.length }).end(body)
}

function refuse(request: IncomingMessage, response: ServerResponse, api: Api, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) return
  const body = Buffer.from(JSON.stringify(WIRES[api].error(refusal)))
  // A body that nobody reads would keep the connection busy.
  const unread = !request.complete
  response.writeHead(refusal.status, {
    'content-type': 'application/json',
    'content-length': body.length,
    ...(refusal.kind === 'limit' ? { 'x-should-retry': 'false' } : {}),
    ...(refusal.retryAfterMs === undefined ? {} : retryHeaders(refusal.retryAfterMs)),
    ...(unread ? { connection: 'close' } : {}),
  })
  response.end(body)
  if (unread) request.resume()
}

/** Never holds more than the limit, whatever the headers promise. */
function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | 'too-large' | 'gone'> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return Promise.resolve('too-large')
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      // What is over the limit is read and dropped: a caller that still writes does not read our answer.
      if (size > bytesMax) resolve('too-large')
      else chunks.push(chunk)
    })
    request.once('end', () => resolve(Buffer.concat(chunks)))
    request.once('error', () => resolve('gone'))
    request.once('close', () => resolve('gone'))
  })
}

/** A page that resolved a name of its own to 127.0.0.1 says that name here. */
function isLoopback(host: string | undefined): boolean {
  return host !== undefined && /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host)
}
