import type { OwnerContext } from '../../tools/context.ts'
import type { Goals } from '../goals/goals.ts'
import type { Health } from '../health.ts'
import type { EventSource } from '../http/event-source.ts'
import type { Inbox } from '../inbox/inbox.ts'
import type { Schedules } from '../schedules/schedules.ts'
import { getProof } from '../store/rows.ts'
import type { Store } from '../store/store.ts'

export interface OwnerContextDeps {
  store: Store
  goals: Goals
  inbox: Inbox
  schedules: Schedules
  events: EventSource
  health(): Promise<Omit<Health, 'url'>>
  memory(): OwnerContext['memory']
}

/** What the owner's tools reach, from the daemon's own parts. */
export function createOwnerContext(deps: OwnerContextDeps): OwnerContext {
  const { store, goals, inbox, schedules, events } = deps
  return {
    goals,
    inbox,
    schedules,
    events,
    getProof: (id) => getProof(store.db, id as `proof_${string}`),
    async listProofs(limit) {
      const rows = await store.db
        .selectFrom('proof')
        .select(['id', 'kind', 'passed', 'createdAt'])
        .orderBy('createdAt', 'desc')
        .limit(limit)
        .execute()
      return rows.map(({ id, kind, passed, createdAt }) => ({
        id: id as `proof_${string}`,
        kind: kind as 'task' | 'landing',
        passed: passed === 1,
        createdAt,
      }))
    },
    status: deps.health,
    get memory() {
      return deps.memory()
    },
  }
}
