import type { ActEffect } from '../../core/act.ts'
import type { Goal } from '../../core/goal.ts'
import type { CheckResult } from '../../core/proof.ts'
import type { RunId } from '../../core/run.ts'
import type { Task } from '../../core/task.ts'

/** Work outside a worktree: looked at from outside, opened for one run, taken back. */
export interface Acts {
  /**
   * What each probe of the act says now, seen by the daemon itself. After work each is waited for as long as it may
   * take. A probe that fails is an answer. Throws act_not_ready, secret_missing.
   */
  probe(
    input: { task: Task; goal: Goal; isAfterWork: boolean; tag: string },
    signal: AbortSignal,
  ): Promise<CheckResult[]>
  /** What one run of the act gets beside its worktree, and nobody else; gone when it is disposed of. Throws as `probe`. */
  open(input: { task: Task; goal: Goal; runId: RunId; path: string }): Promise<ActPlace>
  /** Runs the undo step of one effect where the effect is. An exit code is an answer. Throws as `probe`. */
  undo(
    input: { task: Task; goal: Goal; effect: ActEffect },
    signal: AbortSignal,
  ): Promise<{ exitCode: number | null; timedOut: boolean; tail: string }>
}

/** The world that a run of an act may touch, as data for its sandbox. */
export interface ActPlace extends AsyncDisposable {
  env: Record<string, string>
  writable: string[]
  readable: string[]
  /** As a sandbox's reach names them. */
  hosts: string[]
}
