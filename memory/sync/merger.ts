import type { World } from '../../core/world.ts'
import type { Engine } from '../engine/engine.ts'

/**
 * Merges what was written into the index when there is enough of it, or when it has been quiet
 * for ten seconds, while the engine is still there: never at each write, and never two at a time.
 */
export interface Merger extends AsyncDisposable {
  wrote(): void
  /** Now, or with the merge that is under way. A failure is logged and made good by the next one. */
  merge(): Promise<void>
  mergeIfWanted(): Promise<void>
}

const QUIET_MS = 10_000

export function createMerger({
  world,
  engine,
  stopping,
}: {
  world: World
  engine: Pick<Engine, 'optimize' | 'wantsMerge'>
  stopping: AbortSignal
}): Merger {
  const { clock } = world
  const log = world.log.child({ part: 'memory-sync' })
  let timer: Disposable | undefined
  let merging: Promise<void> | undefined

  function merge(): Promise<void> {
    timer?.[Symbol.dispose]()
    timer = undefined
    merging ??= engine
      .optimize(clock.now())
      .catch((error: unknown) => {
        if (!stopping.aborted) log.error({ error: String(error) }, 'memory index not merged')
      })
      .finally(() => {
        merging = undefined
      })
    return merging
  }

  return {
    merge,
    wrote() {
      timer?.[Symbol.dispose]()
      timer = clock.after(QUIET_MS, () => void merge())
    },
    async mergeIfWanted() {
      if (await engine.wantsMerge()) await merge()
    },
    async [Symbol.asyncDispose]() {
      timer?.[Symbol.dispose]()
      await merging
    },
  }
}
