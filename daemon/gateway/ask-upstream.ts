import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import { redact } from '../../core/redact.ts'
import type { Tokens } from '../../core/spend.ts'
import type { World } from '../../core/world.ts'
import { WIRES } from './find-call.ts'
import { flat, toCaller, toProvider } from './headers.ts'
import type { Reservation } from './meter.ts'
import { readProviderLimit } from './provider-limit.ts'
import { type ModelCall, mustAskForUsage, outgoing } from './read-request.ts'
import { stripUsage } from './strip-usage.ts'
import type { TraceEntry } from './trace.ts'
import type { Place } from './upstream-gate.ts'
import type { Upstream } from './upstreams.ts'
import { createUsageTap } from './usage-tap.ts'

/** How one attempt at one upstream went. */
export type Asked =
  /** The answer is on its way or was given; nothing more can be said to the caller. */
  | { do: 'answered' }
  | { do: 'limited'; until: number; why: string; answer: KeptAnswer }
  /** It did not take the request, or failed before it said anything. */
  | { do: 'failed'; words: string; answer: KeptAnswer | undefined }
  | { do: 'key-refused'; status: number }
  | { do: 'gone' }

/** An error of the provider's, to be passed on as it is. */
export interface KeptAnswer {
  status: number
  headers: Record<string, string>
  body: Buffer
}

export interface Attempt {
  request: ModelCall
  upstream: Upstream
  key: string
  query: string
  caller: http.IncomingHttpHeaders
  response: ServerResponse
  place: Place
  refusals: number
  reservation: Reservation | undefined
  trace: TraceEntry | undefined
  /** Aborted when the caller has gone. */
  signal: AbortSignal
}

const ERROR_BODY_MAX = 256 * 1024
/** An upstream that says nothing for so long says nothing any more. */
const SILENCE_MAX_MS = 10 * 60_000
/** The request never got there, so it cost nothing. */
const NEVER_ARRIVED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])
/** A token in an event of a stream takes more than this, words of the event and all. */
const BYTES_PER_TOKEN_MIN = 4
const IS_TLS = /CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO_VERIFY/

export interface AskUpstream extends Disposable {
  (attempt: Attempt): Promise<Asked>
}

export function createAskUpstream({
  world,
  proxyEnv,
}: {
  world: World
  /** Where the owner's proxies are named. */
  proxyEnv: Readonly<Record<string, string | undefined>>
}): AskUpstream {
  const options = {
    keepAlive: true,
    maxSockets: Number.POSITIVE_INFINITY,
    maxFreeSockets: 64,
    proxyEnv: { ...proxyEnv },
  }
  const agents = { 'http:': new http.Agent(options), 'https:': new https.Agent(options) }

  const ask = async (attempt: Attempt): Promise<Asked> => {
    const { request, upstream, key, reservation, signal, response } = attempt
    const { path, body } = outgoing(request, upstream)
    const url = new URL(`${upstream.baseUrl}${path}${attempt.query}`)
    const method = request.call.kind === 'models' ? 'GET' : 'POST'
    let isSent = false
    let answer: IncomingMessage
    try {
      answer = await new Promise<IncomingMessage>((resolve, reject) => {
        const out = (url.protocol === 'https:' ? https : http).request(url, {
          method,
          agent: agents[url.protocol as keyof typeof agents],
          timeout: SILENCE_MAX_MS,
          headers: toProvider(attempt.caller, upstream, key, body.length),
          signal,
        })
        out.once('timeout', () => out.destroy(new Error('the provider fell silent')))
        out.once('finish', () => {
          isSent = true
        })
        out.once('response', resolve)
        out.once('error', reject)
        out.end(method === 'GET' ? undefined : body)
      })
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException
      const cost = !isSent || NEVER_ARRIVED.has(code) || IS_TLS.test(code) ? 'void' : 'estimated'
      reservation?.settle(cost, request.bound, null)
      if (signal.aborted) return { do: 'gone' }
      return { do: 'failed', words: redact(message || code, [key]), answer: undefined }
    }
    const status = answer.statusCode ?? 0
    if (status >= 200 && status < 300) return pass(attempt, answer, status)
    return refused(attempt, answer, status)

    async function refused(of: Attempt, from: IncomingMessage, was: number): Promise<Asked> {
      const text = redact(await readSome(from), [key])
      reservation?.settle('void', request.bound, was)
      if (signal.aborted) return { do: 'gone' }
      const { 'content-length': _, 'content-encoding': __, ...headers } = flat(toCaller(from.headers) as never)
      const kept = { status: was, headers, body: Buffer.from(text) }
      const limit = readProviderLimit(
        { status: was, headers: flat(from.headers), body: text },
        world.clock.now(),
        of.refusals,
      )
      if (limit) {
        of.place.limited(limit.until, limit.why)
        return { do: 'limited', ...limit, answer: kept }
      }
      if (was === 401 || was === 407) return { do: 'key-refused', status: was }
      if (was >= 500 || was < 400)
        return { do: 'failed', words: `it answered ${was}`, answer: was >= 500 ? kept : undefined }
      of.place.answered()
      response.writeHead(was, { ...headers, 'content-length': kept.body.length })
      response.end(kept.body)
      of.trace?.end({ status: was, answer: text, usage: undefined })
      return { do: 'answered' }
    }
  }

  return Object.assign(ask, {
    [Symbol.dispose]() {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  })
}

/** Hands the answer on as it comes; reading it on the side changes nothing of it. */
async function pass(attempt: Attempt, from: IncomingMessage, status: number): Promise<Asked> {
  const { request, response, reservation, place, trace, signal } = attempt
  const tap = createUsageTap(WIRES[request.call.api], String(from.headers['content-type'] ?? ''))
  const strips = mustAskForUsage(request, attempt.upstream)
  const headers = toCaller(from.headers)
  if (strips) delete headers['content-length']
  response.writeHead(status, headers)
  response.flushHeaders()
  const isWhole = await new Promise<boolean>((resolve) => {
    from.on('data', (chunk: Buffer) => {
      tap.push(chunk)
      trace?.push(chunk)
    })
    from.once('end', () => resolve(from.complete))
    from.once('error', () => resolve(false))
    from.once('close', () => resolve(from.complete))
    if (strips) from.pipe(stripUsage()).pipe(response)
    else from.pipe(response)
  })
  tap.end()
  const isSettled = tap.usage !== undefined && (isWhole || tap.isComplete)
  const used = isSettled ? tap.usage! : guessed(request, tap.usage, tap.bytes)
  reservation?.settle(isSettled ? 'settled' : 'estimated', used, status)
  if (isWhole) place.answered()
  // What broke off there breaks off here: a cut answer must not look like a whole one.
  else if (!signal.aborted) response.destroy()
  trace?.end({ status, answer: null, usage: used })
  return { do: 'answered' }
}

/** Nobody said what an answer used that broke off, or whose provider does not count: what was seen, at most what can be. */
function guessed({ bound }: ModelCall, said: Tokens | undefined, bytes: number): Tokens {
  return {
    inputTokens: said?.inputTokens || bound.inputTokens,
    cachedTokens: said?.cachedTokens ?? 0,
    cacheWriteTokens: said?.cacheWriteTokens ?? 0,
    outputTokens: Math.max(
      said?.outputTokens ?? 0,
      bytes === 0 ? bound.outputTokens : Math.min(bound.outputTokens, Math.ceil(bytes / BYTES_PER_TOKEN_MIN)),
    ),
    reasoningTokens: said?.reasoningTokens ?? 0,
  }
}

async function readSome(from: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      size += chunk.length
      if (size > ERROR_BODY_MAX) break
    }
  } catch {
    // what came of it is enough
  }
  return Buffer.concat(chunks).toString('utf8').slice(0, ERROR_BODY_MAX)
}
