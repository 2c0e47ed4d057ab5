import type { EventData, EventType, StoredEvent } from '../../core/events.ts'
import type { EventSource } from '../../daemon/http/event-source.ts'

export interface FakeEventSource extends EventSource {
  add<T extends EventType>(type: T, data: EventData[T], goalId?: string | null): StoredEvent
  /** How often a page was read. */
  readonly pages: number
  readonly listeners: number
}

/** Events in an array. Passes tests/contracts/event-source.ts. */
export function createFakeEventSource(): FakeEventSource {
  const events: StoredEvent[] = []
  const listeners = new Set<() => void>()
  let pages = 0
  return {
    async page({ after, limit, goalId }) {
      pages++
      return events.filter((event) => event.id > after && (!goalId || event.goalId === goalId)).slice(0, limit)
    },
    latest: async () => events.at(-1)?.id ?? 0,
    onNew(listener) {
      // A wrapper, so that the same function listening twice is two listeners.
      const mine = () => listener()
      listeners.add(mine)
      return { [Symbol.dispose]: () => void listeners.delete(mine) }
    },
    add(type, data, goalId = null) {
      const event = {
        id: (events.at(-1)?.id ?? 0) + 1,
        at: Date.UTC(2026, 10, 23, 9),
        type,
        goalId,
        taskId: null,
        runId: null,
        data,
      } as unknown as StoredEvent
      events.push(event)
      for (const listener of listeners) listener()
      return event
    },
    get pages() {
      return pages
    },
    get listeners() {
      return listeners.size
    },
  }
}
