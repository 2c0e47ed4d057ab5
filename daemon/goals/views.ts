import type { EffectRow } from '../../core/act.ts'
import type { Ask } from '../../core/ask.ts'
import type { Goal } from '../../core/goal.ts'
import type { Landing } from '../../core/landing.ts'
import type { Plan } from '../../core/plan.ts'
import type { Proof } from '../../core/proof.ts'
import type { Run } from '../../core/run.ts'
import type { Task } from '../../core/task.ts'

/** What a goal is doing right now. Derived from its rows, never stored. */
export type GoalStatus =
  | 'planning'
  | 'waiting on you'
  | 'waiting'
  | 'working'
  | 'landing'
  | 'reporting'
  | 'paused'
  | 'stuck'
  | 'met'
  | 'dropped'

export interface GoalSummary {
  goal: Goal
  status: GoalStatus
  /** What it waits for or does, one sentence. */
  words: string
  repository: string | null
  tasks: { total: number; done: number; running: number; failed: number }
  openAsks: number
}

export interface TaskView {
  /** `12.3` */
  label: string
  task: Task
  runs: Run[]
  proofs: Proof[]
  /** Labels of the tasks it needs. */
  needs: string[]
}

export interface GoalView extends GoalSummary {
  plan: Plan | null
  /** All versions, oldest first, without their drafts. */
  versions: { version: number; state: string; reasons: string[]; author: string }[]
  taskViews: TaskView[]
  landings: Landing[]
  proofs: Proof[]
  asks: Ask[]
  /** What its acts may have changed outside the repository, with how it is taken back. */
  effects: EffectRow[]
  usage: { inputTokens: number; cachedTokens: number; outputTokens: number; usd: number | null }
}

/** What a person needs to judge a task or a goal. */
export interface ReviewView {
  title: string
  /** From the base to the work. */
  diff: string
  changes: { path: string; kind: string; insertions: number | null; deletions: number | null }[]
  proof: Proof | null
  /** Open asks that an accept or reject would answer. */
  asks: Ask[]
}
