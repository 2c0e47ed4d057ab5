import { z } from 'zod'
import { Act } from './act.ts'
import { PlannedCredential } from './credential.ts'
import type { Moves } from './moves.ts'

/**
 * A check is a command with a meaning: `fails-before` must fail on the base commit and pass
 * after the work (the task's point); `holds` must pass before and after (nothing broke).
 */
export const Check = z.object({
  name: z.string().min(1).max(120),
  /** A shell command, run at the top of a clean checkout. Exit code 0 is a pass. */
  command: z.string().min(1).max(4000),
  kind: z.enum(['fails-before', 'holds']),
  timeoutSeconds: z.int().min(1).max(3600).default(300),
  /** Whether the command may use the network. */
  network: z.boolean().default(false),
})
export type Check = z.infer<typeof Check>

/** A file the planner wrote (an acceptance test) that is laid over the checkout at verification. */
export const OverlayFile = z.object({ path: z.string().min(1).max(400), content: z.string().max(200_000) })
export type OverlayFile = z.infer<typeof OverlayFile>

/** change: ends in a commit; report: in a written file; act: changes something outside a worktree, seen by probes. */
export const TaskKind = z.enum(['change', 'report', 'act'])
export type TaskKind = z.infer<typeof TaskKind>

export const PlannedTask = z.object({
  /** The plan's own name for it, used in `needs`. */
  key: z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/, 'lower-case letters, digits and dashes'),
  title: z.string().min(1).max(140),
  kind: TaskKind.default('change'),
  /** All that the agent is told: what to do, where, what not to touch. */
  brief: z.string().min(1).max(20_000),
  /** Keys of tasks that must be done and merged first. */
  needs: z.array(z.string()).default([]),
  /** Globs of the files the task may change; empty only where it changes none (`act`). */
  footprint: z.array(z.string()).default([]),
  checks: z.array(Check).default([]),
  overlay: z.array(OverlayFile).default([]),
  /** The agent profile to prefer; null lets the dispatcher choose. */
  agent: z.string().nullable().default(null),
  /** Secrets that its runs are given, each only once the owner agreed. */
  credentials: z.array(PlannedCredential).max(20).default([]),
  /** For kind `act`, and only there: what it reaches and changes outside, and how that is seen and taken back. */
  act: Act.optional(),
})
export type PlannedTask = z.infer<typeof PlannedTask>

/** What the brain returns and what a `--plan FILE` holds. */
export const PlanDraft = z.object({
  summary: z.string().min(1).max(4000),
  tasks: z.array(PlannedTask).min(1).max(60),
  /** Globs that several tasks may change side by side (a changelog, an index file, lockfiles). */
  sharedPaths: z.array(z.string()).default([]),
  /** Globs that no task may change, whatever its footprint says: from the owner's standing preferences. */
  offLimits: z.array(z.string().min(1).max(400)).max(200).optional(),
  /** Checks of the goal as a whole, run on every merged tree. */
  checks: z.array(Check).default([]),
  /** What only the owner can answer before the work starts. */
  questions: z.array(z.string().min(1)).default([]),
})
export type PlanDraft = z.infer<typeof PlanDraft>

/** drafting: asked for or being vetted; refused: sent back with reasons; proposed: waits for the owner; active: being worked on. */
export const PlanState = z.enum(['drafting', 'refused', 'proposed', 'active', 'replaced'])
export type PlanState = z.infer<typeof PlanState>

export const PLAN_MOVES = {
  drafting: ['refused', 'proposed', 'replaced'],
  refused: ['replaced'],
  proposed: ['active', 'refused', 'replaced'],
  active: ['replaced'],
  replaced: [],
} as const satisfies Moves<PlanState>

export const Plan = z.object({
  id: z.templateLiteral(['plan_', z.string()]),
  goalId: z.templateLiteral(['goal_', z.string()]),
  /** From 1; a plan is replaced as a whole. */
  version: z.int(),
  state: PlanState,
  /** Null while the brain has not answered; a plan file stands here from the start. */
  draft: PlanDraft.nullable(),
  /** 'owner' for a plan file, else the brain's name. */
  author: z.string(),
  /** What this version was asked for beside the goal: the owner's later words. */
  request: z.array(z.string()),
  /** Why it was refused; empty otherwise. */
  reasons: z.array(z.string()),
  /** What each check did on the base commit, for people; one line each. */
  baseline: z.array(z.string()),
  /** The commit the baseline was run on. */
  baseCommit: z.string().nullable(),
  createdAt: z.int(),
})
export type Plan = z.infer<typeof Plan>
export type PlanId = Plan['id']
