/**
 * Turns what went wrong with a model's provider into a fault. Pure.
 *
 * The code decides what happens next (pause, try again, ask the owner), so it is read from the
 * status first and from the provider's words only where the status is ambiguous: an empty account
 * and a used-up allowance both come as 400 from one provider and as 429 from another.
 */
import { DAY, MINUTE, SECOND } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { ModelProblem } from './brain-wire.ts'

/** Nobody is made to wait longer on a provider's word; a monthly allowance is the longest there is. */
const PAUSE_MAX_MS = 31 * DAY
const DETAIL_MAX = 400

export function providerFault(who: string, problem: ModelProblem, now: number): Fault {
  switch (problem.kind) {
    case 'network':
      return new Fault('provider_unavailable', `${who} could not be reached: ${clip(problem.message)}`, {
        hint: 'Check the network and, if you set one, the base URL.',
      })
    case 'declined':
      return new Fault('provider_refused', `${who} declined to answer: ${clip(problem.message)}`, {
        hint: 'Put the goal in other words, or choose another model.',
      })
    case 'too-large':
      return new Fault('brain_answer_invalid', `${who} gave an answer that is too large: ${clip(problem.message)}`)
    case 'aborted':
      return new Fault('provider_unavailable', `The question to ${who} was broken off.`)
    case 'http':
      return httpFault(who, problem, now)
  }
}

type HttpProblem = Extract<ModelProblem, { kind: 'http' }>

function httpFault(who: string, problem: HttpProblem, now: number): Fault {
  const { status } = problem
  const said = clip(providerWords(problem))
  const details: Record<string, unknown> = { status }
  const retryAt = findRetryAt(problem, now)
  const broke = /insufficient_quota|credit balance|billing/i.test(problem.body)
  const payHint = 'Add credit or raise the limit with the provider, or choose another brain.'

  if (status === 429 || status === 529 || (status < 500 && /usage limit|rate.?limit/i.test(problem.body))) {
    if (retryAt !== undefined) details['retryAt'] = retryAt
    return new Fault('provider_limited', `${who} is at its limit (${status}): ${said}`, {
      details,
      hint: broke ? payHint : 'It is tried again later; another model or a larger allowance helps sooner.',
    })
  }
  if (status >= 500 || status === 408 || status === 409 || status === 425) {
    if (retryAt !== undefined) details['retryAt'] = retryAt
    return new Fault('provider_unavailable', `${who} is in trouble (${status}): ${said}`, { details })
  }
  const hint =
    broke || status === 402
      ? payHint
      : status === 401 || status === 403
        ? 'Check that the key is right, not expired, and allowed to use this model.'
        : status === 404
          ? "Check the model's name and the base URL."
          : 'Check the model and its settings; the same question would be refused again.'
  return new Fault('provider_refused', `${who} refused the question (${status}): ${said}`, { details, hint })
}

/** The provider's own sentence, where its body holds one. */
function providerWords({ body, message }: HttpProblem): string {
  return /"message"\s*:\s*("(?:\\.|[^"\\])*")/.exec(body)?.[1]?.replaceAll(/^"|"$/g, '') ?? message
}

/** When the provider says to come back, in milliseconds since the epoch. */
export function findRetryAt({ headers, body }: Pick<HttpProblem, 'headers' | 'body'>, now: number): number | undefined {
  const found = fromHeaders(headers, now) ?? fromBody(body, now)
  if (found === undefined || !Number.isFinite(found) || found <= now) return undefined
  return Math.round(Math.min(found, now + PAUSE_MAX_MS))
}

function fromHeaders(headers: Record<string, string>, now: number): number | undefined {
  const ms = number(headers['retry-after-ms'])
  if (ms !== undefined) return now + ms
  const after = headers['retry-after']
  if (after !== undefined) {
    const seconds = number(after)
    if (seconds !== undefined) return now + seconds * SECOND
    const date = Date.parse(after)
    if (!Number.isNaN(date)) return date
  }
  // The allowance of a subscription, as seconds since the epoch.
  const reset = number(headers['anthropic-ratelimit-unified-reset'])
  return reset === undefined ? undefined : reset * SECOND
}

function fromBody(body: string, now: number): number | undefined {
  const delay = /"retryDelay"\s*:\s*"([\d.]+)s"/.exec(body)
  if (delay) return now + Number(delay[1]) * SECOND
  const again = /try again in (?:(\d+)m)?([\d.]+)(ms|s)/i.exec(body)
  if (again) return now + Number(again[1] ?? 0) * MINUTE + Number(again[2]) * (again[3] === 's' ? SECOND : 1)
  const regain = /regain access on (\d{4}-\d\d-\d\d)(?: at (\d\d:\d\d))? ?(?:UTC)?/i.exec(body)
  return regain ? Date.parse(`${regain[1]}T${regain[2] ?? '00:00'}:00Z`) : undefined
}

function number(text: string | undefined): number | undefined {
  if (text === undefined || !/^\s*\d+(\.\d+)?\s*$/.test(text)) return undefined
  return Number(text)
}

function clip(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > DETAIL_MAX ? `${line.slice(0, DETAIL_MAX)}…` : line
}
