import { z } from 'zod'
import type { Moves } from './moves.ts'

/** merging → verifying → landed, or back with a reason. One is under way per repository at a time. */
export const LandingState = z.enum(['merging', 'verifying', 'landed', 'conflict', 'red', 'blocked'])
export type LandingState = z.infer<typeof LandingState>

export const LANDING_MOVES = {
  merging: ['verifying', 'landed', 'conflict', 'blocked', 'red'],
  verifying: ['landed', 'red', 'blocked', 'merging'],
  landed: [],
  conflict: [],
  red: [],
  blocked: [],
} as const satisfies Moves<LandingState>

export const Landing = z.object({
  id: z.templateLiteral(['landing_', z.string()]),
  goalId: z.templateLiteral(['goal_', z.string()]),
  /** The task that lands on the goal's branch; null when the goal's branch lands on its target. */
  taskId: z.templateLiteral(['task_', z.string()]).nullable(),
  state: LandingState,
  /** The branch that moves, its commit before, what is merged in, and its commit after. */
  branch: z.string(),
  onto: z.string(),
  commit: z.string(),
  merged: z.string().nullable(),
  proofId: z.templateLiteral(['proof_', z.string()]).nullable(),
  note: z.string().nullable(),
  createdAt: z.int(),
  endedAt: z.int().nullable(),
})
export type Landing = z.infer<typeof Landing>
export type LandingId = Landing['id']
