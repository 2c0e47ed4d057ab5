import { randomBytes } from 'node:crypto'

/** The kinds of thing that have ids; the id carries its kind in front. */
export type Kind =
  | 'goal'
  | 'plan'
  | 'task'
  | 'run'
  | 'proof'
  | 'landing'
  | 'ask'
  | 'event'
  | 'repo'
  | 'note'
  | 'schedule'
  | 'firing'
  | 'message'
  | 'job'
  | 'token'
  | 'toolserver'
  | 'person'
  | 'chat'
  | 'attachment'
  | 'effect'
export type Id<K extends Kind> = `${K}_${string}`

/**
 * A new id: kind prefix and a UUID version 7 (RFC 9562 section 5.7), so that ids of one
 * kind sort by creation time to the millisecond.
 *
 * @param now milliseconds since the epoch
 */
export function newId<K extends Kind>(kind: K, now: number): Id<K> {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(Math.max(0, Math.floor(now)), 0, 6)
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  const uuid = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  return `${kind}_${uuid}`
}

export function isId<K extends Kind>(kind: K, text: string): text is Id<K> {
  return text.startsWith(`${kind}_`)
}
