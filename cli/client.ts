/**
 * The daemon over HTTP, with the types of its routes.
 *
 * The types are those of Hono's own client; at run time a small proxy does what little of it is needed,
 * so that `claw status` does not wait for a library to load. Where the daemon is, is asked at each request:
 * a daemon that was restarted has another port and token.
 */
import type { hc } from 'hono/client'
import type { DaemonFile } from '../config/daemon-file.ts'
import { Fault } from '../core/fault.ts'
import type { App } from '../daemon/http/app.ts'
import type { Problem } from '../daemon/http/problem.ts'
import { Refused } from './exit.ts'

export type Client = ReturnType<typeof hc<App>>

/** Where the daemon is, or a daemon_down. */
export type Locate = () => Pick<DaemonFile, 'port' | 'token'>

interface Input {
  param?: Record<string, string>
  query?: Record<string, string | undefined>
  json?: unknown
}

/** Long enough for a proof to be run again; everything else answers at once. */
const ANSWER_MAX_MS = 30 * 60_000

/** `client.v1.goals[':goal'].$get({ param: { goal: '12' } })`. Anything but 2xx throws Refused. */
export function createClient(locate: Locate, signal?: AbortSignal): Client {
  const at = (path: string[]): unknown =>
    new Proxy(() => {}, {
      // `await` asks whatever it gets for `then`; a client is not a promise.
      get: (_, key) => (key === 'then' ? undefined : at([...path, String(key)])),
      apply: (_, __, [input = {}]: [Input?]) => {
        const verb = path.at(-1)!
        return send(locate, verb.slice(1).toUpperCase(), path.slice(0, -1), input, signal)
      },
    })
  return at([]) as Client
}

async function send(locate: Locate, method: string, path: string[], input: Input, signal?: AbortSignal) {
  const filled = path.map((part) => (part.startsWith(':') ? encodeURIComponent(input.param![part.slice(1)]!) : part))
  const given = Object.entries(input.query ?? {}).filter((pair): pair is [string, string] => pair[1] !== undefined)
  const query = given.length === 0 ? '' : `?${new URLSearchParams(given)}`
  const limit = AbortSignal.timeout(ANSWER_MAX_MS)
  return request(locate, `/${filled.join('/')}${query}`, {
    method,
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
    ...(input.json === undefined ? {} : { body: JSON.stringify(input.json) }),
  })
}

/** One request with the token. Throws daemon_down when nobody is there, Refused when the daemon says no. */
export async function request(locate: Locate, path: string, init: RequestInit = {}): Promise<Response> {
  const { port, token } = locate()
  const headers = new Headers(init.headers)
  headers.set('authorization', `Bearer ${token}`)
  headers.set('x-claw-surface', 'cli')
  if (init.body !== undefined) headers.set('content-type', 'application/json')
  let response: Response
  try {
    response = await fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers, redirect: 'error' })
  } catch (cause) {
    if (init.signal?.aborted) throw init.signal.reason
    throw new Fault('daemon_down', `The daemon does not answer on port ${port}`, { cause, hint: START_HINT })
  }
  if (response.ok) return response
  throw await refusal(response, port)
}

export const START_HINT = 'Start it with: claw daemon start'

async function refusal(response: Response, port: number): Promise<Error> {
  const text = await response.text().catch(() => '')
  try {
    const problem = JSON.parse(text) as Problem
    if (typeof problem.code === 'string' && typeof problem.detail === 'string') {
      return new Refused({ ...problem, ...(problem.hint === undefined ? {} : { hint: problem.hint }) } as Problem & {
        hint: string
      })
    }
  } catch {
    // not a problem document: not our daemon
  }
  const words = `What answers on port ${port} is not Claw's daemon (status ${response.status})`
  return new Fault('daemon_down', words, { hint: START_HINT })
}
