import type { Api, Reply } from './exchange.ts'
import { pieces } from './peek.ts'

/** A reply as the bytes of one API's answer: server-sent events, one JSON value, or (Gemini without `alt=sse`) an array. */
export function bytesOf(
  api: Api,
  reply: Reply,
  form: 'events' | 'array' | 'whole',
): { type: string; chunks: string[] } {
  if (form === 'whole') return { type: 'application/json', chunks: pieces(JSON.stringify(api.whole(reply))) }
  const events = api.events(reply)
  if (form === 'array')
    return { type: 'application/json', chunks: pieces(JSON.stringify(events.map((event) => event.data))) }
  const chunks = events.map(({ event, data }) => `${event ? `event: ${event}\n` : ''}data: ${JSON.stringify(data)}\n\n`)
  return { type: 'text/event-stream', chunks: api.ending ? [...chunks, `data: ${api.ending}\n\n`] : chunks }
}
