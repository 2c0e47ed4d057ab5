import { z } from 'zod'
import { ScheduleShape, scheduleLine, shapeSchedule } from '../schedule-shapes.ts'
import { ScheduleName } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const pauseSchedule = defineTool({
  name: 'pause_schedule',
  title: 'Pause a schedule',
  description:
    'Pause a schedule: nothing fires until it is resumed, and moments that pass meanwhile do not count as missed.',
  scope: 'owner',
  readOnly: false,
  destructive: false,
  idempotent: false,
  input: z.strictObject({ schedule: ScheduleName }),
  output: ScheduleShape,
  async run({ schedule }, { schedules }, { by }) {
    await schedules.pause(schedule, by)
    return shapeSchedule(await schedules.show(schedule))
  },
  text: scheduleLine,
})
