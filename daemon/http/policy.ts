import { Hono } from 'hono'
import { PolicyQuestion } from '../policy/answers.ts'
import type { Policy } from '../policy/policy.ts'
import { body } from './valid.ts'

export interface PolicyRouteDeps {
  policy: Pick<Policy, 'test' | 'show'>
}

export function policyRoutes({ policy }: PolicyRouteDeps) {
  return new Hono()
    .get('/', (c) => c.json(policy.show()))
    .post('/test', body(PolicyQuestion), async (c) => c.json(await policy.test(c.req.valid('json'))))
}
