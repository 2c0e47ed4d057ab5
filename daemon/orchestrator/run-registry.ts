import { Fault } from '../../core/fault.ts'
import type { RunId } from '../../core/run.ts'

/** Why a live run is stopped before its agent is done. */
export type StopReason = 'paused' | 'cancelled' | 'taken' | 'limit'

/**
 * The runs that live in this process, and how to stop one. Nothing is decided from it; after a crash
 * it is empty and the rows say all.
 */
export interface RunRegistry {
  open(runId: RunId): LiveRun
  /** Stops a live run and resolves when its job has let go of it; at once where it is not live. */
  stop(runId: RunId, why: StopReason): Promise<void>
  isLive(runId: RunId): boolean
}

export interface LiveRun extends Disposable {
  /** Aborted with a `StopReason` by `stop`. */
  readonly signal: AbortSignal
}

export function createRunRegistry(): RunRegistry {
  const live = new Map<RunId, { abort: AbortController; gone: Promise<void> }>()
  return {
    open(runId) {
      if (live.has(runId)) throw new Fault('move_refused', `Run ${runId} is live already`)
      const { promise: gone, resolve } = Promise.withResolvers<void>()
      const entry = { abort: new AbortController(), gone }
      live.set(runId, entry)
      return {
        signal: entry.abort.signal,
        [Symbol.dispose]() {
          live.delete(runId)
          resolve()
        },
      }
    },
    async stop(runId, why) {
      const entry = live.get(runId)
      if (!entry) return
      entry.abort.abort(why)
      await entry.gone
    },
    isLive: (runId) => live.has(runId),
  }
}
