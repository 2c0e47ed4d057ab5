import { statSync } from 'node:fs'
import { SECOND } from '../core/clock.ts'
import type { World } from '../core/world.ts'
import type { Metric } from './http/metrics.ts'
import type { Store } from './store/store.ts'

/** What there is to measure, read from the rows: after a restart the numbers go on where they were. */
export async function readMetrics(deps: {
  store: Store
  world: World
  startedAt: number
  databaseFile: string
}): Promise<Metric[]> {
  const { store, world } = deps
  const byState = async (table: 'goal' | 'task' | 'run') => {
    const rows = await store.db
      .selectFrom(table)
      .select(['state', (row) => row.fn.countAll<number>().as('count')])
      .groupBy('state')
      .execute()
    return Object.fromEntries(rows.map(({ state, count }) => [`state="${state}"`, Number(count)]))
  }
  const outcomes = await store.db
    .selectFrom('run')
    .select(['agent', 'outcome', (row) => row.fn.countAll<number>().as('count')])
    .where('outcome', 'is not', null)
    .groupBy(['agent', 'outcome'])
    .execute()
  const asks = await store.db
    .selectFrom('ask')
    .select((row) => row.fn.countAll<number>().as('count'))
    .where('state', '=', 'open')
    .executeTakeFirstOrThrow()
  const jobs = await store.db
    .selectFrom('job')
    .select((row) => row.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  const memory = process.memoryUsage.rss()
  const gauge = (name: string, help: string, values: Metric['values']): Metric => ({
    name,
    help,
    type: 'gauge',
    values,
  })
  return [
    gauge('claw_uptime_seconds', 'Since the daemon was started.', {
      '': (world.clock.now() - deps.startedAt) / SECOND,
    }),
    gauge('claw_resident_memory_bytes', 'Memory of the daemon.', { '': memory }),
    gauge('claw_database_bytes', 'Size of the database and its log.', {
      '': sizeOf(deps.databaseFile) + sizeOf(`${deps.databaseFile}-wal`),
    }),
    gauge('claw_goals', 'Goals by state.', await byState('goal')),
    gauge('claw_tasks', 'Tasks by state.', await byState('task')),
    gauge('claw_runs', 'Runs by state.', await byState('run')),
    gauge('claw_asks_open', 'Questions that wait for the owner.', { '': Number(asks.count) }),
    gauge('claw_jobs', 'Jobs that are due or run.', { '': Number(jobs.count) }),
    {
      name: 'claw_runs_ended_total',
      help: 'Runs that have ended, by agent and outcome.',
      type: 'counter',
      values: Object.fromEntries(
        outcomes.map((row) => [`agent=${JSON.stringify(row.agent)},outcome="${row.outcome}"`, Number(row.count)]),
      ),
    },
  ]
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
