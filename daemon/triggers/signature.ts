/**
 * Whether a delivery comes from who shares the secret. Pure: headers, bytes, secret and time in, an answer out.
 *
 * github: HMAC-SHA256 of the body in `X-Hub-Signature-256`; the delivery's id is not signed, so a copy of a signed
 * body under another id passes (its sender has no clock in it). standard: the Standard Webhooks scheme, HMAC-SHA256
 * of `id.timestamp.body`; a delivery is good for a few minutes, and its id cannot be changed.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { MINUTE } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { Delivery } from '../schedules/schedules.ts'

/** How far the sender's clock may be from ours. */
export const TOLERANCE_MS = 5 * MINUTE
const ID_MAX = 200

/** Answers the delivery's id. Every refusal says the same: which part was wrong is nobody's business. */
export function verifyDelivery(
  scheme: 'github' | 'standard',
  { headers, body }: Delivery,
  secret: string,
  now: number,
): { id: string } {
  const refused = new Fault('signature_refused', 'The delivery is not signed as this hook wants it')
  if (secret === '') throw refused
  if (scheme === 'github') {
    const given = /^sha256=([0-9a-f]{64})$/i.exec(headers['x-hub-signature-256'] ?? '')?.[1]
    const id = headers['x-github-delivery'] ?? ''
    const expected = createHmac('sha256', secret).update(body).digest()
    if (!given || !timingSafeEqual(Buffer.from(given, 'hex'), expected) || !isId(id)) throw refused
    return { id }
  }
  const id = headers['webhook-id'] ?? ''
  const timestamp = headers['webhook-timestamp'] ?? ''
  const expected = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest()
  const isSigned = (headers['webhook-signature'] ?? '')
    .split(' ')
    .filter((one) => one.startsWith('v1,'))
    .slice(0, 10)
    .map((one) => Buffer.from(one.slice(3), 'base64'))
    .some((one) => one.length === expected.length && timingSafeEqual(one, expected))
  const isFresh = /^\d{1,12}$/.test(timestamp) && Math.abs(now - Number(timestamp) * 1_000) <= TOLERANCE_MS
  if (!isSigned || !isFresh || !isId(id)) throw refused
  return { id }
}

function isId(id: string): boolean {
  return id.length <= ID_MAX && /^[\w.:@/+=-]+$/.test(id)
}

/** `whsec_` and base64, as the scheme's tools print it; anything else is the key as it stands. */
function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret, 'utf8')
}
