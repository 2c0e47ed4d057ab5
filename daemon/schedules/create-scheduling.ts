import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Goal } from '../../core/goal.ts'
import type { ScheduleId } from '../../core/schedule.ts'
import type { World } from '../../core/world.ts'
import type { Goals } from '../goals/goals.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import type { Queue } from '../store/queue.ts'
import type { Store } from '../store/store.ts'
import { createDeliver } from '../triggers/deliver.ts'
import { createPathWatcher } from '../triggers/watch-paths.ts'
import { createCondition } from './condition.ts'
import { createFire, createOnGoalEnded, sendOpenFirings } from './fire.ts'
import type { ReadTime } from './read-time.ts'
import type { Schedules } from './schedules.ts'
import { createStoreSchedules } from './store-schedules.ts'
import { createTicker } from './ticker.ts'

export interface SchedulingDeps {
  store: Store
  queue: Queue
  world: World
  goals: Pick<Goals, 'add' | 'cancel'>
  sandbox: Sandbox
  path: string
  /** Tool chains that conditions may use. */
  readable: readonly string[]
  runsDir: string
  env: Readonly<Record<string, string | undefined>>
  knownAgents(): readonly string[]
  /** Reads words for a time that the grammar does not know. */
  readTime: ReadTime
  /** The owner's, IANA. */
  timezone: string
}

export interface Scheduling extends AsyncDisposable {
  schedules: Schedules
  /** To be told of each goal that has ended; of one goal more than once does no harm. */
  onGoalEnded(goal: Goal): Promise<void>
  /** After the queue has started: what fell due meanwhile is looked at first. */
  start(): Promise<void>
}

/** Goals made at the same time; each may fetch from a remote. */
const GOALS_AT_ONCE = 16
/** Condition commands at the same time. */
const CONDITIONS_AT_ONCE = 4
const SECRET_BYTES_MAX = 4_096

/** Schedules and triggers put together: their jobs, their timer, their watches. */
export function createScheduling(deps: SchedulingDeps): Scheduling {
  const { store, queue, world } = deps
  const ticker = createTicker({ store, queue, world })
  const watcher = createPathWatcher({ store, queue, world })
  const fire = createFire({
    store,
    queue,
    world,
    goals: deps.goals,
    check: createCondition({
      world,
      sandbox: deps.sandbox,
      path: deps.path,
      readable: deps.readable,
      dir: join(deps.runsDir, 'conditions'),
    }),
    timezone: deps.timezone,
  })
  for (const [name, parallelMax] of [
    ['fire', GOALS_AT_ONCE],
    ['fire-if', CONDITIONS_AT_ONCE],
  ] as const) {
    queue.define(name, ({ key, tries }, signal) => fire(key as ScheduleId, signal, tries), { parallelMax })
  }
  return {
    schedules: createStoreSchedules({
      store,
      queue,
      world,
      ticker,
      watcher,
      deliver: createDeliver({ store, queue, world, readSecret: (reference) => readSecret(reference, deps.env) }),
      knownAgents: deps.knownAgents,
      readTime: deps.readTime,
      timezone: deps.timezone,
    }),
    onGoalEnded: createOnGoalEnded({ store, queue, world }),
    async start() {
      await sendOpenFirings({ store, queue })
      await ticker.start()
      await watcher.start()
    },
    async [Symbol.asyncDispose]() {
      await ticker[Symbol.asyncDispose]()
      await watcher[Symbol.asyncDispose]()
    },
  }
}

/** A secret by its reference, read each time, so that one that was changed counts at once. */
function readSecret(reference: string, env: SchedulingDeps['env']): string | undefined {
  const [kind, name] = [reference.slice(0, reference.indexOf(':')), reference.slice(reference.indexOf(':') + 1)]
  if (kind === 'env') return env[name] || undefined
  if (kind !== 'file' || !existsSync(name)) return undefined
  return readFileSync(name, 'utf8').slice(0, SECRET_BYTES_MAX).trim() || undefined
}
