import { expect, test } from 'vitest'
import { Fault, type FaultCode } from '../../../core/fault.ts'
import { classifyFault, classifyTurn } from '../../../daemon/agents/verdict.ts'

test.each([
  ['agent_crashed', 'transport'],
  ['agent_silent', 'transport'],
  ['session_lost', 'transport'],
  ['provider_unavailable', 'transport'],
  ['provider_limited', 'limit'],
  ['provider_refused', 'environment'],
  ['sandbox_unavailable', 'environment'],
] as [FaultCode, string][])('%s counts as %s', (code, failure) => {
  expect(classifyFault(new Fault(code, 'why'))).toEqual({ failure, note: 'why', retryAt: null })
})

test('a limit carries the moment it ends', () => {
  expect(classifyFault(new Fault('provider_limited', 'why', { details: { retryAt: 7 } }))?.retryAt).toBe(7)
})

test('a bug and a fault from elsewhere have no verdict', () => {
  expect(classifyFault(new TypeError('oops'))).toBeUndefined()
  expect(classifyFault(new Fault('goal_not_found', 'why'))).toBeUndefined()
})

test('a refusal and running out of tokens count as work; an ordinary end proves nothing either way', () => {
  expect(classifyTurn({ stopReason: 'refusal', text: 'I will not' })).toMatchObject({ failure: 'work' })
  expect(classifyTurn({ stopReason: 'max_tokens', text: '' })).toMatchObject({ failure: 'work' })
  expect(classifyTurn({ stopReason: 'end_turn', text: 'done' })).toBeUndefined()
})
