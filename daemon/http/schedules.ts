import { Hono } from 'hono'
import { z } from 'zod'
import { Firing, Schedule } from '../../core/schedule.ts'
import {
  type FiringView,
  NewSchedule,
  type SchedulePreview,
  type Schedules,
  type ScheduleView,
} from '../schedules/schedules.ts'
import { EmptyBody } from './bodies.ts'
import { actor } from './by.ts'
import { body, query } from './valid.ts'

export const NewScheduleBody = NewSchedule

export const ScheduleListQuery = z.strictObject({
  state: z
    .enum(['open', 'all'])
    .default('open')
    .describe('open: active and paused ones; all: also what has ended or was removed.'),
})

export const HistoryQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(50).describe('The latest so many.'),
})

export const FiringViewSchema: z.ZodType<FiringView> = z.object({
  firing: Firing.omit({ payload: true }),
  goal: z.object({ number: z.int(), state: z.string() }).nullable(),
})

export const ScheduleViewSchema: z.ZodType<ScheduleView> = z.object({
  schedule: Schedule,
  timezone: z.string(),
  upcoming: z.array(z.int()),
  last: FiringViewSchema.nullable(),
  open: z.int(),
  hook: z.string().nullable(),
})

export const PreviewSchema: z.ZodType<SchedulePreview> = z.object({
  schedule: Schedule,
  timezone: z.string(),
  upcoming: z.array(z.int()),
  readBy: z.enum(['grammar', 'model']),
})
export const ScheduleListSchema = z.object({ schedules: z.array(ScheduleViewSchema) })
export const HistorySchema = z.object({ firings: z.array(FiringViewSchema) })

export function scheduleRoutes({ schedules }: { schedules: Schedules }) {
  return new Hono()
    .post('/', body(NewScheduleBody), async (c) => {
      const added = await schedules.add(c.req.valid('json'))
      c.header('location', `/v1/schedules/${added.schedule.number}`)
      return c.json(added, 201)
    })
    .post('/preview', body(NewScheduleBody), async (c) => c.json(await schedules.preview(c.req.valid('json'))))
    .get('/', query(ScheduleListQuery), async (c) => c.json({ schedules: await schedules.list(c.req.valid('query')) }))
    .get('/:schedule', async (c) => c.json(await schedules.show(c.req.param('schedule'))))
    .get('/:schedule/history', query(HistoryQuery), async (c) =>
      c.json({ firings: await schedules.history(c.req.param('schedule'), c.req.valid('query')) }),
    )
    .post('/:schedule/pause', body(EmptyBody), async (c) => {
      await schedules.pause(c.req.param('schedule'), actor(c))
      return c.json(await schedules.show(c.req.param('schedule')))
    })
    .post('/:schedule/resume', body(EmptyBody), async (c) => {
      await schedules.resume(c.req.param('schedule'), actor(c))
      return c.json(await schedules.show(c.req.param('schedule')))
    })
    .post('/:schedule/run', body(EmptyBody), async (c) =>
      c.json(await schedules.run(c.req.param('schedule'), actor(c)), 202),
    )
    .delete('/:schedule', async (c) => {
      const { schedule } = await schedules.show(c.req.param('schedule'))
      await schedules.remove(schedule.id, actor(c))
      return c.json(await schedules.show(schedule.id))
    })
}
