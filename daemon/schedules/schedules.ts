import { z } from 'zod'
import { Condition, type Firing, GoalTemplate, Misfire, Overlap, type Schedule, When } from '../../core/schedule.ts'

/** When by the clock alone. */
const [cron, every, at] = When.options
const TimedWhen = z.discriminatedUnion('kind', [cron, every, at])

/** When, in the owner's words or ready made. */
export const WhenInput = z.union([
  z.strictObject({
    /** "every weekday at 9", "tomorrow at 8:30", a cron pattern, an ISO moment. */
    text: z.string().trim().min(1).max(500),
    /** IANA; null takes the daemon's. */
    timezone: z.string().min(1).max(100).nullable().default(null),
    /** What a preview read the words as, agreed to by the owner; null: they are read now. */
    readAs: TimedWhen.nullable().default(null),
  }),
  z.strictObject({
    /** A goal (`12`), or a schedule (its number or name), each of whose goals counts. */
    after: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('goal'), name: z.string().min(1).max(100) }),
      z.strictObject({ kind: z.literal('schedule'), name: z.string().min(1).max(100) }),
    ]),
    on: z.enum(['met', 'dropped', 'ended']).default('ended'),
  }),
  When,
])
export type WhenInput = z.input<typeof WhenInput>

/** What an owner says to add a schedule. Everything but when and the goal has a default. */
export const NewSchedule = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a name has small letters, digits and dashes')
    // A number alone would be taken for the schedule of that number.
    .regex(/[a-z]/, 'a name has a letter in it')
    .nullable()
    .default(null),
  when: WhenInput,
  goal: GoalTemplate,
  condition: Condition.nullable().default(null),
  misfire: Misfire.default('once'),
  /** Null: queue where every missed moment counts, else skip. */
  overlap: Overlap.nullable().default(null),
  jitterSeconds: z.int().min(0).max(86_400).default(0),
  /** Milliseconds since the epoch. */
  endAt: z.int().nullable().default(null),
  firingsMax: z.int().min(1).max(1_000_000).nullable().default(null),
  /** The same key twice gives the same schedule; a client that lost the answer may send again. */
  idempotencyKey: z.string().min(1).max(100).nullable().default(null),
})
export type NewSchedule = z.infer<typeof NewSchedule>
export type NewScheduleInput = z.input<typeof NewSchedule>

/** What a schedule would be. `readBy`: who understood its words; `model`: the owner has to look at the moments first. */
export interface SchedulePreview extends Pick<ScheduleView, 'schedule' | 'timezone' | 'upcoming'> {
  readBy: 'grammar' | 'model'
}

export interface ScheduleView {
  schedule: Schedule
  /** The zone in which to show moments. */
  timezone: string
  /** The next moments, at most five; empty when something else sets it off. */
  upcoming: number[]
  /** The latest firing, whatever became of it. */
  last: FiringView | null
  /** Firings whose goal is not made yet. */
  open: number
  /** For a hook: the path below the daemon's address. */
  hook: string | null
}

export interface FiringView {
  firing: Omit<Firing, 'payload'>
  /** The number of its goal, and what has become of that. */
  goal: { number: number; state: string } | null
}

/**
 * What an owner can do with schedules, from any surface. When a call returns, it has reached the disk. A schedule
 * is named by its number (`3`), its name or its id. Throws schedule_not_found.
 */
export interface Schedules {
  /**
   * Everything that `add` would refuse is refused; nothing is kept. Words that the grammar does not know are put to
   * the brain here, and only here: `add` takes them with what was read (`when.readAs`).
   */
  preview(input: NewScheduleInput): Promise<SchedulePreview>
  add(input: NewScheduleInput): Promise<ScheduleView>
  list(filter?: { state?: 'open' | 'all' }): Promise<ScheduleView[]>
  show(schedule: string): Promise<ScheduleView>
  /** Nothing fires until it is resumed, and what is due meanwhile is not missed: it does not count. */
  pause(schedule: string, by: string): Promise<void>
  resume(schedule: string, by: string): Promise<void>
  /** Nothing fires any more; its history and goals stay. */
  remove(schedule: string, by: string): Promise<void>
  /** Fires now, whatever its pattern, condition and overlap policy say. Answers once the firing is on the disk. */
  run(schedule: string, by: string): Promise<FiringView>
  /** Latest first, missed ones as well. */
  history(schedule: string, filter?: { limit?: number }): Promise<FiringView[]>
  /**
   * A webhook's delivery: checked, and on the disk when this returns. Of one delivery id there is one firing.
   *
   * @throws signature_refused also for a name that no hook has: who cannot sign learns nothing
   */
  deliver(name: string, delivery: Delivery): Promise<Delivered>
}

export interface Delivery {
  /** Names in small letters. */
  headers: Readonly<Record<string, string | undefined>>
  /** As it came over the wire: the signature is about these bytes. */
  body: Uint8Array
}

export interface Delivered {
  /** new: it fires; known: it was delivered before; ignored: not an event that this hook takes. */
  outcome: 'new' | 'known' | 'ignored'
  firingId: string | null
}
