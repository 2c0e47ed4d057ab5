import { SECOND } from '../../core/clock.ts'
import type { StoredEvent } from '../../core/events.ts'
import type { World } from '../../core/world.ts'
import { getGoal, getProof, getRun, latestEvent, listLandings, listPlans } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Exporter } from './otlp-exporter.ts'
import {
  type AnsweredRequest,
  goalSpan,
  landingSpan,
  planSpan,
  proofSpan,
  requestSpan,
  runSpan,
  type Span,
} from './spans.ts'

/** Tells a collector what happens. Nothing waits for it, and nothing that it meets is anybody's failure. */
export interface Telemetry extends AsyncDisposable {
  /** A request to a model has ended. */
  answered(request: AnsweredRequest): void
  /** Resolves when all that is committed so far was handed to the exporter. */
  settled(): Promise<void>
}

/** What ends something that has a span, and when a verification begins. */
const TOLD = [
  'goal.met',
  'goal.dropped',
  'plan.proposed',
  'plan.refused',
  'run.ended',
  'proof.started',
  'proof.recorded',
  'landing.ended',
  'goal.landed',
] as const

const LOOK_EVERY_MS = SECOND
const PAGE = 200
const STARTED_MAX = 1_000

export async function openTelemetry(deps: { store: Store; world: World; exporter: Exporter }): Promise<Telemetry> {
  const { store, world, exporter } = deps
  const started = new Map<string, number>()
  let cursor = await latestEvent(store.db)
  let timer: Disposable | undefined
  let looking: Promise<void> = Promise.resolve()

  async function look(): Promise<void> {
    for (;;) {
      const events = await store.db
        .selectFrom('event')
        .selectAll()
        .where('id', '>', cursor)
        .where('type', 'in', TOLD)
        .orderBy('id')
        .limit(PAGE)
        .execute()
      for (const row of events) {
        cursor = Number(row.id)
        await tell({ ...row, data: JSON.parse(row.data) } as StoredEvent).catch((err) =>
          world.log.debug({ err, event: row.id }, 'no span could be made'),
        )
      }
      if (events.length < PAGE) return
    }
  }

  async function tell(event: StoredEvent): Promise<void> {
    const span = await spanOf(event)
    if (span) exporter.export(span)
  }

  async function spanOf(event: StoredEvent): Promise<Span | undefined> {
    const { db } = store
    if (event.goalId === null) return undefined
    switch (event.type) {
      case 'goal.met':
      case 'goal.dropped':
        return goalSpan(await getGoal(db, event.goalId), event.at)
      case 'plan.proposed':
      case 'plan.refused': {
        const { version } = event.data
        const plan = (await listPlans(db, event.goalId)).find((other) => other.version === version)
        return plan && planSpan(await getGoal(db, event.goalId), plan, event.at)
      }
      case 'run.ended':
        return event.runId === null ? undefined : runSpan(await getRun(db, event.runId), event.data.label, event.at)
      case 'proof.started': {
        if (started.size >= STARTED_MAX) started.clear()
        started.set(`${event.data.label} ${event.data.commit}`, event.at)
        return undefined
      }
      case 'proof.recorded': {
        const proof = await getProof(db, event.data.proofId as `proof_${string}`)
        return proofSpan(proof, event.data.label, started.get(`${event.data.label} ${proof.commit}`))
      }
      case 'landing.ended':
      case 'goal.landed': {
        // Several may have been tried; the event is of the one that ended with it.
        const landings = await listLandings(db, event.goalId)
        const landing = landings.findLast((other) => other.taskId === event.taskId && other.endedAt !== null)
        return landing && landingSpan(landing, 'label' in event.data ? event.data.label : null, event.at)
      }
      default:
        return undefined
    }
  }

  /** A run's request belongs to it, the planner's to its plan, every other to its goal. */
  async function parentOf(request: AnsweredRequest): Promise<string | null> {
    if (request.runId !== null) return request.runId
    if (request.goalId === null) return null
    if (request.purpose !== 'plan') return request.goalId
    const plans = await listPlans(store.db, request.goalId)
    return plans.findLast(({ createdAt }) => createdAt <= request.startAt)?.id ?? request.goalId
  }

  const settled = () => {
    looking = looking.then(look).catch((err) => world.log.debug({ err }, 'events were not read for traces'))
    return looking
  }
  const following = store.onCommit(() => {
    timer ??= world.clock.after(LOOK_EVERY_MS, () => {
      timer = undefined
      void settled()
    })
  })

  return {
    answered(request) {
      void parentOf(request)
        .then((parent) => exporter.export(requestSpan(request, parent)))
        .catch((err) => world.log.debug({ err }, 'no span could be made'))
    },
    settled,
    async [Symbol.asyncDispose]() {
      following[Symbol.dispose]()
      timer?.[Symbol.dispose]()
      await settled()
      await exporter.close()
    },
  }
}
