import { Fault } from '../../core/fault.ts'

/**
 * Recognises a model provider's refusal in an agent's words.
 *
 * Agents pass these on as JSON-RPC errors with every kind of data, as text, or as half a stack
 * trace. Pure; the moment comes as an argument.
 */

const LIMITED =
  /\b(429|529)\b|rate.?limit|too many requests|overloaded|(usage|session|weekly|5-hour|spend|request|token) limit|quota (exceeded|exhausted)|exceeded (your|the) .{0,30}quota|resource.?exhausted|insufficient_quota|limit (reached|exceeded)|hit your .{0,20}limit/i
const REFUSED =
  /\b(401|402|403)\b|unauthori[sz]ed|forbidden|invalid.{0,12}api.?key|incorrect api key|authentication|auth.?required|not logged in|please (log|sign) ?in|\/login\b|permission_denied|billing|credit balance|payment required|model.{0,40}(not found|does not exist)|model_not_found/i
const UNAVAILABLE =
  /\b(500|502|503|504|520|522|524)\b|ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|socket hang up|fetch failed|network error|connection (error|refused|reset|closed)|timed? ?out|bad gateway|service unavailable|internal server error|stream (error|disconnected|ended)|api_error|server_error/i
/** A sentence of the model's about errors is no error: only words that begin like one count. */
const LOOKS_LIKE_ERROR =
  /^\W{0,4}(api |llm |model |provider |request |stream |http |network |unexpected |ran into this )*(error|failed|failure|exception|status)\b|^\W{0,4}(api error|error code|\d{3} (\{|[A-Z"])|[a-z_]+_error\b)|^you('ve| have) (hit|reached|exceeded)|^[\w '-]{0,40}(usage|rate) limit (reached|exceeded)|^please run \/login|^not logged in|^invalid api key|^\{"(type"\s*:\s*"error|error")/i

const WORDS_MAX = 400
const ERROR_TEXT_MAX = 4_000

/** The fault behind an error an agent answered with; undefined where it does not look like a provider's. */
export function providerFault(agent: string, words: string, now: number): Fault | undefined {
  const said = words.replace(/\s+/g, ' ').trim().slice(0, WORDS_MAX)
  if (LIMITED.test(words)) {
    const retryAt = findRetryAt(words, now)
    const until = retryAt === null ? '' : ` until ${new Date(retryAt).toISOString()}`
    return new Fault('provider_limited', `The model provider of ${agent} limits us${until}: ${said}`, {
      details: { retryAt },
    })
  }
  if (REFUSED.test(words)) {
    return new Fault('provider_refused', `The model provider of ${agent} refuses: ${said}`, {
      hint: `Check the key, the login and the model's name that ${agent} is given.`,
    })
  }
  if (UNAVAILABLE.test(words))
    return new Fault('provider_unavailable', `The model of ${agent} cannot be reached: ${said}`)
  return undefined
}

/** The same for a turn that ended as if all were well: its last words must begin like an error and be short. */
export function providerFaultInText(agent: string, words: string, now: number): Fault | undefined {
  const trimmed = words.trim()
  if (trimmed.length > ERROR_TEXT_MAX || !LOOKS_LIKE_ERROR.test(trimmed)) return undefined
  return providerFault(agent, trimmed, now)
}

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const RETRY_MAX_MS = 8 * 86_400_000

/** When it may be tried again, where the words say so; milliseconds since the epoch. */
export function findRetryAt(words: string, now: number): number | null {
  const inAWhile =
    /(?:retry|try again|resets?|available)[^.\n]{0,24}?\b(?:in|after)\b\W{0,4}((?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])[\s,and]*)+)/i.exec(
      words,
    )
  if (inAWhile) return bounded(now + durationMs(inAWhile[1]!), now)
  const header = /retry[-_ ]?after(?:[-_]?(ms))?["']?\s*[:=]?\s*["']?(\d+(?:\.\d+)?)/i.exec(words)
  if (header) return bounded(now + Number(header[2]) * (header[1] ? 1 : 1000), now)
  const delay = /retryDelay["']?\s*[:=]\s*["']?(\d+(?:\.\d+)?)s/i.exec(words)
  if (delay) return bounded(now + Number(delay[1]) * 1000, now)
  const iso = /\b(20\d\d-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d))/.exec(words)
  if (iso) return bounded(Date.parse(iso[1]!), now)
  const epoch = /(?:resets?(?:_at|At)?|limit reached)\W{1,4}(1\d{9})(\d{3})?\b/i.exec(words)
  if (epoch) return bounded(epoch[2] ? Number(`${epoch[1]}${epoch[2]}`) : Number(epoch[1]) * 1000, now)
  return null
}

function durationMs(words: string): number {
  let total = 0
  for (const [, amount, unit] of words.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/gi)) {
    const short = /^(ms|milli)/i.test(unit!) ? 'ms' : unit![0]!.toLowerCase()
    total += Number(amount) * (UNIT_MS[short] ?? 0)
  }
  return total
}

/** A moment in the past or far away is a misreading. */
function bounded(at: number, now: number): number | null {
  return Number.isFinite(at) && at >= now && at - now <= RETRY_MAX_MS ? Math.round(at) : null
}
