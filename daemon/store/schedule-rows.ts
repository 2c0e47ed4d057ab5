import { type Insertable, sql } from 'kysely'
import { Fault } from '../../core/fault.ts'
import type { GoalId } from '../../core/goal.ts'
import { assertMove } from '../../core/moves.ts'
import {
  FIRING_MOVES,
  Firing,
  type FiringId,
  type FiringState,
  SCHEDULE_MOVES,
  Schedule,
  type ScheduleId,
  type ScheduleState,
} from '../../core/schedule.ts'
import type { Db, Row, Tables } from './tables.ts'

/** Rows of schedules and firings in, nouns out. States change only through `move…`. */

const SCHEDULE_JSON = ['when', 'template', 'condition'] as const
const SCHEDULE_COLUMNS = Object.keys(Schedule.shape) as (keyof Schedule)[]

function toRow(patch: object, json: readonly string[]): Record<string, unknown> {
  const row: Record<string, unknown> = { ...patch }
  for (const column of json) {
    if (column in row && row[column] !== null) row[column] = JSON.stringify(row[column])
  }
  return row
}

function fromRow<Z>(schema: { parse(value: unknown): Z }, row: object, json: readonly string[]): Z {
  const value: Record<string, unknown> = { ...row }
  for (const column of json) {
    if (value[column] !== null) value[column] = JSON.parse(value[column] as string)
  }
  return schema.parse(value)
}

const readSchedule = (row: object): Schedule => fromRow(Schedule, row, SCHEDULE_JSON)
const readFiring = (row: Row<'firing'>): Firing => fromRow(Firing, row, ['payload'])

// ---- schedules ---------------------------------------------------------------------------

export async function nextScheduleNumber(db: Db): Promise<number> {
  const row = await db.selectFrom('schedule').select(db.fn.max('number').as('number')).executeTakeFirst()
  return Number(row?.number ?? 0) + 1
}

export async function addSchedule(
  db: Db,
  schedule: Schedule,
  { idempotencyKey, seen }: { idempotencyKey: string | null; seen: string | null },
): Promise<void> {
  await db
    .insertInto('schedule')
    .values({ ...toRow(schedule, SCHEDULE_JSON), idempotencyKey, seen } as Insertable<Tables['schedule']>)
    .execute()
}

export async function findSchedule(
  db: Db,
  by: { id: string } | { number: number } | { name: string } | { idempotencyKey: string },
): Promise<Schedule | undefined> {
  const query = db.selectFrom('schedule').select(SCHEDULE_COLUMNS)
  const row = await ('id' in by
    ? query.where('id', '=', by.id)
    : 'number' in by
      ? query.where('number', '=', by.number)
      : 'name' in by
        ? query.where('name', '=', by.name).where('state', '<>', 'removed')
        : query.where('idempotencyKey', '=', by.idempotencyKey)
  ).executeTakeFirst()
  return row && readSchedule(row)
}

export async function getSchedule(db: Db, id: ScheduleId): Promise<Schedule> {
  const found = await findSchedule(db, { id })
  if (!found) throw new Fault('schedule_not_found', `there is no schedule ${id}`)
  return found
}

export async function listSchedules(db: Db, states: readonly ScheduleState[]): Promise<Schedule[]> {
  const rows = await db
    .selectFrom('schedule')
    .select(SCHEDULE_COLUMNS)
    .where('state', 'in', states)
    .orderBy('number')
    .execute()
  return rows.map(readSchedule)
}

/** Active ones whose moment has come, the longest due first. */
export async function listDueSchedules(db: Db, now: number, limit: number): Promise<Schedule[]> {
  const rows = await db
    .selectFrom('schedule')
    .select(SCHEDULE_COLUMNS)
    .where('state', '=', 'active')
    .where('nextAt', '<=', now)
    .orderBy('nextAt')
    .limit(limit)
    .execute()
  return rows.map(readSchedule)
}

/** Active ones that have settled moments which, by the clock as it is now, are still to come. */
export async function listAheadOf(db: Db, now: number, limit: number): Promise<Schedule[]> {
  const rows = await db
    .selectFrom('schedule')
    .select(SCHEDULE_COLUMNS)
    .where('state', '=', 'active')
    .where('nextAt', 'is not', null)
    .where('cursorAt', '>', now)
    .limit(limit)
    .execute()
  return rows.map(readSchedule)
}

export async function earliestNextAt(db: Db): Promise<number | null> {
  const row = await db
    .selectFrom('schedule')
    .select('nextAt')
    .where('state', '=', 'active')
    .where('nextAt', 'is not', null)
    .orderBy('nextAt')
    .limit(1)
    .executeTakeFirst()
  return row?.nextAt ?? null
}

export async function updateSchedule(
  db: Db,
  id: ScheduleId,
  patch: Partial<Pick<Schedule, 'cursorAt' | 'nextAt' | 'fired'>>,
): Promise<void> {
  await db.updateTable('schedule').set(patch).where('id', '=', id).execute()
}

export async function moveSchedule(
  db: Db,
  schedule: Schedule,
  to: ScheduleState,
  patch: Partial<Pick<Schedule, 'reason' | 'cursorAt' | 'nextAt' | 'endedAt'>> = {},
): Promise<void> {
  assertMove(SCHEDULE_MOVES, `Schedule ${schedule.number}`, schedule.state, to)
  await db
    .updateTable('schedule')
    .set({ ...patch, state: to })
    .where('id', '=', schedule.id)
    .execute()
}

/** What a watched path looked like when it was last written down; null before the first time. */
export async function readSeen(db: Db, id: ScheduleId): Promise<string | null> {
  const row = await db.selectFrom('schedule').select('seen').where('id', '=', id).executeTakeFirst()
  return row?.seen ?? null
}

export async function writeSeen(db: Db, id: ScheduleId, seen: string): Promise<void> {
  await db.updateTable('schedule').set({ seen }).where('id', '=', id).execute()
}

// ---- firings -----------------------------------------------------------------------------

/** Adds a firing; of one schedule and key there is one, so false when it was there before. */
export async function addFiring(db: Db, firing: Firing): Promise<boolean> {
  const values = { ...firing, payload: firing.payload === null ? null : JSON.stringify(firing.payload) }
  const result = await db
    .insertInto('firing')
    .values(values as Insertable<Tables['firing']>)
    .onConflict((conflict) => conflict.columns(['scheduleId', 'key']).doNothing())
    .executeTakeFirst()
  return Number(result.numInsertedOrUpdatedRows ?? 0) > 0
}

export async function findFiring(
  db: Db,
  by: { id: string } | { scheduleId: ScheduleId; key: string },
): Promise<Firing | undefined> {
  const query = db.selectFrom('firing').selectAll()
  const row = await ('id' in by
    ? query.where('id', '=', by.id)
    : query.where('scheduleId', '=', by.scheduleId).where('key', '=', by.key)
  ).executeTakeFirst()
  return row && readFiring(row)
}

/** Due and waiting ones: those that the owner asked for first, then in the order of their moments; at most `limit`. */
export async function listOpenFirings(db: Db, scheduleId: ScheduleId, limit: number): Promise<Firing[]> {
  const rows = await db
    .selectFrom('firing')
    .selectAll()
    .where('scheduleId', '=', scheduleId)
    .where('state', 'in', ['due', 'waiting'])
    .orderBy(sql`case when cause = 'owner' then 0 else 1 end`)
    .orderBy('dueAt')
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(readFiring)
}

export async function listSchedulesWithOpenFirings(db: Db): Promise<ScheduleId[]> {
  const rows = await db
    .selectFrom('firing')
    .select('scheduleId')
    .distinct()
    .where('state', 'in', ['due', 'waiting'])
    .execute()
  return rows.map((row) => row.scheduleId as ScheduleId)
}

/** Latest first. */
export async function listFirings(db: Db, scheduleId: ScheduleId, limit: number): Promise<Firing[]> {
  const rows = await db
    .selectFrom('firing')
    .selectAll()
    .where('scheduleId', '=', scheduleId)
    .orderBy('createdAt', 'desc')
    .orderBy('dueAt', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map(readFiring)
}

/** The latest firing that made a goal. */
export async function findLastFired(db: Db, scheduleId: ScheduleId): Promise<Firing | undefined> {
  const row = await db
    .selectFrom('firing')
    .selectAll()
    .where('scheduleId', '=', scheduleId)
    .where('state', '=', 'fired')
    .orderBy('settledAt', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && readFiring(row)
}

export async function countOpenFirings(db: Db, scheduleId: ScheduleId): Promise<number> {
  const row = await db
    .selectFrom('firing')
    .select(db.fn.countAll<number>().as('count'))
    .where('scheduleId', '=', scheduleId)
    .where('state', 'in', ['due', 'waiting'])
    .executeTakeFirst()
  return Number(row?.count ?? 0)
}

export async function findFiringOfGoal(db: Db, goalId: GoalId): Promise<Firing | undefined> {
  const row = await db.selectFrom('firing').selectAll().where('goalId', '=', goalId).executeTakeFirst()
  return row && readFiring(row)
}

/** Moves a firing on. Reads the row again, so that a stale picture cannot move it twice. */
export async function moveFiring(
  db: Db,
  id: FiringId,
  to: FiringState,
  patch: Partial<Pick<Firing, 'reason' | 'goalId' | 'settledAt' | 'payload'>> = {},
): Promise<void> {
  const firing = await findFiring(db, { id })
  if (!firing) throw new Fault('schedule_not_found', `there is no firing ${id}`)
  assertMove(FIRING_MOVES, `Firing ${id}`, firing.state, to)
  const { payload, ...rest } = patch
  await db
    .updateTable('firing')
    .set({
      ...rest,
      ...(payload === undefined ? {} : { payload: payload === null ? null : JSON.stringify(payload) }),
      state: to,
    })
    .where('id', '=', id)
    .execute()
}

/** Forgets settled firings but the latest `keep`. */
export async function pruneFirings(db: Db, scheduleId: ScheduleId, keep: number): Promise<void> {
  const oldest = await db
    .selectFrom('firing')
    .select('createdAt')
    .where('scheduleId', '=', scheduleId)
    .orderBy('createdAt', 'desc')
    .offset(keep)
    .limit(1)
    .executeTakeFirst()
  if (!oldest) return
  await db
    .deleteFrom('firing')
    .where('scheduleId', '=', scheduleId)
    .where('createdAt', '<=', oldest.createdAt)
    .where('state', 'not in', ['due', 'waiting'])
    .execute()
}

/** Goals that firings of this schedule made and that have not ended. */
export async function listOpenGoalsOf(db: Db, scheduleId: ScheduleId): Promise<{ id: GoalId; number: number }[]> {
  const rows = await db
    .selectFrom('firing')
    .innerJoin('goal', 'goal.id', 'firing.goalId')
    .select(['goal.id', 'goal.number'])
    .where('firing.scheduleId', '=', scheduleId)
    .where('goal.state', 'in', ['open', 'paused'])
    .orderBy('goal.number')
    .execute()
  return rows.map((row) => ({ id: row.id as GoalId, number: row.number }))
}

/** Active ones that wait for this goal, or for any goal of this schedule, to end. */
export async function listChained(db: Db, of: readonly string[]): Promise<Schedule[]> {
  const rows = await db
    .selectFrom('schedule')
    .select(SCHEDULE_COLUMNS)
    .where('state', '=', 'active')
    .where(sql<string>`json_extract("when", '$.of')`, 'in', of)
    .execute()
  return rows.map(readSchedule)
}

export async function listWatching(db: Db): Promise<Schedule[]> {
  const rows = await db
    .selectFrom('schedule')
    .select(SCHEDULE_COLUMNS)
    .where('state', '=', 'active')
    .where(sql<string>`json_extract("when", '$.kind')`, '=', 'path')
    .execute()
  return rows.map(readSchedule)
}
