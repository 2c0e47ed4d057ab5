import { Hono } from 'hono'
import type { Inbox } from '../inbox/inbox.ts'
import { AnswerBody } from './bodies.ts'
import { actor } from './by.ts'
import { body } from './valid.ts'

export function inboxRoutes({ inbox }: { inbox: Inbox }) {
  return new Hono()
    .get('/', async (c) => c.json({ asks: await inbox.list() }))
    .get('/:ask', async (c) => c.json(await inbox.get(c.req.param('ask'))))
    .post('/:ask/answer', body(AnswerBody), async (c) =>
      c.json(await inbox.answer(c.req.param('ask'), { ...c.req.valid('json'), by: actor(c) })),
    )
}
