import type { StandardSchemaWithJSON } from '@modelcontextprotocol/server'
import type { z } from 'zod'
import { explainIssues } from '../core/explain.ts'

/**
 * A zod schema as the SDK wants it, for a server that is made anew for every request: the JSON Schema is
 * worked out once, and what is wrong is said in our words, with the nearest key there is.
 */
export function toolSchema(schema: z.ZodObject): StandardSchemaWithJSON {
  const standard = schema['~standard'] as StandardSchemaWithJSON['~standard']
  return {
    '~standard': {
      ...standard,
      validate(value) {
        const checked = schema.safeParse(value)
        return checked.success
          ? { value: checked.data }
          : { issues: [{ message: wordsFor(schema, value, checked.error) }] }
      },
      jsonSchema: {
        input: remembered(standard.jsonSchema.input),
        output: remembered(standard.jsonSchema.output),
      },
    },
  }
}

const COMPLAINTS_MAX = 5

function wordsFor(schema: z.ZodObject, value: unknown, error: z.ZodError): string {
  try {
    const complaints = explainIssues(schema, value, error)
    return complaints
      .slice(0, COMPLAINTS_MAX)
      .map(({ words }) => words)
      .join('; ')
  } catch {
    // Nested deeper than it can be shown.
    return error.issues[0]?.message.slice(0, 500) ?? 'not understood'
  }
}

type Convert = StandardSchemaWithJSON['~standard']['jsonSchema']['input']

function remembered(convert: Convert): Convert {
  const known = new Map<string, Record<string, unknown>>()
  return (options) => {
    const key = JSON.stringify(options)
    const before = known.get(key)
    if (before) return before
    const schema = withSingleTypes(convert(options)) as Record<string, unknown>
    known.set(key, schema)
    return schema
  }
}

/** `type: ['string', 'null']` as a choice of two: clients that translate schemas for their model know one type at a time. */
function withSingleTypes(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withSingleTypes)
  if (typeof node !== 'object' || node === null) return node
  const whole: Record<string, unknown> = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, withSingleTypes(value)]),
  )
  if (!Array.isArray(whole['type'])) return whole
  const { type, description, default: fallback, ...only } = whole
  return {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: (type as unknown[]).map((one) => (one === 'null' ? { type: one } : { type: one, ...only })),
  }
}
