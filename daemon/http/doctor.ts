import { Hono } from 'hono'
import type { Examine } from '../doctor/examine.ts'
import { DoctorBody } from './bodies.ts'
import { body } from './valid.ts'

export function doctorRoutes({ examine }: { examine: Examine }) {
  return new Hono().post('/doctor', body(DoctorBody), async (c) =>
    c.json({ findings: await examine(c.req.valid('json')) }),
  )
}
