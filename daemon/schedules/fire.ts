/**
 * Carries out what becomes of a schedule's firings: the job behind every goal that nobody typed in.
 *
 * The firing is on the disk before this runs, and the goal carries the firing's id as its idempotency key. So
 * wherever the power goes out, the next start either finds the goal that was made or makes it, once.
 */
import { readFile } from 'node:fs/promises'
import { isFault } from '../../core/fault.ts'
import { type Goal, type GoalId, isGoalEnded } from '../../core/goal.ts'
import { newId } from '../../core/id.ts'
import type { Firing, FiringCause, Schedule, ScheduleId } from '../../core/schedule.ts'
import type { World } from '../../core/world.ts'
import type { Goals } from '../goals/goals.ts'
import { send } from '../orchestrator/jobs.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent, getGoal } from '../store/rows.ts'
import {
  addFiring,
  findFiring,
  findFiringOfGoal,
  findLastFired,
  getSchedule,
  listChained,
  listOpenFirings,
  listOpenGoalsOf,
  listSchedulesWithOpenFirings,
  moveFiring,
  moveSchedule,
  pruneFirings,
  updateSchedule,
} from '../store/schedule-rows.ts'
import type { Store } from '../store/store.ts'
import type { Tx } from '../store/tables.ts'
import type { CheckCondition } from './condition.ts'
import { decideFiring, type FiringStep, WAITING_MAX } from './decide-firing.ts'
import { type WallClock, wallClockOf } from './show-moment.ts'
import { type Facts, fillTemplate } from './template.ts'
import { fireJob } from './ticker.ts'

/** Settled firings that a schedule's history keeps. */
export const FIRINGS_KEPT = 1_000
/** Failures that may pass by themselves (a full disk) before a firing is given up. */
const TRIES_MAX = 8
/** Steps in one go; the job is sent again when more is left. */
const STEPS_MAX = 200
const REPORT_CHARACTERS_MAX = 200_000

export interface FireDeps {
  store: Store
  queue: Queue
  world: World
  goals: Pick<Goals, 'add' | 'cancel'>
  check: CheckCondition
  /** The zone in which a goal's text says a date, where the schedule has none of its own. */
  timezone: string
}

export function createFire(deps: FireDeps) {
  const { store, queue, world, goals } = deps
  const now = () => world.clock.now()
  const clocks = new Map<string, (at: number) => WallClock>()

  return async function fire(id: ScheduleId, signal: AbortSignal, tries = 0): Promise<void> {
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const schedule = await getSchedule(store.db, id)
      const openGoals = await listOpenGoalsOf(store.db, id)
      // Only a queue looks at all that wait; whatever else is decided shows in the first two.
      const isQueue = openGoals.length > 0 && schedule.overlap === 'queue'
      const open = await listOpenFirings(store.db, id, isQueue ? WAITING_MAX + 2 : 2)
      if (open.length === 0) return
      const step = decideFiring({ schedule, open, goals: openGoals })
      if (!step) return
      signal.throwIfAborted()
      const isLast =
        step.do === 'wait'
          ? await settleAs('waiting', schedule, step.firing, step.reason)
          : step.do === 'skip'
            ? await settleAs('skipped', schedule, step.firing, step.reason)
            : await makeGoal(schedule, step, signal, steps === 0 ? tries : 0)
      if (isLast) return
      // The store answers without ever waiting, so a long backlog would keep timers and requests from their turn.
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    await store.transaction(async (tx) => send(queue, tx, fireJob(await getSchedule(tx, id)), id))
  }

  async function makeGoal(
    schedule: Schedule,
    { firing, ends, isAsked }: Extract<FiringStep, { do: 'fire' }>,
    signal: AbortSignal,
    tries: number,
  ): Promise<boolean> {
    try {
      if (schedule.condition !== null && !isAsked) {
        const verdict = await deps.check({ schedule, condition: schedule.condition, firing }, signal)
        if (!verdict.isMet) return await settleAs('skipped', schedule, firing, verdict.reason)
      }
      const text = fillTemplate(schedule.template.text, await gatherFacts(schedule, firing))
      for (const goal of ends) await cancelUnlessEnded(goal)
      const { goal } = await goals.add({
        ...schedule.template,
        text,
        source: { surface: schedule.when.kind === 'hook' ? 'webhook' : 'schedule', from: schedule.id },
        idempotencyKey: firing.id,
      })
      return await store.transaction(async (tx) => {
        await settleFired(tx, schedule.id, firing, goal)
        return isDone(tx, schedule)
      })
    } catch (error) {
      if (signal.aborted) throw error
      const isFinal = isFault(error) && !error.mayRetry
      if (!isFinal && tries + 1 < TRIES_MAX) throw error
      if (!isFault(error))
        world.log.error({ err: error, scheduleId: schedule.id, firingId: firing.id }, 'firing failed')
      return await settleAs('failed', schedule, firing, error instanceof Error ? error.message : String(error))
    }
  }

  /**
   * Nothing is left of the schedule: its job ends in the transaction that settled the last firing, which spares
   * the disk a write of its own. Whoever calls returns at once; what is due from now on comes with a new job.
   */
  async function isDone(tx: Tx, schedule: Schedule): Promise<boolean> {
    if ((await listOpenFirings(tx, schedule.id, 1)).length > 0) return false
    await queue.cancel(tx, fireJob(schedule), schedule.id)
    return true
  }

  /** It may have ended since we looked, or have been ended by us before a crash. */
  async function cancelUnlessEnded({ id, number }: { id: GoalId; number: number }): Promise<void> {
    if (isGoalEnded((await getGoal(store.db, id)).state)) return
    await goals.cancel(String(number), 'schedule')
  }

  async function settleFired(tx: Tx, id: ScheduleId, firing: Firing, goal: Goal): Promise<void> {
    const schedule = await getSchedule(tx, id)
    await moveFiring(tx, firing.id, 'fired', { goalId: goal.id, settledAt: now(), payload: null })
    await addEvent(tx, now(), {
      type: 'firing.fired',
      goalId: goal.id,
      data: { ...named(schedule), dueAt: firing.dueAt, goal: goal.number },
    })
    if (firing.cause !== 'owner') {
      const fired = schedule.fired + 1
      await updateSchedule(tx, id, { fired })
      if (schedule.state === 'active' || schedule.state === 'paused') {
        const isSpent = schedule.firingsMax !== null && fired >= schedule.firingsMax
        const isOver = schedule.when.kind === 'goal' && schedule.when.of.startsWith('goal_')
        if (isSpent) await end(tx, schedule, `it has fired ${fired} times`)
        else if (isOver) await end(tx, schedule, 'the goal it waited for has ended')
      }
    }
    await pruneFirings(tx, id, FIRINGS_KEPT)
  }

  async function end(tx: Tx, schedule: Schedule, reason: string): Promise<void> {
    await moveSchedule(tx, schedule, 'ended', { reason, nextAt: null, endedAt: now() })
    await addEvent(tx, now(), { type: 'schedule.ended', data: { ...named(schedule), reason } })
  }

  async function settleAs(
    to: 'waiting' | 'skipped' | 'failed',
    schedule: Schedule,
    firing: Firing,
    reason: string,
  ): Promise<boolean> {
    return store.transaction(async (tx) => {
      await moveFiring(tx, firing.id, to, to === 'waiting' ? { reason } : { reason, settledAt: now(), payload: null })
      const data = { ...named(schedule), dueAt: firing.dueAt, reason }
      const type = to === 'waiting' ? 'firing.waited' : to === 'skipped' ? 'firing.skipped' : 'firing.failed'
      await addEvent(tx, now(), { type, data })
      if (to === 'waiting') return false
      await pruneFirings(tx, schedule.id, FIRINGS_KEPT)
      return isDone(tx, schedule)
    })
  }

  async function gatherFacts(schedule: Schedule, firing: Firing): Promise<Facts> {
    const zone = schedule.when.kind === 'cron' ? schedule.when.timezone : deps.timezone
    const clock = clocks.get(zone) ?? wallClockOf(zone)
    clocks.set(zone, clock)
    const { date, time } = clock(firing.dueAt)
    const previous = await findLastFired(store.db, schedule.id)
    const before = previous?.goalId ? await getGoal(store.db, previous.goalId) : null
    const payload = firing.payload as { event?: string; body?: unknown; paths?: string[]; goalId?: GoalId } | null
    const ended = payload?.goalId ? await getGoal(store.db, payload.goalId) : null
    return {
      plain: {
        date,
        time,
        moment: new Date(firing.dueAt).toISOString(),
        'schedule.number': String(schedule.number),
        'schedule.name': schedule.name ?? String(schedule.number),
        'previous.state': before?.state ?? 'none',
        ...(ended ? { 'goal.number': String(ended.number), 'goal.state': ended.state } : {}),
      },
      material: {
        previous: { outcome: before?.outcome ?? '', report: await readReport(before) },
        ...(payload && 'event' in payload ? { event: payload.event ?? '' } : {}),
        ...(payload && 'body' in payload ? { payload: payload.body } : {}),
        // A watch that the owner runs by hand has no changes to name.
        ...(schedule.when.kind === 'path' ? { paths: (payload?.paths ?? []).join('\n') } : {}),
        ...(ended ? { goal: { text: ended.text, outcome: ended.outcome ?? '', report: await readReport(ended) } } : {}),
      },
    }
  }
}

async function readReport(goal: Goal | null): Promise<string> {
  if (!goal?.reportFile) return ''
  return (await readFile(goal.reportFile, 'utf8').catch(() => '')).slice(0, REPORT_CHARACTERS_MAX)
}

function named({ number, name }: Schedule): { number: number; name: string | null } {
  return { number, name }
}

/**
 * What else a schedule may be set off by than the clock: one firing per key, its job in the same transaction.
 * Answers undefined when a firing with this key is there already and needs nothing.
 */
export async function writeFiring(
  tx: Tx,
  queue: Queue,
  now: number,
  schedule: Schedule,
  { key, cause, payload }: { key: string; cause: FiringCause; payload: unknown },
): Promise<Firing | undefined> {
  const firing: Firing = {
    id: newId('firing', now),
    scheduleId: schedule.id,
    key,
    cause,
    dueAt: now,
    state: 'due',
    reason: null,
    goalId: null,
    payload,
    createdAt: now,
    settledAt: null,
  }
  let written = firing
  if (!(await addFiring(tx, firing))) {
    const before = await findFiring(tx, { scheduleId: schedule.id, key })
    // What failed may be sent again once its cause is mended.
    if (before?.state !== 'failed') return undefined
    await moveFiring(tx, before.id, 'due', { reason: null, settledAt: null, payload })
    written = { ...before, state: 'due', reason: null, settledAt: null, payload }
  }
  await send(queue, tx, fireJob(schedule), schedule.id)
  return written
}

/**
 * A goal has ended: firings that waited for it go on, and schedules that were chained to it fire. May be called
 * again for the same goal.
 */
export function createOnGoalEnded({ store, queue, world }: Pick<FireDeps, 'store' | 'queue' | 'world'>) {
  return async function onGoalEnded(goal: Goal): Promise<void> {
    if (!isGoalEnded(goal.state)) return
    await store.transaction(async (tx) => {
      const firing = await findFiringOfGoal(tx, goal.id)
      if (firing && (await listOpenFirings(tx, firing.scheduleId, 1)).length > 0) {
        await send(queue, tx, fireJob(await getSchedule(tx, firing.scheduleId)), firing.scheduleId)
      }
      for (const schedule of await listChained(tx, firing ? [goal.id, firing.scheduleId] : [goal.id])) {
        if (schedule.when.kind !== 'goal') continue
        if (schedule.when.on !== 'ended' && schedule.when.on !== goal.state) continue
        await writeFiring(tx, queue, world.clock.now(), schedule, {
          key: `goal:${goal.id}`,
          cause: 'goal',
          payload: { goalId: goal.id },
        })
      }
    })
  }
}

/** At the start: whatever is written down and not settled is looked at, whether its job survived or not. */
export async function sendOpenFirings({ store, queue }: Pick<FireDeps, 'store' | 'queue'>): Promise<void> {
  await store.transaction(async (tx) => {
    for (const id of await listSchedulesWithOpenFirings(tx)) {
      await send(queue, tx, fireJob(await getSchedule(tx, id)), id)
    }
  })
}
