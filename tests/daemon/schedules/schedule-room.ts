import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SECOND } from '../../../core/clock.ts'
import type { ScheduleId } from '../../../core/schedule.ts'
import { silentLog } from '../../../core/world.ts'
import type { CheckCondition } from '../../../daemon/schedules/condition.ts'
import { createFire, createOnGoalEnded, sendOpenFirings } from '../../../daemon/schedules/fire.ts'
import type { ReadTime } from '../../../daemon/schedules/read-time.ts'
import type { NewScheduleInput } from '../../../daemon/schedules/schedules.ts'
import { createStoreSchedules } from '../../../daemon/schedules/store-schedules.ts'
import { createTicker } from '../../../daemon/schedules/ticker.ts'
import { createSqliteQueue } from '../../../daemon/store/sqlite-queue.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'
import { createDeliver } from '../../../daemon/triggers/deliver.ts'
import { createPathWatcher } from '../../../daemon/triggers/watch-paths.ts'
import { createFakeClock, type FakeClock } from '../../fakes/fake-clock.ts'
import { createRowGoals } from '../../fakes/row-goals.ts'

export const SECRET = 'a secret of enough length'

/** Everything of schedules, real but for the clock and the goals, which are rows only. */
export async function openScheduleRoom(
  options: { clock?: FakeClock; dir?: string; check?: CheckCondition; timezone?: string; readTime?: ReadTime } = {},
) {
  const clock = options.clock ?? createFakeClock(Date.UTC(2026, 10, 23, 8, 0))
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'claw-schedules-'))
  const world = { clock, log: silentLog }
  const timezone = options.timezone ?? 'UTC'
  const store = openSqliteStore(join(dir, 'claw.db'))
  const queue = createSqliteQueue({ store, world })
  const goals = createRowGoals({ store, world })
  const ticker = createTicker({ store, queue, world })
  const watcher = createPathWatcher({ store, queue, world })
  const asked: string[] = []
  const check: CheckCondition = async (input, signal) => {
    asked.push(input.condition.command)
    if (options.check) return options.check(input, signal)
    return { isMet: input.condition.command === 'true', reason: 'it said no' }
  }
  const fire = createFire({ store, queue, world, goals, check, timezone })
  const onGoalEnded = createOnGoalEnded({ store, queue, world })
  for (const name of ['fire', 'fire-if']) {
    queue.define(name, ({ key, tries }, signal) => fire(key as ScheduleId, signal, tries))
  }
  const schedules = createStoreSchedules({
    store,
    queue,
    world,
    ticker,
    watcher,
    deliver: createDeliver({ store, queue, world, readSecret: (name) => (name === 'env:SECRET' ? SECRET : undefined) }),
    knownAgents: () => ['claude'],
    readTime: options.readTime ?? (async () => undefined),
    timezone,
  })
  await sendOpenFirings({ store, queue })
  await queue.start()
  await ticker.start()
  await watcher.start()

  const room = {
    clock,
    dir,
    store,
    queue,
    goals,
    ticker,
    watcher,
    schedules,
    asked,
    onGoalEnded,
    add: (when: string, over: Partial<NewScheduleInput> = {}) =>
      schedules.add({ when: { text: when }, goal: { text: 'Look after it' }, ...over } as NewScheduleInput),
    /** Lets time pass and everything that is due be done. */
    async pass(ms: number) {
      await clock.advance(ms)
      await room.settled()
    },
    async settled() {
      await ticker.settled()
      await queue.idle()
    },
    /** What became of each firing, earliest first: `09:00 fired`. */
    async told(name = '1') {
      const firings = (await schedules.history(name, { limit: 1000 })).map(({ firing }) => firing)
      return firings
        .sort((a, b) => a.dueAt - b.dueAt)
        .map((firing) => `${new Date(firing.dueAt).toISOString().slice(5, 16).replace('T', ' ')} ${firing.state}`)
    },
    async end(goal: string, to: 'met' | 'dropped' = 'met', report?: { file: string }) {
      await onGoalEnded(await goals.end(goal, to, report))
      await room.settled()
    },
    /** The laptop is shut: time goes on, no timer runs. */
    async sleep(ms: number) {
      clock.jump(ms)
      await clock.advance(20 * SECOND)
      await room.settled()
    },
    async close(options: { keep?: boolean } = {}) {
      await ticker[Symbol.asyncDispose]()
      await watcher[Symbol.asyncDispose]()
      await queue[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
      if (!options.keep) rmSync(dir, { recursive: true, force: true })
    },
    async [Symbol.asyncDispose]() {
      await room.close()
    },
  }
  return room
}
