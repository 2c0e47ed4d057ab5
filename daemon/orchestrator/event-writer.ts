import type { NewEvent } from '../../core/events.ts'
import type { World } from '../../core/world.ts'
import { addEvent } from '../store/rows.ts'
import type { Store } from '../store/store.ts'

const FLUSH_MS = 100
/** A burst does not wait for the moment: an agent can say more in 100 ms than may wait. */
const FLUSH_COUNT = 500
/** Events that may wait; beyond this the oldest text updates make room, counted. */
const WAITING_MAX = 5_000

/**
 * Writes the many small events of agents in batches, because each commit is synced to the disk.
 * Facts that matter are never written here, they go with their rows.
 */
export interface EventWriter extends AsyncDisposable {
  write(event: NewEvent): void
  flush(): Promise<void>
}

export function createEventWriter({ store, world }: { store: Store; world: World }): EventWriter {
  let waiting: { event: NewEvent; at: number }[] = []
  let dropped = 0
  let timer: Disposable | undefined
  let flushing: Promise<void> = Promise.resolve()

  async function flushNow(): Promise<void> {
    timer?.[Symbol.dispose]()
    timer = undefined
    const batch = waiting
    waiting = []
    if (batch.length === 0) return
    try {
      await store.transaction(async (tx) => {
        for (const { event, at } of batch) await addEvent(tx, at, event)
      })
    } catch (error) {
      world.log.warn({ err: error, events: batch.length }, 'events lost')
    }
    if (dropped > 0) {
      world.log.warn({ dropped }, 'events dropped, an agent floods')
      dropped = 0
    }
  }

  const flush = () => {
    flushing = flushing.then(flushNow)
    return flushing
  }

  return {
    write(event) {
      if (waiting.length >= WAITING_MAX) {
        waiting.shift()
        dropped++
      }
      waiting.push({ event, at: world.clock.now() })
      if (waiting.length % FLUSH_COUNT === 0) void flush()
      timer ??= world.clock.after(FLUSH_MS, () => void flush())
    },
    flush,
    [Symbol.asyncDispose]: flush,
  }
}
