import { Hono } from 'hono'
import { z } from 'zod'
import { Fault } from '../../core/fault.ts'
import type { OutsideTools, ServerView } from '../mcp-client/outside-tools.ts'
import { EmptyBody } from './bodies.ts'
import { actor } from './by.ts'
import { body, query } from './valid.ts'

export const ToolsQuery = z.strictObject({
  fresh: z
    .enum(['true', 'false'])
    .default('false')
    .describe('true: asks the servers first, starting those that do not run.'),
})

export const AgreeBody = z.strictObject({
  tool: z.string().min(1).max(200).nullable().default(null).describe('One tool; null: all of the server’s.'),
})

export const ToolServerSchema: z.ZodType<ServerView> = z.object({
  name: z.string(),
  kind: z.enum(['program', 'remote']),
  state: z.enum(['idle', 'starting', 'ready', 'failed', 'login-needed', 'disabled']),
  words: z.string().nullable(),
  brain: z.boolean(),
  runs: z.boolean(),
  login: z.enum(['none', 'waiting', 'done', 'failed']),
  tools: z.array(
    z.object({
      name: z.string(),
      offeredAs: z.string().describe('What models call it.'),
      description: z.string(),
      verdict: z.enum(['allow', 'ask', 'deny']),
      state: z.enum(['on', 'new', 'changed', 'gone']).describe('on: as you agreed; all others are off.'),
    }),
  ),
})
export const ToolServerListSchema = z.object({ servers: z.array(ToolServerSchema) })
export const LoginSchema = z.object({ url: z.string().describe('For your browser.') })
export const LogoutSchema = z.object({ loggedOut: z.string() })

/** Tools of the owner's other MCP servers: what there is, and what the owner agrees to. */
export function toolRoutes({ outside }: { outside?: Omit<OutsideTools, typeof Symbol.asyncDispose> }) {
  const those = () => {
    if (!outside) throw new Fault('route_not_found', 'This daemon uses no other servers')
    return outside
  }
  return new Hono()
    .get('/', query(ToolsQuery), async (c) =>
      c.json({ servers: await those().list({ isFresh: c.req.valid('query').fresh === 'true' }) }),
    )
    .post('/:server/agree', body(AgreeBody), async (c) =>
      c.json(await those().agree(c.req.param('server'), c.req.valid('json').tool, actor(c))),
    )
    .post('/:server/login', body(EmptyBody), async (c) => c.json(await those().login(c.req.param('server'))))
    .post('/:server/logout', body(EmptyBody), async (c) => {
      await those().logout(c.req.param('server'))
      return c.json({ loggedOut: c.req.param('server') })
    })
}
