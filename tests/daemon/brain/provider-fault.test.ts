import { describe, expect, test } from 'vitest'
import type { ModelProblem } from '../../../daemon/brain/brain-wire.ts'
import { findRetryAt, providerFault } from '../../../daemon/brain/provider-fault.ts'

const now = Date.UTC(2026, 10, 23, 9)

function http(status: number, body = '', headers: Record<string, string> = {}): ModelProblem {
  return { kind: 'http', status, headers, body, message: 'no body' }
}

test.each([
  [http(429), 'provider_limited'],
  [http(529), 'provider_limited'],
  [http(400, '{"error":{"message":"You have reached your specified API usage limits."}}'), 'provider_limited'],
  [http(403, '{"error":{"message":"Rate limit reached"}}'), 'provider_limited'],
  [http(400, '{"error":{"message":"bad schema"}}'), 'provider_refused'],
  [http(400, '{"error":{"message":"Your credit balance is too low"}}'), 'provider_refused'],
  [http(401), 'provider_refused'],
  [http(402), 'provider_refused'],
  [http(403), 'provider_refused'],
  [http(404), 'provider_refused'],
  [http(413), 'provider_refused'],
  [http(408), 'provider_unavailable'],
  [http(500), 'provider_unavailable'],
  [http(503, 'rate limit'), 'provider_unavailable'],
  [{ kind: 'network', message: 'ECONNREFUSED' }, 'provider_unavailable'],
  [{ kind: 'declined', message: 'filter' }, 'provider_refused'],
  [{ kind: 'too-large', message: 'more' }, 'brain_answer_invalid'],
] as [ModelProblem, string][])('%j is %s', (problem, code) => {
  expect(providerFault('openai gpt', problem, now).code).toBe(code)
})

test("the message holds the provider's own sentence and the status", () => {
  const fault = providerFault('openai gpt', http(400, '{"error":{"code":3,"message":"bad \\"x\\" given"}}'), now)
  expect(fault.message).toBe('openai gpt refused the question (400): bad \\"x\\" given')
})

test('what the owner can do is said: pay, look at the key, look at the name', () => {
  expect(providerFault('x', http(429, '"insufficient_quota"'), now).hint).toMatch(/credit/)
  expect(providerFault('x', http(400, 'credit balance'), now).hint).toMatch(/credit/)
  expect(providerFault('x', http(403), now).hint).toMatch(/key/)
  expect(providerFault('x', http(404), now).hint).toMatch(/name/)
})

describe('when to come back', () => {
  test.each([
    [{ 'retry-after': '30' }, '', now + 30_000],
    [{ 'retry-after-ms': '1500', 'retry-after': '9' }, '', now + 1500],
    [{ 'retry-after': 'Mon, 23 Nov 2026 09:05:00 GMT' }, '', now + 300_000],
    [{ 'anthropic-ratelimit-unified-reset': String(now / 1000 + 3600) }, '', now + 3_600_000],
    [{}, '{"retryDelay": "13.5s"}', now + 13_500],
    [{}, 'Please try again in 1m20.5s.', now + 80_500],
    [{}, 'Please try again in 250ms', now + 250],
    [{}, 'You will regain access on 2026-12-01 at 00:00 UTC.', Date.UTC(2026, 11, 1)],
    [{ 'retry-after': '99999999999' }, '', now + 31 * 86_400_000],
    [{ 'retry-after': '0' }, '', undefined],
    [{ 'retry-after': 'soon' }, '', undefined],
    [{ 'retry-after': 'Mon, 23 Nov 2020 09:05:00 GMT' }, '', undefined],
    [{}, 'nothing', undefined],
  ] as [Record<string, string>, string, number | undefined][])('%j %s', (headers, body, at) => {
    expect(findRetryAt({ headers, body }, now)).toBe(at)
  })

  test('is in the fault where it is known, and absent where it is not', () => {
    expect(providerFault('x', http(429, '', { 'retry-after': '1' }), now).details).toEqual({
      status: 429,
      retryAt: now + 1000,
    })
    expect(providerFault('x', http(429), now).details).toEqual({ status: 429 })
  })
})
