import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { isFault } from '../../../core/fault.ts'
import { askUntilFits, findLastObject, type Repair } from '../../../daemon/brain/answer.ts'
import { wireSchema } from '../../../daemon/brain/wire-schema.ts'

describe('the last JSON object of a text', () => {
  test.each([
    ['{"a":1}', { a: 1 }],
    ['Here:\n```json\n{"a":1}\n```\nThat is all.', { a: 1 }],
    ['{"a":1} and then {"b":{"c":2}}', { b: { c: 2 } }],
    ['in `f() { return }` I saw {"a":"}{"}', { a: '}{' }],
    ['{"brief":"```ts\\nlet a = {}\\n```"}', { brief: '```ts\nlet a = {}\n```' }],
    ['an { open brace, then {"a":1}', { a: 1 }],
    ['{"a":"\\"}"}', { a: '"}' }],
    ['no object', undefined],
    ['{"a":', undefined],
    ['[1,2]', undefined],
  ])('%s', (text, value) => {
    expect(findLastObject(text)).toEqual(value)
  })

  test('a text of nothing but braces is given up', () => {
    expect(findLastObject('{'.repeat(300_000))).toBeUndefined()
  })
})

const schema = z.object({ n: z.number() })
const usage = { inputTokens: 1, cachedTokens: 0, outputTokens: 2, usd: 0.5 }

test('the second round is told what was wrong with the first, and both are paid for', async () => {
  const repairs: Repair[] = []
  const answers = ['{"n":"one"}', '{"n":1}']
  const answer = await askUntilFits('model', schema, async (repair) => {
    repairs.push(repair)
    return { text: answers[repairs.length - 1]!, cutOff: false, usage }
  })
  expect(answer).toEqual({ value: { n: 1 }, usage: { inputTokens: 2, cachedTokens: 0, outputTokens: 4, usd: 1 } })
  expect(repairs[0]).toBeUndefined()
  expect(repairs[1]!.answer).toBe('{"n":"one"}')
  expect(repairs[1]!.complaint).toMatch(/- n: .*expected number/)
})

test('an answer that was cut off is told so', async () => {
  const repairs: Repair[] = []
  const asking = askUntilFits('model', schema, async (repair) => {
    repairs.push(repair)
    return { text: '{"n":', cutOff: true, usage }
  })
  const error = await asking.catch((error: unknown) => error)
  expect(isFault(error, 'brain_answer_invalid')).toBe(true)
  expect(repairs).toHaveLength(2)
  expect(repairs[1]!.complaint).toMatch(/cut off at the length limit/)
})

test('only what every provider takes is sent of a schema, and bounds stay here', () => {
  const sent = wireSchema(
    z.object({
      key: z.string().regex(/^a$/).max(3).describe('a key'),
      kind: z.union([z.literal('x'), z.object({ n: z.int().min(1) })]),
      list: z.array(z.string().nullable()).max(5),
    }),
  )
  expect(sent).toEqual({
    type: 'object',
    properties: {
      key: { type: 'string', description: 'a key' },
      kind: {
        anyOf: [
          { type: 'string', const: 'x' },
          { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'], additionalProperties: false },
        ],
      },
      list: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'null' }] } },
    },
    required: ['key', 'kind', 'list'],
    additionalProperties: false,
  })
})

test('a schema with optional properties is refused before anything is sent', () => {
  expect(() => wireSchema(z.object({ inner: z.object({ a: z.string().optional(), b: z.int().default(1) }) }))).toThrow(
    'the answer.inner has optional properties (a, b)',
  )
})
