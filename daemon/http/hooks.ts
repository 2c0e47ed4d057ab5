/**
 * The door for other people's servers. It is in front of the guards: a delivery comes through a tunnel under
 * another host's name and knows no token of ours. What it has is a signature over its bytes, and without a right
 * one it learns nothing, not even whether the hook exists.
 */
import { Hono } from 'hono'
import { z } from 'zod'
import { Fault } from '../../core/fault.ts'
import type { Delivered, Schedules } from '../schedules/schedules.ts'

/** GitHub's largest deliveries are rarely above 1 MB. */
export const HOOK_BODY_MAX_BYTES = 5 * 1024 * 1024
/** Deliveries whose bodies are in memory at the same time. */
const AT_ONCE_MAX = 8

export const DeliveredSchema: z.ZodType<Delivered> = z.object({
  outcome: z.enum(['new', 'known', 'ignored']),
  firingId: z.string().nullable(),
})

export function hookRoutes({ schedules }: { schedules: Pick<Schedules, 'deliver'> }) {
  let atOnce = 0
  return new Hono().post('/:name', async (c) => {
    // Nobody has been checked yet, so what strangers can make us hold is bounded.
    if (atOnce >= AT_ONCE_MAX)
      throw new Fault('daemon_down', 'Too many deliveries at once', { hint: 'Send it again later.' })
    atOnce++
    try {
      const body = await readBytes(c.req.raw)
      const headers = Object.fromEntries(c.req.raw.headers)
      const delivered = await schedules.deliver(c.req.param('name').slice(0, 100), { headers, body })
      return c.json(delivered, delivered.outcome === 'new' ? 202 : 200)
    } finally {
      atOnce--
    }
  })
}

async function readBytes(request: Request): Promise<Uint8Array> {
  const tooLarge = () => new Fault('body_too_large', `The delivery is larger than ${HOOK_BODY_MAX_BYTES} bytes`)
  if (Number(request.headers.get('content-length') ?? 0) > HOOK_BODY_MAX_BYTES) throw tooLarge()
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength
    if (size > HOOK_BODY_MAX_BYTES) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
