/**
 * Takes secrets out of every answer, whatever route gave it: rows from before a secret was known, the
 * output of a check, a fault's words, what a tool said, an event on its way to a watcher.
 */
import type { MiddlewareHandler } from 'hono'
import type { Redactor } from '../../core/redact.ts'

const TEXT = /^(?:text\/|application\/(?:[\w.+-]*\+)?(?:json|xml|javascript)\b)/i

export function redacting(redactor: Redactor): MiddlewareHandler {
  return async (c, next) => {
    await next()
    const { body, headers, status } = c.res
    if (body === null || !TEXT.test(headers.get('content-type') ?? '')) return
    const clean = new Headers(headers)
    clean.delete('content-length')
    c.res = undefined
    c.res = new Response(body.pipeThrough(redactBytes(redactor)), { status, headers: clean })
  }
}

/** UTF-8 in, UTF-8 out; a secret that comes in two pieces is found as well. */
export function redactBytes(redactor: Redactor): TransformStream<Uint8Array, Uint8Array> {
  const stream = redactor.stream()
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  const give = (text: string, to: TransformStreamDefaultController<Uint8Array>) => {
    if (text !== '') to.enqueue(encoder.encode(text))
  }
  return new TransformStream({
    transform: (chunk, to) => give(stream.push(decoder.decode(chunk, { stream: true })), to),
    flush: (to) => give(stream.push(decoder.decode()) + stream.end(), to),
  })
}
