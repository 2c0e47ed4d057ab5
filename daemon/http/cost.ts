import { Hono } from 'hono'
import type { CostBy, CostSheet } from '../../core/spend.ts'
import { CostQuery } from './bodies.ts'
import { query } from './valid.ts'

export interface CostRouteDeps {
  /** Sums of the ledger; throws goal_not_found. */
  cost(wish: { by: CostBy; goal: string | null }): Promise<CostSheet>
}

export function costRoutes({ cost }: CostRouteDeps) {
  return new Hono().get('/', query(CostQuery), async (c) => {
    const { by, goal } = c.req.valid('query')
    // One goal's sums are asked for by what is in it.
    return c.json(await cost({ by: by ?? (goal === undefined ? 'goal' : 'task'), goal: goal ?? null }))
  })
}
