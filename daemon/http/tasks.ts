import { Hono } from 'hono'
import type { Goals } from '../goals/goals.ts'
import { EmptyBody, RejectBody, SteerBody } from './bodies.ts'
import { actor } from './by.ts'
import { body } from './valid.ts'

export function taskRoutes({ goals }: { goals: Goals }) {
  return new Hono()
    .get('/:task', async (c) => c.json(await goals.showTask(c.req.param('task'))))
    .get('/:task/review', async (c) => c.json(await goals.review(c.req.param('task'))))
    .post('/:task/steer', body(SteerBody), async (c) => {
      const passedTo = await goals.steer(c.req.param('task'), c.req.valid('json').text, actor(c))
      return c.json({ passedTo })
    })
    .post('/:task/accept', body(EmptyBody), async (c) => {
      await goals.accept(c.req.param('task'), actor(c))
      return c.json(await goals.showTask(c.req.param('task')))
    })
    .post('/:task/reject', body(RejectBody), async (c) => {
      await goals.reject(c.req.param('task'), c.req.valid('json').comment, actor(c))
      return c.json(await goals.showTask(c.req.param('task')))
    })
    .post('/:task/take', body(EmptyBody), async (c) => c.json(await goals.take(c.req.param('task'), actor(c))))
    .post('/:task/give', body(EmptyBody), async (c) => {
      await goals.give(c.req.param('task'), actor(c))
      return c.json(await goals.showTask(c.req.param('task')))
    })
    .post('/:task/proof', body(EmptyBody), async (c) => c.json(await goals.reprove(c.req.param('task'))))
}
