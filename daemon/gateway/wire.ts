import type { Tokens } from '../../core/spend.ts'
import type { ModelAccess } from '../agents/agent.ts'

/** What the gateway must know of one model API: where things stand in its messages, and how it says no. */
export interface Wire {
  /** Usage in a whole answer or one event of a stream, over what was known before; undefined: it holds none. */
  readUsage(message: unknown, before: Tokens | undefined): Tokens | undefined
  /** Whether what holds usage is the last that is said of it: all that will be charged is in it. */
  isLast(message: unknown): boolean
  /** The most it may write, where the request says so. */
  readOutputMax(body: Record<string, unknown>): number | undefined
  /** A body in the API's own error shape. */
  error(refusal: Refusal): unknown
}

export type Api = ModelAccess['api']

/** Why the gateway itself says no. */
export interface Refusal {
  status: number
  kind: 'token' | 'request' | 'too-large' | 'route' | 'limit' | 'paused' | 'down' | 'key'
  message: string
  /** Milliseconds after which it may work. */
  retryAfterMs?: number
}

/** A number at a path, or 0: providers leave out what is none. */
export function countAt(value: unknown, ...path: string[]): number {
  const found = at(value, ...path)
  return typeof found === 'number' && Number.isFinite(found) && found > 0 ? Math.floor(found) : 0
}

export function at(value: unknown, ...path: string[]): unknown {
  let here = value
  for (const key of path) {
    if (typeof here !== 'object' || here === null) return undefined
    here = (here as Record<string, unknown>)[key]
  }
  return here
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
