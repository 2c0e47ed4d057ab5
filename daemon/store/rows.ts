import { type Insertable, sql } from 'kysely'
import { Ask, type AskId } from '../../core/ask.ts'
import type { EventType, NewEvent, StoredEvent } from '../../core/events.ts'
import { Fault, type FaultCode } from '../../core/fault.ts'
import { GOAL_MOVES, Goal, type GoalId, type GoalState } from '../../core/goal.ts'
import { LANDING_MOVES, Landing, type LandingId, type LandingState } from '../../core/landing.ts'
import { assertMove } from '../../core/moves.ts'
import { PLAN_MOVES, Plan, type PlanId, type PlanState } from '../../core/plan.ts'
import { Proof, type ProofId } from '../../core/proof.ts'
import { type RepositoryId, RepositoryRow } from '../../core/repository.ts'
import { RUN_MOVES, Run, type RunId, type RunState } from '../../core/run.ts'
import { TASK_MOVES, Task, type TaskId, type TaskState, taskLabel } from '../../core/task.ts'
import type { Db, Row, Tables } from './tables.ts'

/**
 * Rows in, nouns out. Every change of a state goes through `move…`, which knows the table of
 * allowed moves and writes the event in the same transaction.
 */

/** Columns that hold JSON, by table. */
const JSON_COLUMNS = {
  repository: [],
  goal: ['limits', 'source'],
  plan: ['draft', 'request', 'reasons', 'baseline'],
  task: ['spec', 'next'],
  run: ['usage', 'before'],
  proof: ['contract', 'results', 'before', 'setup', 'guards', 'review'],
  landing: [],
  ask: ['choices', 'answer'],
} as const

const TRUTH_COLUMNS: Partial<Record<keyof Tables, readonly string[]>> = { proof: ['passed'], ask: ['freeText'] }

type Noun = keyof typeof JSON_COLUMNS

function toRow<T extends Noun>(table: T, value: object): Insertable<Tables[T]> {
  const row: Record<string, unknown> = { ...value }
  for (const column of JSON_COLUMNS[table]) {
    if (row[column] !== undefined && row[column] !== null) row[column] = JSON.stringify(row[column])
  }
  for (const column of TRUTH_COLUMNS[table] ?? []) if (column in row) row[column] = row[column] ? 1 : 0
  return row as Insertable<Tables[T]>
}

function fromRow<T extends Noun, Z>(table: T, schema: { parse(value: unknown): Z }, row: Row<T>): Z {
  const value: Record<string, unknown> = { ...(row as Record<string, unknown>) }
  for (const column of JSON_COLUMNS[table]) {
    if (value[column] !== null) value[column] = JSON.parse(value[column] as string)
  }
  for (const column of TRUTH_COLUMNS[table] ?? []) value[column] = value[column] === 1
  return schema.parse(value)
}

/** In the order in which the rows came. Ids and moments cannot say so: the owner's clock may be set back. */
const AS_WRITTEN = sql`rowid`

/**
 * Rows of many goals. One that cannot be read is left out here, so that it holds nobody else up; its own goal
 * meets it in `advance`, is quarantined and says so.
 */
function readable<R, T>(rows: readonly R[], read: (row: R) => T): T[] {
  return rows.flatMap((row) => {
    try {
      return [read(row)]
    } catch {
      return []
    }
  })
}

function missing(code: FaultCode, thing: string, id: string): Fault {
  return new Fault(code, `there is no ${thing} ${id}`)
}

// ---- events ------------------------------------------------------------------------------

export async function addEvent<T extends EventType>(db: Db, now: number, event: NewEvent<T>): Promise<void> {
  await db
    .insertInto('event')
    .values({
      at: now,
      type: event.type,
      goalId: event.goalId ?? null,
      taskId: event.taskId ?? null,
      runId: event.runId ?? null,
      data: JSON.stringify(event.data),
    })
    .execute()
}

export async function listEvents(
  db: Db,
  filter: { after: number; limit: number; goalId?: string },
): Promise<StoredEvent[]> {
  let query = db.selectFrom('event').selectAll().where('id', '>', filter.after).orderBy('id').limit(filter.limit)
  if (filter.goalId) query = query.where('goalId', '=', filter.goalId)
  const rows = await query.execute()
  return rows.map((row) => ({ ...row, data: JSON.parse(row.data) }) as StoredEvent)
}

export async function latestEvent(db: Db): Promise<number> {
  const row = await db.selectFrom('event').select(db.fn.max('id').as('id')).executeTakeFirst()
  return Number(row?.id ?? 0)
}

// ---- repositories ------------------------------------------------------------------------

export async function addRepository(db: Db, repository: RepositoryRow): Promise<void> {
  await db.insertInto('repository').values(repository).execute()
}

export async function findRepository(
  db: Db,
  by: { path: string } | { url: string },
): Promise<RepositoryRow | undefined> {
  const query = db.selectFrom('repository').selectAll()
  const row = await ('path' in by
    ? query.where('path', '=', by.path)
    : query.where('url', '=', by.url)
  ).executeTakeFirst()
  return row && fromRow('repository', RepositoryRow, row)
}

export async function getRepository(db: Db, id: RepositoryId): Promise<RepositoryRow> {
  const row = await db.selectFrom('repository').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) throw missing('repository_not_found', 'repository', id)
  return fromRow('repository', RepositoryRow, row)
}

// ---- goals -------------------------------------------------------------------------------

export async function nextGoalNumber(db: Db): Promise<number> {
  const row = await db.selectFrom('goal').select(db.fn.max('number').as('number')).executeTakeFirst()
  return Number(row?.number ?? 0) + 1
}

export async function addGoal(db: Db, goal: Goal, idempotencyKey: string | null): Promise<void> {
  await db
    .insertInto('goal')
    .values({ ...toRow('goal', goal), idempotencyKey })
    .execute()
}

const readGoal = (row: Row<'goal'>): Goal => fromRow('goal', Goal, row)

export async function getGoal(db: Db, id: GoalId): Promise<Goal> {
  const row = await db.selectFrom('goal').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) throw missing('goal_not_found', 'goal', id)
  return readGoal(row)
}

export async function findGoalByNumber(db: Db, number: number): Promise<Goal | undefined> {
  const row = await db.selectFrom('goal').selectAll().where('number', '=', number).executeTakeFirst()
  return row && readGoal(row)
}

export async function findGoalByKey(db: Db, key: string): Promise<Goal | undefined> {
  const row = await db.selectFrom('goal').selectAll().where('idempotencyKey', '=', key).executeTakeFirst()
  return row && readGoal(row)
}

export async function listGoals(db: Db, states?: readonly GoalState[]): Promise<Goal[]> {
  let query = db.selectFrom('goal').selectAll().orderBy('number')
  if (states) query = query.where('state', 'in', states)
  return readable(await query.execute(), readGoal)
}

/** Newest first; `before` is the number of the last one of the page before. */
export async function pageGoals(
  db: Db,
  { states, limit, before }: { states?: readonly GoalState[] | undefined; limit: number; before?: number | undefined },
): Promise<Goal[]> {
  let query = db.selectFrom('goal').selectAll().orderBy('number', 'desc').limit(limit)
  if (states) query = query.where('state', 'in', states)
  if (before !== undefined) query = query.where('number', '<', before)
  return readable(await query.execute(), readGoal)
}

export async function countGoals(db: Db, states: readonly GoalState[]): Promise<number> {
  const query = db.selectFrom('goal').select(db.fn.countAll().as('count')).where('state', 'in', states)
  return Number((await query.executeTakeFirstOrThrow()).count)
}

export async function updateGoal(
  db: Db,
  id: GoalId,
  patch: Partial<
    Pick<Goal, 'baseCommit' | 'wakeAt' | 'quarantine' | 'reportFile' | 'limits' | 'land' | 'targetBranch'>
  >,
): Promise<void> {
  await db
    .updateTable('goal')
    .set(toRow('goal', patch) as Partial<Row<'goal'>>)
    .where('id', '=', id)
    .execute()
}

/** Moves a goal on; the caller writes the event, whose words differ by cause. */
export async function moveGoal(
  db: Db,
  goal: Goal,
  to: GoalState,
  patch: { outcome?: string; endedAt?: number } = {},
): Promise<void> {
  assertMove(GOAL_MOVES, `Goal #${goal.number}`, goal.state, to)
  await db
    .updateTable('goal')
    .set({ state: to, ...patch })
    .where('id', '=', goal.id)
    .execute()
}

// ---- plans -------------------------------------------------------------------------------

export async function addPlan(db: Db, plan: Plan): Promise<void> {
  await db.insertInto('plan').values(toRow('plan', plan)).execute()
}

const readPlan = (row: Row<'plan'>): Plan => fromRow('plan', Plan, row)

export async function listPlans(db: Db, goalId: GoalId): Promise<Plan[]> {
  return (await db.selectFrom('plan').selectAll().where('goalId', '=', goalId).orderBy('version').execute()).map(
    readPlan,
  )
}

export async function getPlan(db: Db, id: PlanId): Promise<Plan> {
  const row = await db.selectFrom('plan').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) throw missing('plan_not_found', 'plan', id)
  return readPlan(row)
}

export async function movePlan(
  db: Db,
  plan: Plan,
  to: PlanState,
  patch: Partial<Pick<Plan, 'draft' | 'author' | 'reasons' | 'baseline' | 'baseCommit'>> = {},
): Promise<void> {
  assertMove(PLAN_MOVES, `Plan version ${plan.version}`, plan.state, to)
  await db
    .updateTable('plan')
    .set({ ...toRow('plan', patch), state: to } as Partial<Row<'plan'>>)
    .where('id', '=', plan.id)
    .execute()
}

// ---- tasks -------------------------------------------------------------------------------

export async function addTask(db: Db, task: Task): Promise<void> {
  await db.insertInto('task').values(toRow('task', task)).execute()
}

const readTask = (row: Row<'task'>): Task => fromRow('task', Task, row)

export async function getTask(db: Db, id: TaskId): Promise<Task> {
  const row = await db.selectFrom('task').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) throw missing('task_not_found', 'task', id)
  return readTask(row)
}

export async function listTasks(db: Db, goalId: GoalId): Promise<Task[]> {
  return (await db.selectFrom('task').selectAll().where('goalId', '=', goalId).orderBy('number').execute()).map(
    readTask,
  )
}

export async function listTasksIn(db: Db, states: readonly TaskState[]): Promise<Task[]> {
  const rows = await db
    .selectFrom('task')
    .selectAll()
    .where('state', 'in', states)
    .orderBy('createdAt')
    .orderBy('number')
    .execute()
  return readable(rows, readTask)
}

export type TaskPatch = Partial<
  Pick<
    Task,
    | 'planId'
    | 'spec'
    | 'baseCommit'
    | 'commit'
    | 'worktree'
    | 'workFailures'
    | 'softFailures'
    | 'next'
    | 'notBefore'
    | 'reason'
    | 'endedAt'
  >
>

export async function updateTask(db: Db, id: TaskId, patch: TaskPatch): Promise<void> {
  await db
    .updateTable('task')
    .set(toRow('task', patch) as Partial<Row<'task'>>)
    .where('id', '=', id)
    .execute()
}

/** Moves a task on and writes `task.moved`. Reads the row again, so that a stale picture cannot move it twice. */
export async function moveTask(db: Db, now: number, id: TaskId, to: TaskState, patch: TaskPatch = {}): Promise<void> {
  const task = await getTask(db, id)
  const goal = await getGoal(db, task.goalId)
  const label = taskLabel(goal.number, task.number)
  assertMove(TASK_MOVES, `Task ${label}`, task.state, to)
  // What is merged is done with its landing, and never by a task proof alone.
  if (task.state === 'proving' && to === 'done' && task.spec.kind !== 'act')
    throw new Error(`task ${label} is to be done without having landed`)
  const ended = to === 'done' || to === 'failed' || to === 'cancelled'
  const reason = patch.reason ?? null
  await db
    .updateTable('task')
    .set({ ...toRow('task', patch), reason, state: to, endedAt: ended ? now : null } as Partial<Row<'task'>>)
    .where('id', '=', id)
    .execute()
  await addEvent(db, now, {
    type: 'task.moved',
    goalId: task.goalId,
    taskId: id,
    data: { label, from: task.state, to, reason },
  })
}

// ---- runs --------------------------------------------------------------------------------

export async function addRun(db: Db, run: Run): Promise<void> {
  await db.insertInto('run').values(toRow('run', run)).execute()
}

const readRun = (row: Row<'run'>): Run => fromRow('run', Run, row)

export async function getRun(db: Db, id: RunId): Promise<Run> {
  const row = await db.selectFrom('run').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) throw missing('run_not_found', 'run', id)
  return readRun(row)
}

export async function findRun(db: Db, id: string): Promise<Run | undefined> {
  const row = await db.selectFrom('run').selectAll().where('id', '=', id).executeTakeFirst()
  return row && readRun(row)
}

export async function listRuns(db: Db, by: { goalId: GoalId } | { taskId: TaskId }): Promise<Run[]> {
  const query = db.selectFrom('run').selectAll()
  const rows = await ('goalId' in by ? query.where('goalId', '=', by.goalId) : query.where('taskId', '=', by.taskId))
    .orderBy(AS_WRITTEN)
    .execute()
  return rows.map(readRun)
}

export async function listOpenRuns(db: Db): Promise<Run[]> {
  return readable(await db.selectFrom('run').selectAll().where('state', '<>', 'ended').execute(), readRun)
}

export type RunPatch = Partial<
  Pick<
    Run,
    | 'outcome'
    | 'failure'
    | 'note'
    | 'before'
    | 'pid'
    | 'pidStart'
    | 'sessionId'
    | 'turns'
    | 'commit'
    | 'usage'
    | 'endedAt'
  >
>

export async function updateRun(db: Db, id: RunId, patch: RunPatch): Promise<void> {
  await db
    .updateTable('run')
    .set(toRow('run', patch) as Partial<Row<'run'>>)
    .where('id', '=', id)
    .execute()
}

export async function moveRun(db: Db, id: RunId, to: RunState, patch: RunPatch = {}): Promise<void> {
  const run = await getRun(db, id)
  assertMove(RUN_MOVES, `Run ${id}`, run.state, to)
  await db
    .updateTable('run')
    .set({ ...toRow('run', patch), state: to } as Partial<Row<'run'>>)
    .where('id', '=', id)
    .execute()
}

// ---- proofs ------------------------------------------------------------------------------

export async function addProof(db: Db, proof: Proof): Promise<void> {
  await db.insertInto('proof').values(toRow('proof', proof)).execute()
}

const readProof = (row: Row<'proof'>): Proof => fromRow('proof', Proof, row)

export async function listProofs(db: Db, by: { goalId: GoalId } | { taskId: TaskId }): Promise<Proof[]> {
  const query = db.selectFrom('proof').selectAll()
  const rows = await ('goalId' in by ? query.where('goalId', '=', by.goalId) : query.where('taskId', '=', by.taskId))
    .orderBy(AS_WRITTEN)
    .execute()
  return rows.map(readProof)
}

export async function getProof(db: Db, id: ProofId): Promise<Proof> {
  const row = await db.selectFrom('proof').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) throw missing('proof_not_found', 'proof', id)
  return readProof(row)
}

// ---- landings ----------------------------------------------------------------------------

export async function addLanding(db: Db, landing: Landing): Promise<void> {
  await db.insertInto('landing').values(toRow('landing', landing)).execute()
}

const readLanding = (row: Row<'landing'>): Landing => fromRow('landing', Landing, row)

export async function listLandings(db: Db, goalId: GoalId): Promise<Landing[]> {
  return (await db.selectFrom('landing').selectAll().where('goalId', '=', goalId).orderBy(AS_WRITTEN).execute()).map(
    readLanding,
  )
}

export async function moveLanding(
  db: Db,
  landing: Landing,
  to: LandingState,
  patch: Partial<Pick<Landing, 'merged' | 'proofId' | 'note' | 'endedAt'>> = {},
): Promise<Landing> {
  assertMove(LANDING_MOVES, `Landing ${landing.id as LandingId}`, landing.state, to)
  await db
    .updateTable('landing')
    .set({ ...patch, state: to })
    .where('id', '=', landing.id)
    .execute()
  return { ...landing, ...patch, state: to }
}

/** Says what the branch was at, before it is moved: what an undo goes back to. */
export async function setLandingOnto(db: Db, id: LandingId, onto: string): Promise<void> {
  await db.updateTable('landing').set({ onto }).where('id', '=', id).execute()
}

// ---- asks --------------------------------------------------------------------------------

export async function nextAskNumber(db: Db): Promise<number> {
  const row = await db.selectFrom('ask').select(db.fn.max('number').as('number')).executeTakeFirst()
  return Number(row?.number ?? 0) + 1
}

export async function addAsk(db: Db, ask: Ask): Promise<void> {
  await db.insertInto('ask').values(toRow('ask', ask)).execute()
  await addEvent(db, ask.createdAt, {
    type: 'ask.opened',
    goalId: ask.goalId,
    taskId: ask.taskId,
    runId: ask.runId,
    data: { number: ask.number, kind: ask.kind, question: ask.question },
  })
}

const readAsk = (row: Row<'ask'>): Ask => fromRow('ask', Ask, row)

export async function listAsks(db: Db, filter: { goalId?: GoalId; state?: 'open' } = {}): Promise<Ask[]> {
  let query = db.selectFrom('ask').selectAll().orderBy('number')
  if (filter.goalId) query = query.where('goalId', '=', filter.goalId)
  if (filter.state) query = query.where('state', '=', filter.state)
  const rows = await query.execute()
  return filter.goalId ? rows.map(readAsk) : readable(rows, readAsk)
}

export async function findAsk(db: Db, by: { id: string } | { number: number }): Promise<Ask | undefined> {
  const query = db.selectFrom('ask').selectAll()
  const row = await ('id' in by
    ? query.where('id', '=', by.id)
    : query.where('number', '=', by.number)
  ).executeTakeFirst()
  return row && readAsk(row)
}

export async function updateAsk(
  db: Db,
  id: AskId,
  patch: Partial<Pick<Ask, 'state' | 'answer' | 'settledAt'>>,
): Promise<void> {
  await db
    .updateTable('ask')
    .set(toRow('ask', patch) as Partial<Row<'ask'>>)
    .where('id', '=', id)
    .execute()
}

// ---- steers ------------------------------------------------------------------------------

export interface Steer {
  id: number
  goalId: GoalId
  taskId: TaskId | null
  text: string
}

export async function addSteer(db: Db, now: number, steer: Omit<Steer, 'id'> & { by: string }): Promise<void> {
  await db
    .insertInto('steer')
    .values({ ...steer, createdAt: now, takenAt: null })
    .execute()
}

export async function listWaitingSteers(db: Db, goalId: GoalId): Promise<Steer[]> {
  const rows = await db
    .selectFrom('steer')
    .selectAll()
    .where('goalId', '=', goalId)
    .where('takenAt', 'is', null)
    .orderBy('id')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    goalId: row.goalId as GoalId,
    taskId: row.taskId as TaskId | null,
    text: row.text,
  }))
}

export async function takeSteers(db: Db, now: number, ids: readonly number[]): Promise<void> {
  if (ids.length > 0) await db.updateTable('steer').set({ takenAt: now }).where('id', 'in', ids).execute()
}
