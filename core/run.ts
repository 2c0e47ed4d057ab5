import { z } from 'zod'
import type { Moves } from './moves.ts'
import { CheckResult } from './proof.ts'
import { RunPurpose } from './task.ts'

/** waiting: for an answer of the owner's, its process may or may not be alive. */
export const RunState = z.enum(['starting', 'running', 'waiting', 'ended'])
export type RunState = z.infer<typeof RunState>

export const RUN_MOVES = {
  starting: ['running', 'waiting', 'ended'],
  running: ['waiting', 'ended'],
  waiting: ['running', 'ended'],
  ended: [],
} as const satisfies Moves<RunState>

/** done: the agent stopped by itself and the work was captured; lost: nobody knows how it ended. */
export const RunOutcome = z.enum(['done', 'failed', 'stopped', 'lost'])
export type RunOutcome = z.infer<typeof RunOutcome>

/**
 * Why a run did not lead to a proof. What follows differs: transport is tried again and does
 * not count, a limit pauses, work is fed back and counts, environment mends the recipe.
 */
export const FailureClass = z.enum(['transport', 'limit', 'work', 'environment'])
export type FailureClass = z.infer<typeof FailureClass>

export const Usage = z.object({
  inputTokens: z.int(),
  cachedTokens: z.int(),
  outputTokens: z.int(),
  /** What the agent itself reported; null where it reports none. */
  usd: z.number().nullable(),
})
export type Usage = z.infer<typeof Usage>

export const Run = z.object({
  id: z.templateLiteral(['run_', z.string()]),
  taskId: z.templateLiteral(['task_', z.string()]),
  goalId: z.templateLiteral(['goal_', z.string()]),
  /** The number of this run within its task, from 1. */
  attempt: z.int(),
  purpose: RunPurpose,
  /** The agent profile's name, or `owner` for work taken over by hand. */
  agent: z.string(),
  state: RunState,
  outcome: RunOutcome.nullable(),
  failure: FailureClass.nullable(),
  /** One sentence for people; the agent's or the driver's own words. */
  note: z.string().nullable(),
  worktree: z.string(),
  /** Process group leader and its start time (clock ticks since boot), so that a reused pid is never mistaken. */
  pid: z.int().nullable(),
  pidStart: z.string().nullable(),
  /** The agent's own id of the conversation, once known; it can be loaded into a new process. */
  sessionId: z.string().nullable(),
  /** Prompts sent and answered, so that a resumed run does not ask twice. */
  turns: z.int(),
  commit: z.string().nullable(),
  /** Of an act: what its probes said before this run. */
  before: z.array(CheckResult).nullish(),
  usage: Usage,
  startedAt: z.int(),
  endedAt: z.int().nullable(),
})
export type Run = z.infer<typeof Run>
export type RunId = Run['id']
