import { z } from 'zod'
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

export const addSchedule = defineTool({
  name: 'add_schedule',
  title: 'Add a schedule',
  description:
    'Have a goal added again and again, at a later time, or when another goal has ended. preview_schedule first shows what the words for the time are taken for. Once this answers, the schedule survives a restart.',
  scope: 'owner',
  readOnly: false,
  destructive: false,
  idempotent: false,
  input: NewScheduleInput.extend({
    key: z.string().min(1).max(100).optional().describe('The same key twice gives the same schedule.'),
  }),
  output: ScheduleShape,
  async run({ key, ...input }, { schedules }) {
    const complaint = whenComplaint(input)
    if (complaint) throw new Fault('input_invalid', complaint)
    return shapeSchedule(await schedules.add({ ...scheduleOf(input), idempotencyKey: key ?? null }))
  },
  text: (shape) => `Added. ${scheduleLine(shape)}`,
})
