/**
 * A zod schema as the JSON Schema that every provider's structured output accepts.
 *
 * Providers differ in which keywords they take (lengths, patterns and ranges are refused by some),
 * so only shape, words and choices are sent; the bounds are checked here with zod once the answer
 * is in. What providers demand alike is put in: every property required, none beside them.
 * A schema with optional or defaulted properties is a mistake of the caller's: nothing would say
 * what to send instead, so it throws.
 */
import { z } from 'zod'

export type JsonSchema = { [key: string]: unknown }

const KEPT = new Set([
  'type',
  'description',
  'enum',
  'const',
  'properties',
  'required',
  'items',
  'anyOf',
  'additionalProperties',
])

export function wireSchema(schema: z.ZodType): JsonSchema {
  return reduce(z.toJSONSchema(schema, { io: 'input', reused: 'inline' }), 'the answer')
}

function reduce(node: unknown, where: string): JsonSchema {
  if (!isRecord(node)) throw new TypeError(`${where} is not a schema that providers take`)
  if ('oneOf' in node) return reduce({ ...without(node, 'oneOf'), anyOf: node['oneOf'] }, where)
  if ('$ref' in node || 'allOf' in node)
    throw new TypeError(`${where} is recursive or an intersection, which providers do not take`)

  if (Array.isArray(node['type'])) return reduce(unfoldTypes(node, node['type']), where)

  const out: JsonSchema = {}
  for (const [key, value] of Object.entries(node)) if (KEPT.has(key)) out[key] = value
  if (Array.isArray(out['anyOf'])) out['anyOf'] = out['anyOf'].map((one) => reduce(one, where))
  if (out['items'] !== undefined) out['items'] = reduce(out['items'], `${where}[]`)
  if (out['type'] === 'object') closeObject(out, where)
  return out
}

function closeObject(out: JsonSchema, where: string): void {
  const properties = isRecord(out['properties']) ? out['properties'] : {}
  const required = Array.isArray(out['required']) ? out['required'] : []
  const optional = Object.keys(properties).filter((key) => !required.includes(key))
  if (optional.length > 0) {
    throw new TypeError(`${where} has optional properties (${optional.join(', ')}); say nullable instead`)
  }
  out['properties'] = Object.fromEntries(
    Object.entries(properties).map(([key, value]) => [key, reduce(value, `${where}.${key}`)]),
  )
  out['required'] = required
  out['additionalProperties'] = false
}

/** A list of types as alternatives, the form that all take. */
function unfoldTypes(node: JsonSchema, types: unknown[]): JsonSchema {
  const { description, ...rest } = node
  const choices = Array.isArray(rest['enum']) ? { enum: rest['enum'].filter((value) => value !== null) } : {}
  const anyOf = types.map((type) => (type === 'null' ? { type } : { ...rest, ...choices, type }))
  return { ...(description !== undefined && { description }), anyOf }
}

function without(node: JsonSchema, key: string): JsonSchema {
  return Object.fromEntries(Object.entries(node).filter(([name]) => name !== key))
}

function isRecord(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
