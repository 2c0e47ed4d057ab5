import { z } from 'zod'
import { ScheduleShape, scheduleLine, shapeSchedule } from '../schedule-shapes.ts'
import { defineTool } from '../tool.ts'

export const listSchedules = defineTool({
  name: 'list_schedules',
  title: 'List schedules',
  description: 'List what adds goals by itself: when it fires next, what it adds, and what became of its last firing.',
  scope: 'owner',
  readOnly: true,
  destructive: false,
  idempotent: true,
  input: z.strictObject({
    state: z
      .enum(['open', 'all'])
      .default('open')
      .describe('open: active and paused ones; all: ended and removed too.'),
  }),
  output: z.object({ schedules: z.array(ScheduleShape), more: z.int().describe('How many are not shown.') }),
  async run({ state }, { schedules }) {
    const all = await schedules.list({ state })
    return { schedules: all.slice(0, SHOWN_MAX).map(shapeSchedule), more: Math.max(0, all.length - SHOWN_MAX) }
  },
  text: ({ schedules, more }) =>
    schedules.length === 0
      ? 'There are no schedules.'
      : [...schedules.map(scheduleLine), ...(more > 0 ? [`and ${more} more`] : [])].join('\n'),
})

const SHOWN_MAX = 100
