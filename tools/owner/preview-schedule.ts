import { Fault } from '../../core/fault.ts'
import {
  NewScheduleInput,
  ScheduleShape,
  scheduleLine,
  scheduleOf,
  shapeSchedule,
  whenComplaint,
} from '../schedule-shapes.ts'
import { defineTool } from '../tool.ts'

export const previewSchedule = defineTool({
  name: 'preview_schedule',
  title: 'Preview a schedule',
  description:
    'Show the next moments of a schedule without keeping it. Everything that add_schedule would refuse is refused here too.',
  scope: 'owner',
  readOnly: true,
  destructive: false,
  idempotent: true,
  input: NewScheduleInput,
  output: ScheduleShape,
  async run(input, { schedules }) {
    const complaint = whenComplaint(input)
    if (complaint) throw new Fault('input_invalid', complaint)
    return shapeSchedule({ ...(await schedules.preview(scheduleOf(input))), last: null })
  },
  text: (shape) => [scheduleLine(shape), ...shape.upcoming.map((at) => `- ${at}`)].join('\n'),
})
