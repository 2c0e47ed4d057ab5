import { z } from 'zod'
import type { Moves } from './moves.ts'
import { PermissionProfile } from './permission.ts'

/** open: being worked on or waiting; paused: by the owner; met: every task done and landed; dropped: given up. */
export const GoalState = z.enum(['open', 'paused', 'met', 'dropped'])
export type GoalState = z.infer<typeof GoalState>

export const GOAL_MOVES = {
  open: ['paused', 'met', 'dropped'],
  paused: ['open', 'dropped'],
  met: [],
  dropped: [],
} as const satisfies Moves<GoalState>

/** How the result reaches the owner: kept as a branch, fast-forwarded into the target, or proposed. */
export const Land = z.enum(['branch', 'merge', 'pr'])
export type Land = z.infer<typeof Land>

/** When the owner is asked: before the work, before the landing, or only when something is wrong. */
export const Autonomy = z.enum(['ask-plan', 'ask-land', 'auto'])
export type Autonomy = z.infer<typeof Autonomy>

export const GoalLimits = z.object({
  /** Wall-clock minutes from the goal's start, waiting on the owner not counted. */
  minutesMax: z.number().positive().nullable(),
  /** Runs per task that may end in a work failure. */
  attemptsMax: z.int().min(1).max(20),
  tokensMax: z.int().positive().nullable(),
  usdMax: z.number().positive().nullable(),
})
export type GoalLimits = z.infer<typeof GoalLimits>

/** Where a goal came from, so that its report can go back there. */
export const GoalSource = z.object({
  surface: z.enum(['cli', 'http', 'mcp', 'chat', 'schedule', 'webhook', 'web']),
  /** The channel's name, the token's name, the schedule's id … */
  from: z.string().nullable(),
})
export type GoalSource = z.infer<typeof GoalSource>

export const Goal = z.object({
  id: z.templateLiteral(['goal_', z.string()]),
  /** Short number for people and branches: `#12`. */
  number: z.int(),
  /** The owner's words. */
  text: z.string().min(1),
  /** `claw/<number>-<slug>`, the branch the work is gathered on. */
  branch: z.string(),
  repositoryId: z.templateLiteral(['repo_', z.string()]),
  /** The branch of the owner's that the work is for. */
  targetBranch: z.string(),
  /** The target's commit when the goal was taken in; null until the repository was read. */
  baseCommit: z.string().nullable(),
  land: Land,
  autonomy: Autonomy,
  limits: GoalLimits,
  /** The agent profile the owner asked for; null lets the daemon choose. */
  agent: z.string().nullable(),
  /** How much its agents may do without the owner; null: as the configuration says. */
  permissions: PermissionProfile.nullable(),
  source: GoalSource,
  state: GoalState,
  /** What stopped `advance`: a stack, shown in the inbox. Null while all is well. */
  quarantine: z.string().nullable(),
  /** Milliseconds since the epoch; the goal is looked at again then. */
  wakeAt: z.int().nullable(),
  /** The report's file, once written. */
  reportFile: z.string().nullable(),
  /** One sentence: why it was met or dropped. */
  outcome: z.string().nullable(),
  createdAt: z.int(),
  endedAt: z.int().nullable(),
})
export type Goal = z.infer<typeof Goal>
export type GoalId = Goal['id']

export function isGoalEnded(state: GoalState): boolean {
  return state === 'met' || state === 'dropped'
}
