import type { Env, MiddlewareHandler } from 'hono'
import { validator } from 'hono/validator'
import type { z } from 'zod'
import { explainIssues } from '../../core/explain.ts'
import { Fault } from '../../core/fault.ts'

/** A plan with its overlay files is the largest thing that is sent. */
export const BODY_MAX_BYTES = 8 * 1024 * 1024

type Checks<T extends 'json' | 'query', S extends z.ZodType> = MiddlewareHandler<
  Env,
  string,
  { in: { [K in T]: z.input<S> }; out: { [K in T]: z.output<S> } }
>

/** A JSON body that fits the schema; anything else is input_invalid, naming the key and the nearest one there is. */
export function body<S extends z.ZodType>(schema: S): Checks<'json', S> {
  return async (c, next) => {
    const text = await readText(c.req.raw)
    const type = c.req.header('content-type')
    // Beside being clear, this keeps out the requests that a page may send without asking first.
    if (text !== '' && !/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type ?? '')) {
      throw new Fault('input_invalid', `The body must be application/json, not ${type ?? 'untyped'}`)
    }
    c.req.addValidatedData('json', check(schema, text === '' ? {} : parse(text), 'The body') as object)
    await next()
  }
}

/** Query parameters that fit the schema; unknown ones are refused as well. */
export function query<S extends z.ZodType>(schema: S): Checks<'query', S> {
  return validator('query', (value) => check(schema, value, 'The query')) as never
}

/** Never holds more than the limit, whatever the headers promise. */
async function readText(request: Request): Promise<string> {
  const promised = Number(request.headers.get('content-length') ?? 0)
  const tooLarge = () => new Fault('body_too_large', `The body is larger than ${BODY_MAX_BYTES} bytes`)
  if (promised > BODY_MAX_BYTES) throw tooLarge()
  if (!request.body) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body) {
    size += chunk.byteLength
    if (size > BODY_MAX_BYTES) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Fault('input_invalid', `The body is not JSON: ${(cause as Error).message}`, { cause })
  }
}

function check<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const checked = schema.safeParse(value)
  if (checked.success) return checked.data
  const complaints = explainIssues(schema, value, checked.error)
  const more = complaints.length > 1 ? ` (and ${complaints.length - 1} more)` : ''
  throw new Fault('input_invalid', `${what} is wrong: ${complaints[0]?.words ?? checked.error.message}${more}`, {
    details: { problems: complaints.map(({ path, words, nearest }) => ({ path, words, nearest: nearest ?? null })) },
  })
}
