import { Transform } from 'node:stream'
import { isObject } from './wire.ts'

/**
 * Takes the chunk of usage out of a Chat Completions stream whose caller did not ask for it; all else
 * passes as it is. Whole events are held until their end, never longer.
 */
export function stripUsage(): Transform {
  let held = ''
  return new Transform({
    // latin1 keeps every byte as it is.
    transform(chunk: Buffer, _encoding, done) {
      held += chunk.toString('latin1')
      let end = eventEnd(held)
      while (end > 0) {
        const event = held.slice(0, end)
        held = held.slice(end)
        if (!isOnlyUsage(event)) this.push(Buffer.from(event, 'latin1'))
        end = eventEnd(held)
      }
      done()
    },
    flush(done) {
      if (held !== '') this.push(Buffer.from(held, 'latin1'))
      done()
    },
  })
}

/** Where the first event ends, its empty line included; 0 where none has ended. */
function eventEnd(text: string): number {
  const found = /\r?\n\r?\n/.exec(text)
  return found ? found.index + found[0].length : 0
}

function isOnlyUsage(event: string): boolean {
  if (!event.includes('"usage"')) return false
  const data = /^data:(.*)$/m.exec(event)?.[1]
  try {
    const chunk: unknown = JSON.parse(data ?? '')
    return (
      isObject(chunk) && isObject(chunk['usage']) && Array.isArray(chunk['choices']) && chunk['choices'].length === 0
    )
  } catch {
    return false
  }
}
