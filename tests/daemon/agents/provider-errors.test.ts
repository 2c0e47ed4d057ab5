import { expect, test } from 'vitest'
import { findRetryAt, providerFault, providerFaultInText } from '../../../daemon/agents/provider-errors.ts'

const now = Date.UTC(2026, 10, 23, 9)
const MINUTE = 60_000

test.each([
  ['429 {"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}', 'provider_limited'],
  ['Error: 529 {"type":"error","error":{"type":"overloaded_error"}}', 'provider_limited'],
  ["You've hit your usage limit. Try again in 3 hours 12 minutes.", 'provider_limited'],
  ['Claude AI usage limit reached|1795597200', 'provider_limited'],
  ['RESOURCE_EXHAUSTED: quota exceeded', 'provider_limited'],
  ['401 Incorrect API key provided', 'provider_refused'],
  ['Invalid API key · Please run /login', 'provider_refused'],
  ['404 model_not_found: the model gpt-x does not exist', 'provider_refused'],
  ['Your credit balance is too low', 'provider_refused'],
  ['fetch failed: ECONNREFUSED 127.0.0.1:1', 'provider_unavailable'],
  ['503 Service Unavailable', 'provider_unavailable'],
  ['stream disconnected before completion', 'provider_unavailable'],
] as const)('%s is %s', (words, code) => {
  expect(providerFault('pi', words, now)?.code).toBe(code)
})

test('an error of the agent itself is nobody else’s', () => {
  expect(providerFault('pi', 'Internal error {"details":"Cannot read properties of undefined"}', now)).toBeUndefined()
})

test.each([
  'I have added rate limiting: the API answers 429 Too Many Requests after 100 calls.',
  'The failing test expected 503 but the server was not started; now it is.',
  'Error handling is now in place, with a 401 for missing tokens.\n'.padStart(5000, 'x'),
  'done',
  '',
])('a report about errors is not an error: %j', (words) => {
  expect(providerFaultInText('pi', words, now)).toBeUndefined()
})

test.each([
  'API Error: 429 {"type":"error"}',
  'Error: 500 internal server error',
  "You've reached your weekly limit",
  'Claude AI usage limit reached|1795597200',
  'Request failed: 401 unauthorized',
  'Please run /login · API Error: 401',
])('a turn that ends with %j has failed', (words) => {
  expect(providerFaultInText('pi', words, now)).toBeDefined()
})

test.each([
  ['try again in 20 minutes', now + 20 * MINUTE],
  ['Please try again in 1h30m', now + 90 * MINUTE],
  ['try again in 2 days 3 hours', now + (2 * 24 + 3) * 60 * MINUTE],
  ['retry-after: 30', now + 30_000],
  ['"retry_after": 12.5', now + 12_500],
  ['retry-after-ms: 700', now + 700],
  ['"retryDelay": "42s"', now + 42_000],
  ['resets at 2026-11-23T10:00:00Z', now + 60 * MINUTE],
  [`usage limit reached|${(now + 5 * MINUTE) / 1000}`, now + 5 * MINUTE],
  ['resets_at: 1795428000000', 1795428000000],
  ['rate limit reached', null],
  ['resets at 2020-01-01T00:00:00Z', null],
  ['try again in 400 days', null],
])('reads when to try again from %j', (words, at) => {
  expect(findRetryAt(words, now)).toBe(at)
})
