/**
 * A daemon that does nothing but fire: the real store, queue, ticker and firing, and goals that are rows. It is
 * started by tests/long/killed-firings.test.ts, which kills it.
 */
import { systemClock } from '../../core/clock.ts'
import type { ScheduleId } from '../../core/schedule.ts'
import { silentLog } from '../../core/world.ts'
import { goalNamed } from '../../daemon/goals/names.ts'
import { createFire, sendOpenFirings } from '../../daemon/schedules/fire.ts'
import { createTicker } from '../../daemon/schedules/ticker.ts'
import { createSqliteQueue } from '../../daemon/store/sqlite-queue.ts'
import { openSqliteStore } from '../../daemon/store/sqlite-store.ts'
import { createRowGoals } from '../fakes/row-goals.ts'

const [file] = process.argv.slice(2) as [string]
const world = { clock: systemClock, log: silentLog }
const store = openSqliteStore(file)
const queue = createSqliteQueue({ store, world })
const goals = createRowGoals({ store, world })
const fire = createFire({
  store,
  queue,
  world,
  // A goal ends as soon as it is made, so that the firing after it need not wait.
  goals: {
    async add(input) {
      const made = await goals.add(input)
      const isOpen = (await goalNamed(store.db, String(made.goal.number))).state === 'open'
      if (isOpen) await goals.end(String(made.goal.number), 'met')
      return made
    },
    cancel: goals.cancel,
  },
  check: async () => ({ isMet: true, reason: '' }),
  timezone: 'UTC',
})
for (const name of ['fire', 'fire-if']) {
  queue.define(name, ({ key, tries }, signal) => fire(key as ScheduleId, signal, tries), { parallelMax: 16 })
}
await sendOpenFirings({ store, queue })
await queue.start()
const ticker = createTicker({ store, queue, world })
await ticker.start()
process.stdout.write('ready\n')
