/**
 * Reads from a provider's answer that it limits us, and until when. Pure; the moment comes as an argument.
 *
 * Its own times come first (headers, then the body's); where it gives none, the wait doubles with each
 * refusal in a row. An account without credit is no matter of seconds.
 */
import { backoffMs } from '../../core/backoff.ts'
import { DAY, HOUR, MINUTE, SECOND } from '../../core/clock.ts'
import { findRetryAt } from '../brain/provider-fault.ts'

export interface ProviderAnswer {
  status: number
  headers: Record<string, string>
  /** Its beginning. */
  body: string
}

export interface ProviderLimit {
  until: number
  /** The provider's own words, or the status. */
  why: string
}

const BROKE = /insufficient_quota|credit balance|billing_hard_limit|out of credits?|payment required/i
const WINDOW = /usage limit|rate.?limit|too many requests|quota exceeded|resource.?exhausted|overloaded/i
const BROKE_PAUSE_MS = 15 * MINUTE
const PAUSE_MIN_MS = SECOND
const PAUSE_MAX_MS = 31 * DAY
const BACKOFF_FIRST_MS = 2 * SECOND
const BACKOFF_MAX_MS = 5 * MINUTE
const WORDS_MAX = 200

/** @param refusals how often it has limited us in a row, this time not counted */
export function readProviderLimit(answer: ProviderAnswer, now: number, refusals: number): ProviderLimit | undefined {
  const { status, headers, body } = answer
  const isBroke = status === 402 || (status < 500 && BROKE.test(body))
  const isLimited =
    status === 429 ||
    status === 529 ||
    (status === 503 && (headers['retry-after'] !== undefined || WINDOW.test(body))) ||
    (status >= 400 && status < 500 && status !== 401 && /usage limit|rate.?limit/i.test(body))
  if (!isBroke && !isLimited) return undefined
  const until =
    findRetryAt(answer, now) ??
    fromResets(headers, now) ??
    now + (isBroke ? BROKE_PAUSE_MS : backoffMs(refusals + 1, BACKOFF_FIRST_MS, BACKOFF_MAX_MS))
  return { until: Math.min(Math.max(until, now + PAUSE_MIN_MS), now + PAUSE_MAX_MS), why: wordsOf(answer) }
}

/** The latest reset of an allowance that is used up. */
function fromResets(headers: Record<string, string>, now: number): number | undefined {
  let latest: number | undefined
  for (const [name, value] of Object.entries(headers)) {
    const [, vendor, kind] =
      /^(anthropic|x)-ratelimit-(?:reset-)?((?:input-|output-)?(?:requests|tokens))(?:-reset)?$/.exec(name) ?? []
    if (!kind || !name.includes('reset')) continue
    const left = headers[vendor === 'x' ? `x-ratelimit-remaining-${kind}` : `anthropic-ratelimit-${kind}-remaining`]
    if (left !== undefined && Number(left) > 0) continue
    const at = momentOf(value, now)
    if (at !== undefined && at > now) latest = Math.max(latest ?? 0, at)
  }
  return latest
}

const UNITS: Record<string, number> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY }

/** `2026-11-23T09:00:00Z`, `6m0s`, `20ms`, seconds, or seconds since the epoch. */
function momentOf(value: string, now: number): number | undefined {
  const text = value.trim()
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) > 1e9 ? Number(text) * SECOND : now + Number(text) * SECOND
  if (/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) {
    let ms = 0
    for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) ms += Number(number) * UNITS[unit!]!
    return now + ms
  }
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : date
}

function wordsOf({ status, body }: ProviderAnswer): string {
  const message = /"message"\s*:\s*"((?:\\.|[^"\\])*)"/.exec(body)?.[1]
  return `${status}${message ? `: ${message.replace(/\s+/g, ' ').slice(0, WORDS_MAX)}` : ''}`
}
