import { z } from 'zod'
import { nearest } from './fault.ts'

/** One thing that is wrong with a value, in words for the person who wrote it. */
export interface Complaint {
  /** Where: keys and indexes from the top. For an unknown key, the key itself is the last. */
  path: (string | number)[]
  /** A sentence without a full stop that names the key and what it holds. */
  words: string
  /** The nearest valid key or value, where one is near. */
  nearest: string | undefined
}

/**
 * Says what is wrong with `value`, most useful first: unknown keys (with the nearest known one),
 * then values of the wrong kind. The schema is the only source of what is valid.
 */
export function explainIssues(schema: z.ZodType, value: unknown, error: z.ZodError): Complaint[] {
  const complaints = error.issues.flatMap((issue) => explainIssue(schema, value, issue))
  const unknownFirst = (a: Complaint) => (a.words.startsWith('unknown key') ? 0 : 1)
  return complaints.sort((a, b) => unknownFirst(a) - unknownFirst(b))
}

/** `runs.max`, `tasks[2].brief`; the empty path is `(the whole)`. */
export function pathWords(path: readonly (string | number)[]): string {
  let words = ''
  for (const part of path) words += typeof part === 'number' ? `[${part}]` : words === '' ? part : `.${part}`
  return words === '' ? '(the whole)' : words
}

function explainIssue(schema: z.ZodType, value: unknown, issue: z.core.$ZodIssue): Complaint[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol') as (string | number)[]
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, path)
    return issue.keys.map((key) => {
      const near = nearest(key, known)
      const prefix = path.length === 0 ? '' : `${pathWords(path)}.`
      const choices = near
        ? `; did you mean "${prefix}${near}"?`
        : known.length > 0
          ? `; known here: ${known.join(', ')}`
          : ''
      return { path: [...path, key], words: `unknown key "${prefix}${key}"${choices}`, nearest: near }
    })
  }
  const given = at(value, path)
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String)
    const near = typeof given === 'string' ? nearest(given, values) : undefined
    const choices = near ? `; did you mean "${near}"?` : values.length > 0 ? `; choose from ${values.join(', ')}` : ''
    const words = given === undefined ? `"${pathWords(path)}" is missing` : `"${pathWords(path)}" is ${shown(given)}`
    return [{ path, words: `${words}${choices}`, nearest: near }]
  }
  if (given === undefined) return [{ path, words: `"${pathWords(path)}" is missing`, nearest: undefined }]
  return [{ path, words: `"${pathWords(path)}" is ${shown(given)}: ${lower(issue.message)}`, nearest: undefined }]
}

type JsonSchema = {
  properties?: Record<string, JsonSchema>
  additionalProperties?: JsonSchema | boolean
  items?: JsonSchema
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  allOf?: JsonSchema[]
}

/** The keys that an object at `path` may have. */
export function knownKeys(schema: z.ZodType, path: readonly (string | number)[]): string[] {
  let places: JsonSchema[] = [
    z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as JsonSchema,
  ]
  for (const part of path) {
    places = places.flatMap(alternatives).flatMap((place) => {
      if (typeof part === 'number') return place.items ? [place.items] : []
      const named = place.properties?.[part]
      if (named) return [named]
      return typeof place.additionalProperties === 'object' ? [place.additionalProperties] : []
    })
  }
  return places.flatMap(alternatives).flatMap((place) => Object.keys(place.properties ?? {}))
}

function alternatives(place: JsonSchema): JsonSchema[] {
  const inner = [...(place.anyOf ?? []), ...(place.oneOf ?? []), ...(place.allOf ?? [])]
  return inner.length === 0 ? [place] : [place, ...inner.flatMap(alternatives)]
}

function at(value: unknown, path: readonly (string | number)[]): unknown {
  let here = value
  for (const part of path) {
    if (typeof here !== 'object' || here === null) return undefined
    here = (here as Record<string | number, unknown>)[part]
  }
  return here
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

function lower(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1)
}
