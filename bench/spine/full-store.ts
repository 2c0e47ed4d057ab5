import { DatabaseSync } from 'node:sqlite'
import { addGoal, type BenchRoom, finished, planOf, writes } from './room.ts'

export const GOALS = 10_000

/** Rows that belong to a goal, parents first. */
const TABLES = ['goal', 'plan', 'task', 'run', 'proof', 'landing', 'event'] as const

/**
 * Ten thousand goals as two years of use leave them: one is really done, the others are copies of its rows under
 * other ids. Every hundredth is not over but paused, with a question to the owner.
 */
export async function fillStore(room: BenchRoom): Promise<void> {
  const daemon = await room.start()
  const repository = room.repository({ 'README.md': '# Many goals\n' }, 'many')
  await finished(daemon, await addGoal(daemon, repository, planOf(['a', 'b'], writes)))
  await daemon.stop()

  using database = new DatabaseSync(room.paths.databaseFile)
  database.exec('pragma foreign_keys = on; begin')
  for (const table of TABLES) {
    const columns = (database.prepare(`pragma table_info(${table})`).all() as { name: string }[])
      .map(({ name }) => name)
      .filter((name) => !(table === 'event' && name === 'id'))
    const copied = columns.map((name) => copyOf(table, name))
    const quoted = columns.map((name) => `"${name}"`).join(', ')
    const first = table === 'goal' ? 'one.number = 1' : `one.goalId = (select id from goal where number = 1)`
    database.exec(`
      with recursive counter (n) as (values (2) union all select n + 1 from counter where n < ${GOALS})
      insert into ${table} (${quoted}) select ${copied.join(', ')} from counter, ${table} as one where ${first}`)
  }
  database.exec(`
    update goal set state = 'paused', endedAt = null, outcome = null where number % 100 = 0;
    insert into ask (id, number, kind, goalId, question, detail, choices, freeText, state, createdAt)
      select 'ask_' || number, number, 'limit', id, 'Go on?', '', '[{"id":"yes","label":"Yes"}]', 0, 'open', createdAt
      from goal where state = 'paused';
    commit`)
}

/** The last digits of an id become the goal's number; what is only unique per goal stays. */
function copyOf(table: string, column: string): string {
  const name = `one."${column}"`
  if (table === 'goal' && column === 'number') return 'n'
  if (table === 'goal' && column === 'branch') return `${name} || '-' || n`
  if (column === 'idempotencyKey') return 'null'
  const isId = column === 'id' || (/Id$/.test(column) && column !== 'repositoryId' && column !== 'sessionId')
  return isId ? `substr(${name}, 1, length(${name}) - 6) || printf('%06d', n)` : name
}
