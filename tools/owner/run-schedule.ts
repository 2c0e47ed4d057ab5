import { z } from 'zod'
import { ScheduleShape, scheduleLine, shapeSchedule } from '../schedule-shapes.ts'
import { ScheduleName } from '../shapes.ts'
import { defineTool } from '../tool.ts'

export const runSchedule = defineTool({
  name: 'run_schedule',
  title: 'Run a schedule now',
  description:
    'Fire a schedule now, whatever its pattern, condition and overlap policy say. Its goal is added a moment later; list_goals shows it.',
  scope: 'owner',
  readOnly: false,
  destructive: false,
  idempotent: false,
  input: z.strictObject({ schedule: ScheduleName }),
  output: ScheduleShape.extend({ firing: z.string().describe('The id of the firing.') }),
  async run({ schedule }, { schedules }, { by }) {
    const { firing } = await schedules.run(schedule, by)
    return { ...shapeSchedule(await schedules.show(schedule)), firing: firing.id }
  },
  text: (shape) => `Fired. ${scheduleLine(shape)}`,
})
