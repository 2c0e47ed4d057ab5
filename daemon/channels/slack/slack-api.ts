/** Slack's Web API, with its failures as faults of ours. Limits are told upwards, nothing is tried again in here. */
import {
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebAPIRequestError,
  WebClient,
} from '@slack/web-api'
import { SECOND } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import { quietLogger } from './quiet-logger.ts'

export interface SlackApi {
  client: WebClient
  /** The same answer, or channel_refused, channel_limited, channel_unavailable. */
  call<T>(work: Promise<T>, signal?: AbortSignal): Promise<T>
  /** The bytes behind an address that Slack gave; stops at `bytesMax` with channel_refused. */
  bytes(url: string, bytesMax: number, signal?: AbortSignal): Promise<Uint8Array>
  /** Puts bytes where Slack wants them. */
  upload(url: string, data: Uint8Array, signal?: AbortSignal): Promise<void>
}

export interface SlackApiDeps {
  token: string
  apiRoot: string
  now(): number
  closing: AbortSignal
}

const TIMEOUT_MS = 30 * SECOND
/** Where Slack names no moment. */
const PATIENCE_MS = 10 * SECOND

export function createSlackApi({ token, apiRoot, now, closing }: SlackApiDeps): SlackApi {
  const client = new WebClient(token, clientOptions(apiRoot, closing))
  const either = (signal: AbortSignal | undefined) => (signal ? AbortSignal.any([signal, closing]) : closing)

  async function call<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
    const over = either(signal)
    const aborted = Promise.withResolvers<never>()
    const onAbort = () => aborted.reject(over.reason)
    if (over.aborted) onAbort()
    over.addEventListener('abort', onAbort, { once: true })
    aborted.promise.catch(() => {})
    try {
      return await Promise.race([work, aborted.promise])
    } catch (error) {
      over.throwIfAborted()
      throw toFault(error, now())
    } finally {
      over.removeEventListener('abort', onAbort)
    }
  }

  /** The token goes to Slack only, whatever an answer names as the place of a file. */
  function assertSlacks(url: string): void {
    const { hostname } = new URL(url)
    const isOurs = hostname === new URL(apiRoot).hostname
    if (isOurs || hostname === 'slack.com' || hostname.endsWith('.slack.com')) return
    throw new Fault('channel_refused', `the file is kept at ${hostname}, not at Slack`)
  }

  async function ask(url: string, init: RequestInit, signal: AbortSignal | undefined): Promise<Response> {
    assertSlacks(url)
    const over = either(signal)
    let response: Response
    try {
      response = await fetch(url, { ...init, redirect: 'error', signal: over })
    } catch (error) {
      over.throwIfAborted()
      throw toFault(new WebAPIRequestError(error as Error), now())
    }
    if (response.ok) return response
    if (response.status === 429) throw limited(Number(response.headers.get('retry-after')) || undefined, now())
    if (response.status >= 500) throw new Fault('channel_unavailable', `Slack fails with ${response.status}`)
    throw new Fault('channel_refused', `Slack refuses the file (${response.status})`)
  }

  return {
    client,
    call,
    async bytes(url, bytesMax, signal) {
      const response = await ask(url, { headers: { authorization: `Bearer ${token}` } }, signal)
      // To whom it does not trust it shows a page to log in.
      if (response.headers.get('content-type')?.startsWith('text/html'))
        throw new Fault('channel_refused', 'Slack shows a page to log in instead of the file; is files:read granted?')
      const parts: Uint8Array[] = []
      let size = 0
      for await (const part of response.body ?? []) {
        size += part.byteLength
        if (size > bytesMax) throw new Fault('channel_refused', `the file has more than ${bytesMax} bytes`)
        parts.push(part)
      }
      return Buffer.concat(parts)
    },
    async upload(url, data, signal) {
      const headers = { 'content-type': 'application/octet-stream' }
      await ask(url, { method: 'POST', headers, body: Buffer.from(data) }, signal)
    },
  }
}

/** Nothing is logged there, for it would be tokens and people's words. */
export function clientOptions(apiRoot: string, closing: AbortSignal) {
  return {
    slackApiUrl: apiRoot.endsWith('/') ? apiRoot : `${apiRoot}/`,
    logger: quietLogger,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: TIMEOUT_MS,
    fetch: ((url: string | URL, init?: RequestInit) =>
      fetch(url, {
        ...init,
        signal: init?.signal ? AbortSignal.any([init.signal, closing]) : closing,
      })) as NonNullable<NonNullable<ConstructorParameters<typeof WebClient>[1]>['fetch']>,
  }
}

const KEY = new Set([
  'invalid_auth',
  'not_authed',
  'account_inactive',
  'token_revoked',
  'token_expired',
  'not_allowed_token_type',
])
const PASSING = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
  'internal_server_error',
])
const GONE = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed'])
/** Nothing can have arrived where no connection came about. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH'])

export function toFault(error: unknown, now: number): unknown {
  if (error instanceof WebAPIRateLimitedError) return limited(error.retryAfter, now)
  if (error instanceof WebAPIPlatformError) return refusal(error, now)
  if (error instanceof WebAPIHTTPError)
    return new Fault('channel_unavailable', `Slack fails with HTTP ${error.statusCode}`)
  if (error instanceof WebAPIRequestError) {
    const cause = error.original.cause ?? error.original
    const code = (cause as NodeJS.ErrnoException).code
    const details = code !== undefined && NEVER_SENT.has(code) ? { sent: false } : {}
    return new Fault('channel_unavailable', `Slack could not be reached${code ? ` (${code})` : ''}`, { details })
  }
  return error
}

function refusal({ data }: WebAPIPlatformError, now: number): Fault {
  const { error } = data
  if (error === 'ratelimited' || error === 'rate_limited') return limited(data.response_metadata?.retryAfter, now)
  if (PASSING.has(error)) return new Fault('channel_unavailable', `Slack has trouble (${error})`)
  if (KEY.has(error)) {
    return new Fault('channel_refused', `Slack does not take this token (${error})`, {
      hint: 'The bot token begins with xoxb-, the app token with xapp-; copy them again from the app’s settings.',
    })
  }
  if (error === 'missing_scope') {
    const needed = (data as { needed?: string }).needed ?? 'a right'
    return new Fault('channel_refused', `the Slack app lacks ${needed}`, {
      hint: 'Add it under OAuth & Permissions, Bot Token Scopes, and install the app again.',
    })
  }
  return new Fault('channel_refused', `Slack says no: ${error}`, { details: { gone: GONE.has(error) } })
}

function limited(seconds: number | undefined, now: number): Fault {
  const waitMs = seconds === undefined ? PATIENCE_MS : seconds * SECOND
  return new Fault('channel_limited', 'Slack asks for patience', { details: { retryAt: now + waitMs } })
}
