import { expect, test } from 'vitest'
import { z } from 'zod'
import { isFault } from '../../../core/fault.ts'
import { type BrainWishes, findBrain } from '../../../daemon/brain/find-brain.ts'
import { createNoBrain } from '../../../daemon/brain/no-brain.ts'
import type { Secrets } from '../../../daemon/secrets/secrets.ts'
import { aHostSecrets } from '../../fakes/host-secrets.ts'

const nothing: BrainWishes = { brain: { model: null, agent: null }, model: null }
const model = { provider: 'openai-chat', model: 'qwen', baseUrl: null, key: null } as const

function secrets(env: Record<string, string>, files: Record<string, string> = {}): Secrets {
  return aHostSecrets({ env, files })
}

test('without a wish, the first provider with a key in the environment thinks', () => {
  expect(findBrain(nothing, secrets({ OPENAI_API_KEY: 'o', GOOGLE_API_KEY: 'g' }), ['claude'])).toEqual({
    use: 'model',
    model: { provider: 'openai', model: 'gpt-6-astra', key: 'o' },
  })
  const google = findBrain(nothing, secrets({ ANTHROPIC_API_KEY: '  ', GOOGLE_API_KEY: 'g' }), [])
  expect(google).toMatchObject({ use: 'model', model: { provider: 'google', key: 'g' } })
})

test("the brain's own model comes before the common one, and both before its agent is guessed", () => {
  const own = { ...model, model: 'thinker', key: 'env:MINE' }
  const wishes = { brain: { model: own, agent: 'claude' }, model }
  expect(findBrain(wishes, secrets({ MINE: 'k', OPENAI_API_KEY: 'o' }), ['claude'])).toMatchObject({
    model: { model: 'thinker', key: 'k' },
  })
  expect(findBrain({ ...nothing, model }, secrets({ OPENAI_API_KEY: 'o' }), [])).toMatchObject({
    model: { model: 'qwen', key: 'o' },
  })
})

test('a named model without its key is no brain, even where another key lies about', () => {
  const wishes = { ...nothing, model: { ...model, key: 'env:MINE' } }
  expect(findBrain(wishes, secrets({ ANTHROPIC_API_KEY: 'a' }), ['claude'])).toEqual({
    use: 'none',
    why: 'MINE is not set',
  })
  expect(findBrain({ ...nothing, model }, secrets({}), [])).toMatchObject({
    why: expect.stringContaining('OPENAI_API_KEY is not set'),
  })
})

test('a key may lie in a file, and a server of the owner’s own needs none', () => {
  const filed = { ...nothing, model: { ...model, key: 'file:/k' } }
  expect(findBrain(filed, secrets({}, { '/k': 'from-file\n' }), [])).toMatchObject({ model: { key: 'from-file' } })
  expect(findBrain(filed, secrets({}), [])).toMatchObject({ use: 'none', why: expect.stringContaining('/k') })
  const local = { ...nothing, model: { ...model, baseUrl: 'http://127.0.0.1:8080/v1/' } }
  expect(findBrain(local, secrets({}), [])).toMatchObject({
    model: { key: 'none', baseUrl: 'http://127.0.0.1:8080/v1' },
  })
})

test('a key written into the config is refused without being repeated', () => {
  const choice = findBrain({ ...nothing, model: { ...model, key: 'sk-secret' } }, secrets({}), [])
  expect(choice.use).toBe('none')
  expect(JSON.stringify(choice)).not.toContain('sk-secret')
})

test('an agent thinks only where the owner named it and it is installed', () => {
  const wishes = { ...nothing, brain: { model: null, agent: 'claude' } }
  expect(findBrain(wishes, secrets({ OPENAI_API_KEY: 'o' }), ['codex', 'claude'])).toEqual({
    use: 'agent',
    agent: 'claude',
  })
  expect(findBrain({ ...nothing, brain: { model: null, agent: 'claud' } }, secrets({}), ['claude'])).toMatchObject({
    use: 'none',
    why: expect.stringContaining('did you mean claude?'),
  })
  expect(findBrain(nothing, secrets({}), ['claude'])).toMatchObject({ use: 'none' })
})

test('without a brain every question is refused with what to do about it', async () => {
  const asking = createNoBrain('no key').ask({ purpose: 'plan', system: '', prompt: '', schema: z.object({}) })
  const error = await asking.catch((error: unknown) => error)
  if (!isFault(error, 'brain_missing')) throw error
  expect(error.hint).toMatch(/ANTHROPIC_API_KEY.*--plan FILE/)
})
