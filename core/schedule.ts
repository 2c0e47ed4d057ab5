import { z } from 'zod'
import { Autonomy, Land } from './goal.ts'
import type { Moves } from './moves.ts'

/**
 * What sets a schedule off. The first three are moments that the daemon works out itself; the others wait for
 * something to happen: a signed call, files that change, a goal that ends.
 */
export const When = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('cron'),
    /** Five fields, or six with seconds in front. */
    pattern: z.string().min(1).max(200),
    /** An IANA name; the pattern is read on its wall clock, also when that is put forward or back. */
    timezone: z.string().min(1).max(100),
  }),
  z.strictObject({
    kind: z.literal('every'),
    everyMs: z.int().min(1_000),
    /** Moments are this one and whole multiples of `everyMs` after it. */
    fromAt: z.int(),
  }),
  z.strictObject({ kind: z.literal('at'), at: z.int() }),
  z.strictObject({
    kind: z.literal('hook'),
    /** github: `X-Hub-Signature-256`. standard: `webhook-id`, `webhook-timestamp`, `webhook-signature`. */
    scheme: z.enum(['github', 'standard']),
    /** Where the secret is: `env:NAME` or `file:/path`. The secret itself is never stored. */
    secret: z.string().regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:\/.+)$/, 'a secret is named: env:NAME or file:/path'),
    /** Only these events (`X-GitHub-Event`, or `type` in the body); null takes all. */
    events: z.array(z.string().min(1).max(100)).min(1).max(50).nullable(),
  }),
  z.strictObject({
    kind: z.literal('path'),
    /** A file or folder, absolute. */
    path: z.string().startsWith('/', 'a watched path is absolute').max(4096),
    /** Only files that fit this pattern, from the folder on; null takes all. */
    glob: z.string().min(1).max(500).nullable(),
    /** Nothing has changed for so long before it fires. */
    quietMs: z.int().min(100).max(3_600_000),
  }),
  z.strictObject({
    kind: z.literal('goal'),
    /** A goal, which ends once, or a schedule, each of whose goals counts. */
    of: z.union([z.templateLiteral(['goal_', z.string()]), z.templateLiteral(['schedule_', z.string()])]),
    on: z.enum(['met', 'dropped', 'ended']),
  }),
])
export type When = z.infer<typeof When>

/** What becomes of a moment that passed while nobody was awake: nothing, one firing for all of them, or each. */
export const Misfire = z.enum(['skip', 'once', 'all'])
export type Misfire = z.infer<typeof Misfire>

/** What becomes of a firing while the goal of the one before is open: nothing, it waits, or it takes its place. */
export const Overlap = z.enum(['skip', 'queue', 'replace'])
export type Overlap = z.infer<typeof Overlap>

/** The goal that a firing makes. `{{…}}` in the text is filled in strictly; see docs/SCHEDULES.md. */
export const GoalTemplate = z.strictObject({
  text: z.string().trim().min(1, 'a goal needs words').max(20_000),
  repo: z.string().min(1).nullable().default(null),
  branch: z.string().min(1).nullable().default(null),
  land: Land.nullable().default(null),
  autonomy: Autonomy.nullable().default(null),
  minutesMax: z.number().positive().nullable().default(null),
  attemptsMax: z.int().min(1).max(20).nullable().default(null),
  usdMax: z.number().positive().nullable().default(null),
  agent: z.string().min(1).nullable().default(null),
})
export type GoalTemplate = z.infer<typeof GoalTemplate>

/** A command that decides whether a firing makes a goal: exit code 0 says yes. No model is asked. */
export const Condition = z.strictObject({
  command: z.string().trim().min(1).max(10_000),
  secondsMax: z.int().min(1).max(3_600).default(60),
})
export type Condition = z.infer<typeof Condition>

/** ended: nothing more comes of it by itself; removed: by the owner, its history stays. */
export const ScheduleState = z.enum(['active', 'paused', 'ended', 'removed'])
export type ScheduleState = z.infer<typeof ScheduleState>

export const SCHEDULE_MOVES = {
  active: ['paused', 'ended', 'removed'],
  paused: ['active', 'ended', 'removed'],
  ended: ['removed'],
  removed: [],
} as const satisfies Moves<ScheduleState>

export const Schedule = z.object({
  id: z.templateLiteral(['schedule_', z.string()]),
  /** Short number for people. */
  number: z.int(),
  /** A name of the owner's; a hook's is the end of its address. Unique among those not removed. */
  name: z.string().nullable(),
  when: When,
  /** How the owner said it. */
  words: z.string(),
  template: GoalTemplate,
  condition: Condition.nullable(),
  misfire: Misfire,
  overlap: Overlap,
  /** Each moment is put off by a share of this that is always the same for the same moment. */
  jitterMs: z.int().min(0),
  /** Moments from here on do not count. */
  endAt: z.int().nullable(),
  /** Firings that made a goal, after which it ends. */
  firingsMax: z.int().min(1).nullable(),
  state: ScheduleState,
  /** Why it is not active, one sentence. */
  reason: z.string().nullable(),
  /** Moments up to and including this one have been looked at. */
  cursorAt: z.int(),
  /** When the ticker must look again, jitter included; null when no moment is to come. */
  nextAt: z.int().nullable(),
  /** Firings that made a goal, those that the owner asked for not counted. */
  fired: z.int(),
  createdAt: z.int(),
  endedAt: z.int().nullable(),
})
export type Schedule = z.infer<typeof Schedule>
export type ScheduleId = Schedule['id']

/**
 * due: written down, its goal not made yet; waiting: the goal of the firing before is open; fired: its goal is
 * made; skipped: by a rule of the schedule; missed: nobody was awake; failed: no goal could be made.
 */
export const FiringState = z.enum(['due', 'waiting', 'fired', 'skipped', 'missed', 'failed'])
export type FiringState = z.infer<typeof FiringState>

/** Only what made no goal comes back: a moment that the clock reaches again, a delivery that is sent again. */
export const FIRING_MOVES = {
  due: ['waiting', 'fired', 'skipped', 'failed'],
  waiting: ['due', 'fired', 'skipped', 'failed'],
  fired: [],
  skipped: [],
  missed: ['due'],
  failed: ['due'],
} as const satisfies Moves<FiringState>

export const Firing = z.object({
  id: z.templateLiteral(['firing_', z.string()]),
  scheduleId: z.templateLiteral(['schedule_', z.string()]),
  /** What makes it the only one of its kind: `at:<moment>`, `delivery:<id>`, `goal:<id>` … Of one key there is one firing. */
  key: z.string(),
  cause: z.enum(['time', 'owner', 'hook', 'path', 'goal']),
  /** The moment it stands for, without jitter. */
  dueAt: z.int(),
  state: FiringState,
  /** One sentence: why it made no goal, or that it came late. */
  reason: z.string().nullable(),
  goalId: z.templateLiteral(['goal_', z.string()]).nullable(),
  /** What came with it (a delivery's body, the changed paths); taken away once its goal is made. */
  payload: z.unknown(),
  createdAt: z.int(),
  settledAt: z.int().nullable(),
})
export type Firing = z.infer<typeof Firing>
export type FiringId = Firing['id']
export type FiringCause = Firing['cause']
