/** Takes webhook deliveries in: signature, event, then a firing of which there is one per delivery id. */
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import { writeFiring } from '../schedules/fire.ts'
import type { Delivered, Delivery } from '../schedules/schedules.ts'
import { assertMaterial } from '../schedules/template.ts'
import type { Queue } from '../store/queue.ts'
import { findFiring, findSchedule } from '../store/schedule-rows.ts'
import type { Store } from '../store/store.ts'
import { verifyDelivery } from './signature.ts'

export interface DeliverDeps {
  store: Store
  queue: Queue
  world: World
  /** `env:NAME` or `file:/path` to the secret; undefined when there is none. Asked at each delivery, never kept. */
  readSecret(reference: string): string | undefined
}

export function createDeliver({ store, queue, world, readSecret }: DeliverDeps) {
  const log = world.log.child({ part: 'hooks' })

  return async function deliver(name: string, delivery: Delivery): Promise<Delivered> {
    const schedule = await findSchedule(store.db, { name })
    const when = schedule?.when.kind === 'hook' ? schedule.when : undefined
    const secret = when && readSecret(when.secret)
    if (when && !secret) log.warn({ hook: name, secret: when.secret }, 'the secret of a hook is not there')
    // An unknown name takes the same way as a wrong signature.
    const { id } = verifyDelivery(when?.scheme ?? 'github', delivery, secret ?? '', world.clock.now())
    if (!schedule || !when) throw new Fault('signature_refused', 'The delivery is not signed as this hook wants it')
    if (schedule.state !== 'active') return { outcome: 'ignored', firingId: null }

    const body = readJson(delivery)
    const event =
      when.scheme === 'github'
        ? (delivery.headers['x-github-event'] ?? '')
        : String((body as { type?: unknown })?.type ?? '')
    const isPing = when.scheme === 'github' && event === 'ping'
    if (isPing || (when.events !== null && !when.events.includes(event))) return { outcome: 'ignored', firingId: null }
    // Said to the sender now, with the name of what is missing, and not only in the history later.
    assertMaterial(schedule.template.text, { payload: body, event })
    const key = `delivery:${id}`
    return await store.transaction(async (tx) => {
      const firing = await writeFiring(tx, queue, world.clock.now(), schedule, {
        key,
        cause: 'hook',
        payload: { event, body },
      })
      if (firing) return { outcome: 'new', firingId: firing.id }
      const before = await findFiring(tx, { scheduleId: schedule.id, key })
      return { outcome: 'known', firingId: before?.id ?? null }
    })
  }
}

function readJson({ headers, body }: Delivery): unknown {
  const type = headers['content-type'] ?? ''
  if (!/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type)) {
    throw new Fault('input_invalid', `A delivery must be application/json, not ${type.slice(0, 100) || 'untyped'}`)
  }
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'))
  } catch (cause) {
    throw new Fault('input_invalid', `The delivery is not JSON: ${(cause as Error).message}`, { cause })
  }
}
