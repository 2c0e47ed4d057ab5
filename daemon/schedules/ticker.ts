/**
 * The one timer of all schedules. It sleeps until the next moment that is due; what it then does is write: the
 * firing, how far the schedule is settled, when to look again, and the job that makes the goal, in one transaction.
 *
 * A timer counts the time the machine is awake, the owner's clock does not: it is put right, or the machine
 * sleeps for a week. So the ticker never sleeps longer than CHECK_MS before it looks at the clock (a look costs
 * no query). A clock that went back brings moments again that have been settled: schedules are wound back to it,
 * and the firing's key sees to it that nothing that fired fires again.
 */
import { SECOND } from '../../core/clock.ts'
import { newId } from '../../core/id.ts'
import type { Firing, Schedule } from '../../core/schedule.ts'
import type { World } from '../../core/world.ts'
import { send } from '../orchestrator/jobs.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent } from '../store/rows.ts'
import {
  addFiring,
  earliestNextAt,
  findFiring,
  listAheadOf,
  listDueSchedules,
  moveFiring,
  moveSchedule,
  updateSchedule,
} from '../store/schedule-rows.ts'
import type { Store } from '../store/store.ts'
import type { Tx } from '../store/tables.ts'
import { findDue, findNext, ON_TIME_MS } from './due.ts'
import { isTimed } from './moments.ts'

/** The longest sleep: so late at most does a schedule fire after the machine woke up or the clock was put forward. */
export const CHECK_MS = 15 * SECOND
/** A change of wall clock against running time that counts as a jump. */
const JUMP_MS = SECOND
/** Schedules in one transaction: short enough that requests get in between. */
const BATCH_MAX = 50
/** Missed moments with a row of their own, per look; the others are counted in the event. */
const MISSED_ROWS_MAX = 20
/** After a failure of the store. */
const RETRY_MS = 5 * SECOND

export interface Ticker extends AsyncDisposable {
  start(): Promise<void>
  /** Schedules have changed: look again at when the next one is due. */
  wake(): void
  /** Resolves when what is due has been written down. */
  settled(): Promise<void>
}

export function createTicker({ store, queue, world }: { store: Store; queue: Queue; world: World }): Ticker {
  const { clock } = world
  const log = world.log.child({ part: 'ticker' })
  let isOn = false
  let timer: Disposable | undefined
  let nextAt: number | null = null
  let offset = 0
  let passing: Promise<void> = Promise.resolve()
  let isPassing = false
  let isStale = false

  function arm(ms: number): void {
    timer?.[Symbol.dispose]()
    timer = isOn ? clock.after(Math.max(0, ms), look) : undefined
  }

  /** Without a query: is anything due, or has the clock been moved? */
  function look(): void {
    const moved = clock.now() - clock.monotonic() - offset
    const isQuiet = Math.abs(moved) < JUMP_MS && (nextAt === null || nextAt > clock.now())
    if (isQuiet) arm(restOf())
    else pass()
  }

  const restOf = () => Math.min(CHECK_MS, nextAt === null ? CHECK_MS : nextAt - clock.now())

  function pass(): void {
    if (!isOn) return
    if (isPassing) {
      isStale = true
      return
    }
    isPassing = true
    passing = work()
      .then(() => arm(restOf()))
      .catch((error) => {
        log.error({ err: error }, 'schedules could not be looked at')
        arm(RETRY_MS)
      })
      .finally(() => {
        isPassing = false
        if (isStale) {
          isStale = false
          pass()
        }
      })
  }

  async function work(): Promise<void> {
    const before = offset
    offset = clock.now() - clock.monotonic()
    if (offset < before - JUMP_MS) {
      log.warn({ backMs: before - offset }, 'the clock went back')
      await windBack(store, clock.now())
    }
    for (;;) {
      const now = clock.now()
      const done = await store.transaction(async (tx) => {
        const due = await listDueSchedules(tx, now, BATCH_MAX)
        for (const schedule of due) await settle(tx, queue, schedule, now)
        return due.length < BATCH_MAX
      })
      if (done || !isOn) break
      // Requests and timers get their turn between two batches.
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    nextAt = await earliestNextAt(store.db)
  }

  return {
    async start() {
      isOn = true
      offset = clock.now() - clock.monotonic()
      // It may have been put back while nobody looked.
      await windBack(store, clock.now())
      pass()
      await passing
    },
    wake: pass,
    async settled() {
      do await passing
      while (isPassing)
    },
    async [Symbol.asyncDispose]() {
      isOn = false
      timer?.[Symbol.dispose]()
      await passing
    },
  }
}

/** Writes down what is due of one schedule. */
export async function settle(tx: Tx, queue: Queue, schedule: Schedule, now: number): Promise<void> {
  const due = findDue(schedule, now)
  for (const { dueAt, lateMs } of due.fire) {
    const reason = lateMs > ON_TIME_MS ? `${Math.round(lateMs / 60_000)} min late` : null
    await writeMoment(tx, schedule, dueAt, now, 'due', reason)
  }
  if (due.missed.length > 0) {
    const listed = due.missed.slice(-MISSED_ROWS_MAX)
    const before = due.missed.length - listed.length
    const others = due.isMore
      ? `; more than ${before} before it are not listed`
      : before > 0
        ? `; ${before} before it are not listed`
        : ''
    for (const [index, dueAt] of listed.entries()) {
      await writeMoment(tx, schedule, dueAt, now, 'missed', `nobody was awake${index === 0 ? others : ''}`)
    }
    await addEvent(tx, now, {
      type: 'firing.missed',
      data: {
        number: schedule.number,
        name: schedule.name,
        dueAt: due.missed.at(-1)!,
        moments: due.missed.length,
        isMore: due.isMore,
      },
    })
  }
  await updateSchedule(tx, schedule.id, { cursorAt: due.cursorAt, nextAt: due.nextAt })
  if (due.nextAt === null) {
    const reason = schedule.when.kind === 'at' ? 'its moment has come' : 'its last moment has passed'
    await moveSchedule(tx, schedule, 'ended', { reason, endedAt: now })
    await addEvent(tx, now, {
      type: 'schedule.ended',
      data: { number: schedule.number, name: schedule.name, reason },
    })
  }
  if (due.fire.length > 0) await send(queue, tx, fireJob(schedule), schedule.id)
}

/** A firing with a condition has a job of its own kind, so that slow commands hold nobody else up. */
export function fireJob(schedule: Schedule): 'fire' | 'fire-if' {
  return schedule.condition === null ? 'fire' : 'fire-if'
}

/** A moment that was missed by a clock that was wrong, and now really comes, is due after all. */
async function writeMoment(
  tx: Tx,
  schedule: Schedule,
  dueAt: number,
  now: number,
  state: 'due' | 'missed',
  reason: string | null,
): Promise<void> {
  const key = `at:${dueAt}`
  const firing: Firing = {
    id: newId('firing', now),
    scheduleId: schedule.id,
    key,
    cause: 'time',
    dueAt,
    state,
    reason,
    goalId: null,
    payload: null,
    createdAt: now,
    settledAt: state === 'missed' ? now : null,
  }
  if ((await addFiring(tx, firing)) || state === 'missed') return
  const before = await findFiring(tx, { scheduleId: schedule.id, key })
  if (before?.state === 'missed') await moveFiring(tx, before.id, 'due', { reason, settledAt: null })
}

/** Moments between the clock's new time and where schedules had got to will come again. */
async function windBack(store: Store, now: number): Promise<void> {
  for (;;) {
    const isDone = await store.transaction(async (tx) => {
      const ahead = await listAheadOf(tx, now, BATCH_MAX)
      for (const schedule of ahead) {
        if (!isTimed(schedule.when)) continue
        await updateSchedule(tx, schedule.id, { cursorAt: now, nextAt: findNext(schedule, schedule.when, now) })
      }
      return ahead.length < BATCH_MAX
    })
    if (isDone) return
  }
}
