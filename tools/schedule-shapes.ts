/** What the tools for schedules take and answer with. */
import { z } from 'zod'
import { Autonomy, Land } from '../core/goal.ts'
import { oneLine } from '../core/plain-text.ts'
import { Misfire, Overlap } from '../core/schedule.ts'
import type { ScheduleForTools } from './context.ts'
import { clip } from './shapes.ts'

/** Webhooks and watched paths name secrets and places on the owner's machine: those are added by `claw schedule`. */
export const NewScheduleInput = z.strictObject({
  when: z
    .string()
    .trim()
    .min(1)
    .max(500)
    .optional()
    .describe('"every weekday at 9", "tomorrow at 8:30", "every 2 hours", a cron pattern, or an ISO moment.'),
  timezone: z.string().min(1).max(100).optional().describe('IANA name, such as Europe/Berlin; default: the daemon’s.'),
  afterGoal: z.string().min(1).max(100).optional().describe('Instead of `when`: once this goal has ended.'),
  afterSchedule: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe('Instead of `when`: each time a goal of this schedule has ended.'),
  on: z
    .enum(['met', 'dropped', 'ended'])
    .default('ended')
    .describe('Which end counts, with afterGoal or afterSchedule.'),
  text: z
    .string()
    .trim()
    .min(1)
    .max(20_000)
    .describe('The goal that each firing adds, in plain words. {{date}} and the like are filled in.'),
  repo: z.string().min(1).max(4096).optional().describe('Absolute path or URL of the git repository for its goals.'),
  branch: z.string().min(1).max(250).optional(),
  land: Land.optional(),
  autonomy: Autonomy.optional(),
  minutesMax: z.number().positive().optional(),
  attemptsMax: z.int().min(1).max(20).optional(),
  agent: z.string().min(1).max(100).optional(),
  name: z.string().min(1).max(63).optional().describe('Small letters, digits, dashes.'),
  onlyIf: z
    .string()
    .trim()
    .min(1)
    .max(10_000)
    .optional()
    .describe('A shell command that decides each time: exit code 0 fires, anything else skips. Costs no tokens.'),
  misfire: Misfire.optional().describe(
    'What becomes of moments missed while nothing was awake; default: once for all.',
  ),
  overlap: Overlap.optional().describe('What becomes of a firing while the goal of the one before is open.'),
  timesMax: z.int().min(1).max(1_000_000).optional().describe('It ends after so many firings.'),
})

export const ScheduleShape = z.object({
  schedule: z.int().describe('Its number; 0 while it is not kept.'),
  name: z.string().nullable(),
  words: z.string().describe('When.'),
  state: z.string(),
  reason: z.string().nullable(),
  text: z.string().describe('The goal that it adds.'),
  repository: z.string().nullable(),
  upcoming: z.array(z.string()).describe('The next moments, ISO, UTC.'),
  timezone: z.string(),
  fired: z.int(),
  last: z.object({ state: z.string(), goal: z.int().nullable() }).nullable(),
})
export type ScheduleShape = z.infer<typeof ScheduleShape>

export function shapeSchedule({ schedule, timezone, upcoming, last }: ScheduleForTools): ScheduleShape {
  const { number, name, words, state, reason, template, fired } = schedule
  return {
    schedule: number,
    name,
    words,
    state,
    reason,
    text: clip(template.text, 2000),
    repository: template.repo,
    upcoming: upcoming.map((at) => new Date(at).toISOString()),
    timezone,
    fired,
    last: last ? { state: last.firing.state, goal: last.goal?.number ?? null } : null,
  }
}

export function scheduleLine({ schedule, name, words, state, reason, text, upcoming }: ScheduleShape): string {
  const called = schedule === 0 ? 'not kept' : `schedule ${schedule}${name ? ` ${name}` : ''}`
  const next = upcoming[0] ? `, next ${upcoming[0]}` : ''
  const why = reason ? ` (${oneLine(reason)})` : ''
  return `${called}: ${oneLine(words)}, ${state}${why}${next}: ${clip(oneLine(text), 120)}`
}

export function scheduleOf(input: z.output<typeof NewScheduleInput>) {
  const { when, timezone, afterGoal, afterSchedule, on, name, onlyIf, misfire, overlap, timesMax, ...goal } = input
  return {
    name: name ?? null,
    when: afterGoal
      ? { after: { kind: 'goal' as const, name: afterGoal }, on }
      : afterSchedule
        ? { after: { kind: 'schedule' as const, name: afterSchedule }, on }
        : { text: when ?? '', timezone: timezone ?? null },
    goal,
    condition: onlyIf === undefined ? null : { command: onlyIf },
    misfire: misfire ?? ('once' as const),
    overlap: overlap ?? null,
    firingsMax: timesMax ?? null,
  }
}

/** Exactly one thing sets a schedule off; said here, because a form for models cannot. */
export function whenComplaint({ when, afterGoal, afterSchedule }: z.output<typeof NewScheduleInput>): string | null {
  const given = [when, afterGoal, afterSchedule].filter((one) => one !== undefined).length
  return given === 1 ? null : 'Give exactly one of when, afterGoal and afterSchedule'
}
