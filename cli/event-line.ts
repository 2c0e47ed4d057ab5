import { eventWords } from '../core/event-words.ts'
import type { StoredEvent } from '../core/events.ts'
import { oneLine, type Paint } from './text.ts'

/** One event as one plain line; undefined for what only a program wants to see. */
export function eventLine(event: StoredEvent, paint: Paint): string | undefined {
  const words = eventWords(event)
  if (words === undefined) return undefined
  const time = new Date(event.at).toTimeString().slice(0, 8)
  return `${paint('gray', time)} ${oneLine(words)}`
}
