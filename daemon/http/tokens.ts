import { Hono } from 'hono'
import { Fault } from '../../core/fault.ts'
import type { Tokens } from '../mcp/tokens.ts'
import { NewTokenBody } from './bodies.ts'
import { body } from './valid.ts'

/** The owner's tokens for MCP clients. They are managed with the daemon's own token only, never with one of them. */
export function tokenRoutes({ tokens }: { tokens?: Tokens }) {
  const those = () => {
    if (!tokens) throw new Fault('route_not_found', 'This daemon serves no MCP')
    return tokens
  }
  return new Hono()
    .get('/', async (c) => c.json({ tokens: await those().list() }))
    .post('/', body(NewTokenBody), async (c) => {
      const { name, scope, days } = c.req.valid('json')
      return c.json(await those().create({ name, days, scopes: scope === 'act' ? ['read', 'act'] : ['read'] }), 201)
    })
    .delete('/:token', async (c) => c.json(await those().revoke(c.req.param('token'))))
}
