import { z } from 'zod'
import { Probe } from './act.ts'
import { Check, OverlayFile } from './plan.ts'

/** What was promised before the work: it comes from the plan and the base, never from the worker's tree. */
export const Contract = z.object({
  checks: z.array(Check),
  overlay: z.array(OverlayFile),
  footprint: z.array(z.string()),
  sharedPaths: z.array(z.string()),
  /** Globs that may not be changed, even inside the footprint. */
  offLimits: z.array(z.string()).optional(),
  /** Of an act: how the daemon looks from outside. */
  probes: z.array(Probe).optional(),
})
export type Contract = z.infer<typeof Contract>

export const CheckResult = z.object({
  name: z.string(),
  command: z.string(),
  kind: z.enum(['fails-before', 'holds']),
  /** Null when it was ended by a signal or the time limit. */
  exitCode: z.int().nullable(),
  timedOut: z.boolean(),
  durationMs: z.number(),
  passed: z.boolean(),
  /** sha256 of the whole output. */
  outputDigest: z.string(),
  /** Where the whole output is kept, compressed. */
  outputFile: z.string().nullable(),
  /** The end of the output, for people and for feedback. */
  tail: z.string(),
  /** It said one thing and then another on the same files. `known`: memory knew it as such, and it was given its second try. */
  flaky: z.object({ tries: z.int(), known: z.boolean() }).optional(),
})
export type CheckResult = z.infer<typeof CheckResult>

/** Set-up of the clean checkout failed, so that no check could run. */
export const SetupFailure = z.object({
  command: z.string(),
  exitCode: z.int().nullable(),
  tail: z.string(),
  /** Lockfiles and manifests that the commit changed: with one of them the failure may be the work's. */
  changedFiles: z.array(z.string()),
})
export type SetupFailure = z.infer<typeof SetupFailure>

/** `stop`: no proof; `ask`: the owner decides; `note`: for the reviewer and the report. */
export const GuardFinding = z.object({
  guard: z.enum([
    'empty-diff',
    'outside-footprint',
    'conflict-markers',
    'secret',
    'tests-weakened',
    'check-definition-changed',
    'unsafe-path',
    'submodule-changed',
  ]),
  level: z.enum(['stop', 'ask', 'note']),
  path: z.string().nullable(),
  detail: z.string(),
})
export type GuardFinding = z.infer<typeof GuardFinding>

export const ReviewFinding = z.object({
  class: z.enum(['fix', 'ask', 'note']),
  path: z.string().nullable(),
  detail: z.string(),
})
export type ReviewFinding = z.infer<typeof ReviewFinding>

export const Review = z.object({ reviewer: z.string(), summary: z.string(), findings: z.array(ReviewFinding) })
export type Review = z.infer<typeof Review>

/** An immutable record of what the daemon itself ran on one commit. Never updated. */
export const Proof = z.object({
  id: z.templateLiteral(['proof_', z.string()]),
  kind: z.enum(['task', 'landing']),
  goalId: z.templateLiteral(['goal_', z.string()]),
  /** Null for the proof of a goal's landing on the target. */
  taskId: z.templateLiteral(['task_', z.string()]).nullable(),
  runId: z.templateLiteral(['run_', z.string()]).nullable(),
  contract: Contract,
  base: z.string(),
  commit: z.string(),
  tree: z.string(),
  results: z.array(CheckResult),
  /** Of an act: what its probes said before the first run. */
  before: z.array(CheckResult).nullish(),
  setup: SetupFailure.nullable(),
  guards: z.array(GuardFinding),
  review: Review.nullable(),
  passed: z.boolean(),
  /** How it was isolated: `bubblewrap`, `none` …; `outside`: the daemon's own probes. */
  sandbox: z.string(),
  createdAt: z.int(),
})
export type Proof = z.infer<typeof Proof>
export type ProofId = Proof['id']
