import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Clock, SECOND } from '../../core/clock.ts'

/** By now the memory is open, what the start left undone is done, and nobody waits for the daemon. */
const COLLECT_MS = 10 * SECOND

/**
 * Gives back what the start left behind, once.
 *
 * Node collects when more is asked for, so a daemon that has nothing to do would hold on to the garbage of its
 * start for ever: a third of its memory (docs/BENCHMARKS.md). After work it gives back by itself.
 */
export function collectSoon(clock: Pick<Clock, 'after'>, collect = collectGarbage): Disposable {
  return clock.after(COLLECT_MS, collect)
}

/** Collects all that nobody holds, now; it takes some tens of milliseconds. */
export function collectGarbage(): void {
  // Node hands out the collector to contexts that are made while the flag is set, and nowhere else.
  setFlagsFromString('--expose-gc')
  try {
    const collect = runInNewContext('gc') as (options: object) => void
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}
