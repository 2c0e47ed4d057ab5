import { sql } from 'kysely'
import type { GoalId } from '../../core/goal.ts'
import type { RunId } from '../../core/run.ts'
import { addTokens, type CostBy, type CostRow, type CostSheet, NO_TOKENS, type Tokens } from '../../core/spend.ts'
import type { TaskId } from '../../core/task.ts'
import type { Db } from './tables.ts'

/** The ledger's rows: one per request to a model, written before it leaves and settled after; old ones are put together. */

export interface NewSpend extends Tokens {
  at: number
  day: string
  goalId: GoalId | null
  taskId: TaskId | null
  runId: RunId | null
  agent: string
  purpose: string
  upstream: string
  api: string
  model: string
  usd: number | null
}

export interface Settlement extends Tokens {
  settledAt: number
  state: 'settled' | 'estimated' | 'void'
  status: number | null
  usd: number | null
}

/** Writes what a request can cost at most. Answers the row's id. */
export async function addSpend(db: Db, spend: NewSpend): Promise<number> {
  const { id } = await db
    .insertInto('spend')
    .values({ ...spend, state: 'reserved' })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

export async function settleSpend(db: Db, id: number, settlement: Settlement): Promise<void> {
  await db.updateTable('spend').set(settlement).where('id', '=', id).where('state', '=', 'reserved').execute()
}

/** What was under way when the daemon ended: it may have been spent, so it stays counted as estimated. */
export async function keepLostSpend(db: Db, now: number): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('spend')
    .set({ state: 'estimated', settledAt: now })
    .where('state', '=', 'reserved')
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/** Requests without a known price; a row of none gives null. */
const UNPRICED = sql<number>`coalesce(sum(requests * (usd is null)), 0)`

export interface Sum {
  tokens: number
  usd: number
  /** Requests without a known price. */
  unpriced: number
}

/** What was spent. What is under way is not counted: nobody knows yet what it will come to. */
export async function sumSpend(db: Db, of: { goalId: GoalId } | { day: string } | 'all'): Promise<Sum> {
  let query = db
    .selectFrom('spend')
    .where('state', 'in', ['settled', 'estimated'])
    .select([
      sql<number>`coalesce(sum(inputTokens + outputTokens), 0)`.as('tokens'),
      sql<number>`coalesce(sum(usd), 0.0)`.as('usd'),
      UNPRICED.as('unpriced'),
    ])
  if (of !== 'all') query = 'goalId' in of ? query.where('goalId', '=', of.goalId) : query.where('day', '=', of.day)
  const row = await query.executeTakeFirstOrThrow()
  return { tokens: Number(row.tokens), usd: Number(row.usd), unpriced: Number(row.unpriced) }
}

const KEYS = {
  goal: sql<string>`coalesce('#' || goal.number, '-')`,
  task: sql<string>`coalesce(goal.number || '.' || task.number, '#' || goal.number, '-')`,
  // What the brain was asked for a goal has no run.
  run: sql<string>`coalesce(goal.number || '.' || task.number || '.' || (select attempt from run where run.id = spend.runId), '-')`,
  agent: sql<string>`spend.agent`,
  model: sql<string>`spend.model`,
  day: sql<string>`spend.day`,
} as const satisfies Record<CostBy, unknown>

/** Sums by goal, task, run, agent, model or day, the latest first where that has a meaning, else the dearest. */
export async function costSheet(db: Db, { by, goalId }: { by: CostBy; goalId?: GoalId | null }): Promise<CostSheet> {
  const key = KEYS[by]
  let query = db
    .selectFrom('spend')
    .leftJoin('goal', 'goal.id', 'spend.goalId')
    .leftJoin('task', 'task.id', 'spend.taskId')
    .where('spend.state', '<>', 'void')
    .select([
      key.as('key'),
      sql<number>`sum(inputTokens)`.as('inputTokens'),
      sql<number>`sum(cachedTokens)`.as('cachedTokens'),
      sql<number>`sum(cacheWriteTokens)`.as('cacheWriteTokens'),
      sql<number>`sum(outputTokens)`.as('outputTokens'),
      sql<number>`sum(reasoningTokens)`.as('reasoningTokens'),
      sql<number>`sum(requests)`.as('requests'),
      sql<number | null>`sum(usd)`.as('usd'),
      UNPRICED.as('unpriced'),
      sql<number>`sum(requests * (spend.state in ('estimated', 'reserved')))`.as('estimated'),
    ])
    .groupBy(key)
  if (goalId) query = query.where('spend.goalId', '=', goalId)
  query =
    by === 'day' || by === 'goal' || by === 'task' || by === 'run'
      ? query.orderBy(sql`max(spend.id)`, 'desc')
      : query.orderBy(sql`sum(usd)`, 'desc').orderBy(sql`sum(inputTokens)`, 'desc')
  const rows = await query.execute()
  return { by, rows, total: rows.reduce(addRows, { key: 'total', ...NO_TOKENS, ...NOTHING }) }
}

const NOTHING = { requests: 0, usd: null, unpriced: 0, estimated: 0 }

function addRows(a: CostRow, b: CostRow): CostRow {
  return {
    key: a.key,
    ...addTokens(a, b),
    requests: a.requests + b.requests,
    usd: a.usd === null && b.usd === null ? null : (a.usd ?? 0) + (b.usd ?? 0),
    unpriced: a.unpriced + b.unpriced,
    estimated: a.estimated + b.estimated,
  }
}

/** What finished tasks cost, newest first: what the next ones are estimated from. */
export interface TaskCost {
  kind: string
  /** Of the run that was done last. */
  agent: string
  tokens: number
  usd: number | null
}

export async function listTaskCosts(
  db: Db,
  { before, limit, exceptGoal }: { before: number; limit: number; exceptGoal: GoalId | null },
): Promise<TaskCost[]> {
  const rows = await db
    .selectFrom('task')
    .innerJoin('spend', 'spend.taskId', 'task.id')
    .where('task.state', '=', 'done')
    .where('task.endedAt', '<', before)
    .where('task.goalId', '<>', exceptGoal ?? '')
    .where('spend.state', '<>', 'void')
    .select([
      sql<string>`json_extract(task.spec, '$.kind')`.as('kind'),
      sql<string>`(select r.agent from run r where r.taskId = task.id and r.agent <> 'owner' order by r.attempt desc limit 1)`.as(
        'agent',
      ),
      sql<number>`sum(spend.inputTokens + spend.outputTokens)`.as('tokens'),
      // A sum that lacks a part is no price to go by.
      sql<number | null>`case when count(*) = count(spend.usd) then sum(spend.usd) end`.as('usd'),
    ])
    .groupBy('task.id')
    .orderBy('task.endedAt', 'desc')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ ...row, agent: row.agent ?? '-' }))
}

// ---- upstreams ---------------------------------------------------------------------------

export interface UpstreamRow {
  name: string
  pausedUntil: number | null
  why: string | null
  refusals: number
  width: number | null
}

export async function listUpstreamRows(db: Db): Promise<UpstreamRow[]> {
  return db.selectFrom('upstream').selectAll().execute()
}

export async function saveUpstreamRow(db: Db, row: UpstreamRow): Promise<void> {
  const { name, ...rest } = row
  await db
    .insertInto('upstream')
    .values(row)
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ ...rest }))
    .execute()
}

// ---- what was said or raised once --------------------------------------------------------

/** True the first time only. */
export async function markOnce(db: Db, name: string): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('setting')
    .values({ name, value: '1' })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows === 1n
}

/** How many times the owner let a limit of the whole daemon be used again: 1 at first. */
export async function limitFactor(db: Db, scope: string): Promise<number> {
  const row = await db
    .selectFrom('setting')
    .select('value')
    .where('name', '=', `limit-factor ${scope}`)
    .executeTakeFirst()
  return row ? Number(row.value) : 1
}

export async function setLimitFactor(db: Db, scope: string, factor: number): Promise<void> {
  await db
    .insertInto('setting')
    .values({ name: `limit-factor ${scope}`, value: String(factor) })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: String(factor) }))
    .execute()
}
