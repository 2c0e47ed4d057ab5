/**
 * Ten thousand schedules: how late a firing is on the disk and its goal made, and whether any moment was lost or
 * came twice. Store, queue, ticker and firing are the daemon's; goals are rows, since making clones is measured
 * elsewhere. Moments are spread over the time as those of many owners' schedules are.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MINUTE, SECOND, systemClock } from '../../core/clock.ts'
import { newId } from '../../core/id.ts'
import type { Schedule, ScheduleId } from '../../core/schedule.ts'
import { silentLog } from '../../core/world.ts'
import { createFire } from '../../daemon/schedules/fire.ts'
import { nextMoments } from '../../daemon/schedules/moments.ts'
import { createTicker } from '../../daemon/schedules/ticker.ts'
import { addSchedule } from '../../daemon/store/schedule-rows.ts'
import { createSqliteQueue } from '../../daemon/store/sqlite-queue.ts'
import { openSqliteStore } from '../../daemon/store/sqlite-store.ts'
import type { Store } from '../../daemon/store/store.ts'
import { createRowGoals } from '../../tests/fakes/row-goals.ts'
import { type Figure, figure } from '../figures.ts'

const SCHEDULES = 10_000
/** Each fires once in so long. */
const EVERY_MS = 10 * MINUTE
const MEASURED_MS = 30 * SECOND
const LEAD_MS = 3 * SECOND

export async function measure(): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'claw-bench-schedules-'))
  const world = { clock: systemClock, log: silentLog }
  const store = openSqliteStore(join(dir, 'claw.db'))
  const queue = createSqliteQueue({ store, world })
  const goals = createRowGoals({ store, world })
  // A firing's row says when the ticker looked; on the disk it is when that transaction has returned.
  const writtenAt: number[] = []
  const transaction: Store['transaction'] = async (work) => {
    const result = await store.transaction(work)
    writtenAt.push(Date.now())
    return result
  }
  const ticker = createTicker({ store: { ...store, transaction }, queue, world })
  const fire = createFire({
    store,
    queue,
    world,
    goals,
    check: async () => ({ isMet: true, reason: '' }),
    timezone: 'UTC',
  })
  queue.define('fire', ({ key, tries }, signal) => fire(key as ScheduleId, signal, tries), { parallelMax: 16 })
  try {
    const from = Date.now() + LEAD_MS
    const schedules = Array.from({ length: SCHEDULES }, (_, index) => aSchedule(index, from))
    await store.transaction(async (tx) => {
      for (const schedule of schedules) await addSchedule(tx, schedule, { idempotencyKey: null, seen: null })
    })
    await sleep(Math.max(0, from - Date.now()))
    await queue.start()
    await ticker.start()
    const to = Date.now() + MEASURED_MS
    const before = process.cpuUsage()
    await sleep(MEASURED_MS)
    const { user, system } = process.cpuUsage(before)
    await ticker[Symbol.asyncDispose]()
    await queue.idle()
    const rows = await store.db
      .selectFrom('firing')
      .selectAll()
      .where('dueAt', '<=', to - SECOND)
      .execute()
    const expected = schedules.flatMap((schedule) =>
      nextMoments(schedule.when as never, schedule.cursorAt, 1).filter((at) => at <= to - SECOND),
    )
    const made = await store.db.selectFrom('goal').select('idempotencyKey').execute()
    const note = `${rows.length} firings in ${MEASURED_MS / SECOND} s`
    return [
      figure(
        `${SCHEDULES} schedules: firing on the disk after its moment`,
        'ms',
        rows.map((row) => writtenAt.find((at) => at >= row.createdAt)! - row.dueAt),
        { goal: '≤ 100 (p99)', note },
      ),
      figure(
        `${SCHEDULES} schedules: goal made after its moment`,
        'ms',
        rows.flatMap((row) => (row.settledAt === null ? [] : [row.settledAt - row.dueAt])),
        { note },
      ),
      figure(`${SCHEDULES} schedules: processor time of one firing and its goal`, 'ms', [
        (user + system) / 1_000 / rows.length,
      ]),
      figure(`${SCHEDULES} schedules: moments lost`, 'count', [expected.length - rows.length], { goal: '0' }),
      figure(
        `${SCHEDULES} schedules: goals doubled`,
        'count',
        [made.length - new Set(made.map((one) => one.idempotencyKey)).size],
        { goal: '0' },
      ),
    ]
  } finally {
    await queue[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true, force: true })
  }
}

function aSchedule(index: number, from: number): Schedule {
  const fromAt = from + Math.floor((index * EVERY_MS) / SCHEDULES)
  const when = { kind: 'every', everyMs: EVERY_MS, fromAt } as const
  const nothing = {
    repo: null,
    branch: null,
    land: null,
    autonomy: null,
    minutesMax: null,
    attemptsMax: null,
    usdMax: null,
    agent: null,
  }
  return {
    id: newId('schedule', from),
    number: index + 1,
    name: null,
    when,
    words: 'every ten minutes',
    template: { text: 'Look after it', ...nothing },
    condition: null,
    misfire: 'all',
    overlap: 'queue',
    jitterMs: 0,
    endAt: null,
    firingsMax: null,
    state: 'active',
    reason: null,
    cursorAt: from,
    nextAt: nextMoments(when, from, 1)[0]!,
    fired: 0,
    createdAt: from,
    endedAt: null,
  }
}
