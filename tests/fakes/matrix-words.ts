/**
 * What the client-server API of Matrix takes and gives, read from its published description. The facts of it that are
 * used here stand in matrix-published.json, which names the commit of the specification that they were read from.
 */
import { readFileSync } from 'node:fs'

interface Shape {
  required: string[]
  properties: Record<string, string>
}

export interface Operation {
  method: string
  /** With `{names}` for its parts. */
  path: string
  query: { name: string; required: boolean }[]
  /** Null: anything, as the bytes of a file. */
  body: Shape | null
  answer: Shape | null
  /** Those that its description names; others come from everywhere, as 401. */
  statuses: number[]
}

interface Published {
  source: string
  operations: Operation[]
  contents: Record<string, Shape>
  event: Shape
  rateLimited: Shape
}

export const PUBLISHED = JSON.parse(
  readFileSync(new URL('./matrix-published.json', import.meta.url), 'utf8'),
) as Published

export function operationFor(method: string, path: string): Operation | undefined {
  const parts = path.split('/')
  return PUBLISHED.operations.find((one) => {
    const words = one.path.split('/')
    const isLike = words.length === parts.length && words.every((word, n) => word.startsWith('{') || word === parts[n])
    return one.method === method && isLike
  })
}

/** Undefined: it may be asked so. `body` undefined: it is no JSON. */
export function whyNotAsked(operation: Operation, query: URLSearchParams, body: unknown): string | undefined {
  const known = operation.query.map(({ name }) => name)
  const extra = [...query.keys()].find((name) => !known.includes(name) && operation.path !== UPLOAD)
  if (extra) return `there is no parameter ${extra}`
  const missing = operation.query.find(({ name, required }) => required && !query.has(name))
  if (missing) return `the parameter ${missing.name} is missing`
  if (operation.body === null) return undefined
  if (body === undefined) return 'the body is no JSON'
  return whyNotShaped(operation.body, body, true)
}

/** Sending has a body of any kind; what it must hold depends on the type of the event. */
export function whyNotContent(type: string, content: unknown): string | undefined {
  const key = type === 'm.room.message' ? String((content as { msgtype?: unknown }).msgtype) : type
  const shape = PUBLISHED.contents[key]
  return shape ? whyNotShaped(shape, content, false) : undefined
}

export function whyNotAnswered(operation: Operation, status: number, json: unknown): string | undefined {
  if (status === 429) return whyNotShaped(PUBLISHED.rateLimited, json, false)
  if (status !== 200) {
    const isError = typeof (json as { errcode?: unknown }).errcode === 'string'
    return isError ? undefined : 'an error has an errcode'
  }
  const why = operation.answer && whyNotShaped(operation.answer, json, true)
  if (why) return why
  const { chunk } = json as { chunk?: unknown[] }
  for (const event of chunk ?? []) {
    const wrong = whyNotShaped(PUBLISHED.event, event, false)
    if (wrong) return `an event: ${wrong}`
  }
  return undefined
}

const UPLOAD = '/_matrix/media/v3/upload'

function whyNotShaped({ required, properties }: Shape, value: unknown, isClosed: boolean): string | undefined {
  const given = value as Record<string, unknown>
  for (const name of required) if (given[name] === undefined) return `${name} is missing`
  for (const [name, one] of Object.entries(given)) {
    const type = properties[name]
    if (type === undefined && isClosed && Object.keys(properties).length > 0) return `there is no ${name}`
    if (
      type !== undefined &&
      type !== 'any' &&
      typeOf(one) !== type &&
      !(type === 'number' && typeOf(one) === 'integer')
    )
      return `${name} is no ${type}`
  }
  return undefined
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}
