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
    const schema = convert(options)
    known.set(key, schema)
    return schema
  }
}
