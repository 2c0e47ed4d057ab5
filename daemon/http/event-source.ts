import type { StoredEvent } from '../../core/events.ts'

/**
 * The event table as the HTTP edge sees it: pages by cursor, and a nudge when there is more.
 *
 * Ids only rise in commit order: once an event with id n can be read, none with a smaller id appears later.
 */
export interface EventSource {
  /** Events with `id > after`, lowest first, at most `limit`; of one goal where `goalId` is given. */
  page(filter: { after: number; limit: number; goalId?: string }): Promise<StoredEvent[]>
  /** The highest id there is, 0 when there is none. */
  latest(): Promise<number>
  /** Called after each commit that added events, which `page` then gives. Listeners return at once. */
  onNew(listener: () => void): Disposable
}
