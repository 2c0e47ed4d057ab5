import { z } from 'zod'
import { ScheduleShape, scheduleLine, shapeSchedule } from '../schedule-shapes.ts'
import { ScheduleName } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const resumeSchedule = defineTool({
  name: 'resume_schedule',
  title: 'Resume a schedule',
  description: 'Let a paused schedule fire again, from its next moment on.',
  scope: 'owner',
  readOnly: false,
  destructive: false,
  idempotent: false,
  input: z.strictObject({ schedule: ScheduleName }),
  output: ScheduleShape,
  async run({ schedule }, { schedules }, { by }) {
    await schedules.resume(schedule, by)
    return shapeSchedule(await schedules.show(schedule))
  },
  text: scheduleLine,
})
