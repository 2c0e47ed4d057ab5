import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { SECOND } from '../../core/clock.ts'
import type { World } from '../../core/world.ts'
import type { AskUpstream, KeptAnswer } from './ask-upstream.ts'
import { amountInWords, type LimitUse } from './limits.ts'
import type { Meter } from './meter.ts'
import type { ModelCall } from './read-request.ts'
import type { Caller } from './run-tokens.ts'
import type { Tracer } from './trace.ts'
import type { UpstreamGate } from './upstream-gate.ts'
import { candidatesOf, modelAt, type Upstream } from './upstreams.ts'
import type { Refusal } from './wire.ts'

/**
 * Brings one request to whoever may answer it.
 *
 * Before each attempt the owner's limits are asked and the cost is written down. A provider that limits
 * us is waited for, as long as requests are held, or another one is asked where the owner named one; an
 * answer that has begun is never asked for again.
 */
export interface ForwardDeps {
  world: World
  upstreams: readonly Upstream[]
  gates: ReadonlyMap<string, UpstreamGate>
  meter: Meter
  ask: AskUpstream
  tracer: Tracer | undefined
  holdMs: number
}

export interface Forwarding {
  request: ModelCall
  caller: Caller
  query: string
  headers: IncomingHttpHeaders
  response: ServerResponse
  /** Aborted when the caller has gone. */
  signal: AbortSignal
}

/** `done`: nothing more is to be said. */
export type Forwarded = { do: 'done' } | { do: 'refuse'; refusal: Refusal } | { do: 'pass-on'; answer: KeptAnswer }

const TRIES_MAX = 6
/** After so long a wait for others a caller had better ask again. */
const BUSY_RETRY_MS = 5 * SECOND

export function createForward({ world, upstreams, gates, meter, ask, tracer, holdMs }: ForwardDeps) {
  const { clock } = world

  return async function forward(what: Forwarding): Promise<Forwarded> {
    const { request, caller, signal } = what
    const { call } = request
    const candidates = candidatesOf(upstreams, caller.upstream, call.kind === 'models' ? undefined : call.api)
    if (candidates.length === 0) return refuse('route', 404, `The model of this run is not reached through ${call.api}`)
    const deadline = clock.now() + holdMs
    using held = holding(signal, holdMs)
    const down = new Map<Upstream, { words: string; answer: KeptAnswer | undefined }>()
    let limited: { until: number; why: string; answer: KeptAnswer } | undefined

    for (let tries = 0; tries < TRIES_MAX && !signal.aborted; ) {
      const left = candidates.filter((one) => !down.has(one))
      if (left.length === 0) break
      const upstream = left.find((one) => gates.get(one.name)!.pausedUntil() === undefined)
      if (!upstream) {
        const until = Math.min(...left.map((one) => gates.get(one.name)!.pausedUntil() ?? clock.now()))
        if (until > deadline) return pausedAnswer(left, until, limited)
        if (until > clock.now()) await clock.sleep(until - clock.now(), signal).catch(() => {})
        continue
      }
      const gate = gates.get(upstream.name)!
      const key = upstream.findKey()
      if (typeof key !== 'string') {
        down.set(upstream, { words: key.missing, answer: undefined })
        continue
      }
      let place: Awaited<ReturnType<UpstreamGate['enter']>>
      try {
        place = await gate.enter(held.signal)
      } catch {
        if (signal.aborted) return { do: 'done' }
        return busy(`${upstream.name} takes no more than ${gate.width} requests at a time now`)
      }
      using _place = place
      // Paused while we waited for a place.
      if (gate.pausedUntil() !== undefined) continue
      tries++
      const isMetered = call.kind === 'generate'
      const model = modelAt(upstream, request.model)
      const admission = isMetered ? await admit(caller, amountOf(upstream, model, request), held.signal) : undefined
      if (admission?.do === 'refuse') return limitAnswer(admission.limit)
      if (admission?.do === 'wait') {
        return signal.aborted ? { do: 'done' } : busy('Requests under way may reach a limit of the owner’s')
      }
      try {
        const reservation = isMetered
          ? await meter.reserve(caller, { upstream, api: call.api, model, bound: request.bound })
          : undefined
        if (signal.aborted) {
          reservation?.settle('void', request.bound, null)
          return { do: 'done' }
        }
        const asked = await ask({
          request,
          upstream,
          key,
          query: what.query,
          caller: what.headers,
          response: what.response,
          place,
          refusals: gate.refusals,
          reservation,
          trace: isMetered ? tracer?.start(caller, request, upstream) : undefined,
          signal,
        })
        switch (asked.do) {
          case 'answered':
          case 'gone':
            return { do: 'done' }
          case 'limited':
            limited = asked
            break
          case 'failed':
            down.set(upstream, asked)
            world.log.warn({ upstream: upstream.name, words: asked.words }, 'upstream failed')
            break
          case 'key-refused':
            down.set(upstream, {
              words: `it refuses the key that Claw has for it (${asked.status})`,
              answer: undefined,
            })
            world.log.error({ upstream: upstream.name, status: asked.status }, 'upstream refuses our key')
            if (candidates.length === 1) {
              return refuse('key', asked.status, `${upstream.name} refuses the key that Claw has for it`)
            }
        }
      } finally {
        if (admission?.do === 'go') admission.done()
      }
    }
    if (signal.aborted) return { do: 'done' }
    if (down.size < candidates.length && limited) return pausedAnswer(candidates, limited.until, limited)
    const [[first, why]] = [...down] as [[Upstream, { words: string; answer: KeptAnswer | undefined }]]
    if (why.answer) return { do: 'pass-on', answer: why.answer }
    return refuse('down', 502, `${first.name} cannot be reached: ${why.words}`)
  }

  function amountOf(upstream: Upstream, model: string, { expected }: ModelCall) {
    return {
      tokens: expected.inputTokens + expected.outputTokens,
      usd: meter.priceOf(upstream, model, expected) ?? 0,
    }
  }

  async function admit(caller: Caller, expected: { tokens: number; usd: number }, signal: AbortSignal) {
    for (;;) {
      const settled = meter.settled()
      const admission = await meter.admit(caller, expected)
      if (admission.do !== 'wait' || signal.aborted) return admission
      const aborted = Promise.withResolvers<void>()
      const onAbort = () => aborted.resolve()
      signal.addEventListener('abort', onAbort, { once: true })
      await Promise.race([settled, aborted.promise])
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Aborted by the caller's going, or when it has been held long enough. */
  function holding(signal: AbortSignal, ms: number): { signal: AbortSignal } & Disposable {
    const over = new AbortController()
    const timer = clock.after(ms, () => over.abort(new Error('held long enough')))
    return { signal: AbortSignal.any([signal, over.signal]), [Symbol.dispose]: () => timer[Symbol.dispose]() }
  }

  function pausedAnswer(
    among: readonly Upstream[],
    until: number,
    limited: { answer: KeptAnswer } | undefined,
  ): Forwarded {
    const retryAfterMs = Math.max(SECOND, until - clock.now())
    if (limited) {
      // The provider's own words, with the time that is left now.
      const headers = { ...limited.answer.headers, ...retryHeaders(retryAfterMs) }
      return { do: 'pass-on', answer: { ...limited.answer, headers } }
    }
    const name = among.find((one) => gates.get(one.name)!.pausedUntil() === until)?.name ?? among[0]!.name
    const why = gates.get(name)!.why
    const seconds = Math.ceil(retryAfterMs / SECOND)
    return refuse(
      'paused',
      429,
      `${name} is paused until ${new Date(until).toISOString()} (it said ${why ?? 'no reason'}); rate limit, retry in ${seconds} seconds`,
      retryAfterMs,
    )
  }

  function busy(why: string): Forwarded {
    return refuse('paused', 429, `${why}; rate limit, retry in ${BUSY_RETRY_MS / SECOND} seconds`, BUSY_RETRY_MS)
  }
}

function refuse(kind: Refusal['kind'], status: number, message: string, retryAfterMs?: number): Forwarded {
  return {
    do: 'refuse',
    refusal: { status, kind, message: `Claw: ${message}.`, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
  }
}

/** 400, which no client tries again; `out of budget` is what agents know for final. */
function limitAnswer(limit: LimitUse): Forwarded {
  const { words, unit, used, max } = limit
  return refuse(
    'limit',
    400,
    `${words} is out of budget: ${amountInWords(unit, used)} of ${amountInWords(unit, max)} are used. The owner is asked; stop here, your work is kept`,
  )
}

/** Agents that wait for minutes in silence look dead: they end their turn, and the daemon goes on when it may. */
export function retryHeaders(ms: number): Record<string, string> {
  return { 'retry-after': String(Math.ceil(ms / SECOND)), 'x-should-retry': ms > 20 * SECOND ? 'false' : 'true' }
}
