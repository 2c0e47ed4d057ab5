import { Hono } from 'hono'
import type { Health } from '../health.ts'
import { EmptyBody } from './bodies.ts'
import { actor } from './by.ts'
import { body } from './valid.ts'

interface HealthRouteDeps {
  health(): Promise<Health>
  /** Begins an orderly stop and returns at once. */
  stop(by: string): void
  version: string
  pid: number
}

export function healthRoutes({ health, stop, version, pid }: HealthRouteDeps) {
  return (
    new Hono()
      // Alive: the process answers. A client compares the pid with daemon.json.
      .get('/healthz', (c) => c.json({ claw: true, version, pid }))
      // Ready: the parts behind it answer too.
      .get('/readyz', async (c) => {
        await health()
        return c.json({ ready: true })
      })
      .get('/v1/status', async (c) => c.json(await health()))
      .post('/v1/stop', body(EmptyBody), (c) => {
        stop(actor(c))
        return c.json({ stopping: true, pid }, 202)
      })
  )
}
