import { SECOND } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import type { World } from '../../../core/world.ts'

/** One request to a homeserver, as the Matrix client-server API (v1.11 and later) says. */
export interface MatrixApi {
  /** Faults: channel_refused, channel_limited (details.retryAt), channel_unavailable. */
  request<T>(method: 'GET' | 'PUT' | 'POST', path: string, options?: RequestOptions): Promise<T>
  /** The bytes of an answer; stops at `bytesMax` with channel_refused. */
  bytes(path: string, bytesMax: number, signal?: AbortSignal): Promise<Uint8Array>
}

export interface RequestOptions {
  query?: Record<string, string>
  json?: unknown
  body?: { data: Uint8Array; type: string }
  signal?: AbortSignal | undefined
  timeoutMs?: number
}

const TIMEOUT_MS = 60 * SECOND

export function createMatrixApi(deps: { world: World; homeserver: string; token: string }): MatrixApi {
  const { world, token } = deps
  const root = deps.homeserver.replace(/\/+$/, '')

  async function ask(method: string, path: string, options: RequestOptions): Promise<Response> {
    const { query, json, body, signal, timeoutMs = TIMEOUT_MS } = options
    const url = new URL(root + path)
    for (const [key, value] of Object.entries(query ?? {})) url.searchParams.set(key, value)
    const over = new AbortController()
    using _timer = world.clock.after(timeoutMs, () => over.abort())
    const either = signal ? AbortSignal.any([signal, over.signal]) : over.signal
    let response: Response
    try {
      response = await fetch(url, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body ? { 'content-type': body.type } : json === undefined ? {} : { 'content-type': 'application/json' }),
        },
        // A GET has no body, and so needs no null one either.
        ...(body ? { body: Buffer.from(body.data) } : json === undefined ? {} : { body: JSON.stringify(json) }),
        signal: either,
      })
    } catch (error) {
      signal?.throwIfAborted()
      throw new Fault('channel_unavailable', `${root} cannot be reached: ${wordsOf(error)}`, {
        details: { sent: !neverConnected(error) },
      })
    }
    if (response.ok) return response
    throw await refusal(response, `${method} ${path.replace(/^\/_matrix\/\w+\/v\d+/, '')}`)
  }

  async function refusal(response: Response, what: string): Promise<Fault> {
    const said = (await response.json().catch(() => ({}))) as {
      errcode?: string
      error?: string
      retry_after_ms?: number
    }
    const words = `${said.errcode ?? response.status}${said.error ? `: ${said.error.slice(0, 200)}` : ''}`
    if (response.status === 429) {
      const seconds = Number(response.headers.get('retry-after') ?? 'none')
      const wait = Number.isFinite(seconds) ? seconds * SECOND : (said.retry_after_ms ?? 5 * SECOND)
      return new Fault('channel_limited', `the homeserver asks for patience (${words})`, {
        details: { retryAt: world.clock.now() + wait },
      })
    }
    if (response.status >= 500) return new Fault('channel_unavailable', `the homeserver fails at ${what} (${words})`)
    const hint =
      response.status === 401 ? { hint: 'The access token is wrong or was withdrawn; make a new one.' } : undefined
    return new Fault('channel_refused', `the homeserver refuses ${what} (${words})`, hint)
  }

  return {
    async request<T>(method: 'GET' | 'PUT' | 'POST', path: string, options: RequestOptions = {}) {
      const response = await ask(method, path, options)
      try {
        return (await response.json()) as T
      } catch (error) {
        options.signal?.throwIfAborted()
        throw new Fault('channel_unavailable', `${root} answers no JSON at ${path}: ${wordsOf(error)}`)
      }
    },
    async bytes(path, bytesMax, signal) {
      const response = await ask('GET', path, { signal })
      const parts: Uint8Array[] = []
      let size = 0
      for await (const part of response.body ?? []) {
        size += part.byteLength
        if (size > bytesMax) throw new Fault('channel_refused', `the file has more than ${bytesMax} bytes`)
        parts.push(part)
      }
      return Buffer.concat(parts)
    },
  }
}

function wordsOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message || cause.name : String(cause)
}

function neverConnected(error: unknown): boolean {
  const code = (error as { cause?: { code?: string } }).cause?.code
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN'
}
