import { z } from 'zod'
import { ScheduleShape, scheduleLine, shapeSchedule } from '../schedule-shapes.ts'
import { ScheduleName } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const removeSchedule = defineTool({
  name: 'remove_schedule',
  title: 'Remove a schedule',
  description: 'End a schedule for good. Its history and the goals that it added stay.',
  scope: 'owner',
  readOnly: false,
  destructive: true,
  idempotent: false,
  input: z.strictObject({ schedule: ScheduleName }),
  output: ScheduleShape,
  async run({ schedule }, { schedules }, { by }) {
    // By id from here on: the name is free again once it is removed.
    const { id } = (await schedules.show(schedule)).schedule
    await schedules.remove(id, by)
    return shapeSchedule(await schedules.show(id))
  },
  text: scheduleLine,
})
