import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pathsIn } from '../../config/paths.ts'
import { openSqliteStore } from '../../daemon/store/sqlite-store.ts'
import { claw } from './run-claw.ts'

const home = mkdtempSync(join(tmpdir(), 'claw-logs-'))
const paths = pathsIn(home)
const file = join(paths.logsDir, 'daemon.log')
const line = (msg: string, fields: object = {}, level = 'info') =>
  `${JSON.stringify({ level, time: 1, ...fields, msg })}\n`
const messages = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text).msg as string)

beforeAll(async () => {
  mkdirSync(paths.logsDir, { recursive: true })
  mkdirSync(paths.stateDir, { recursive: true })
  await openSqliteStore(paths.databaseFile)[Symbol.asyncDispose]()
  const database = new DatabaseSync(paths.databaseFile)
  database.exec('pragma foreign_keys = off')
  const fill = (table: string, row: Record<string, string | number>) => {
    const columns = database.prepare(`pragma table_info(${table})`).all() as {
      name: string
      type: string
      notnull: number
    }[]
    const whole = columns.flatMap(({ name, type, notnull }) =>
      row[name] !== undefined ? [[name, row[name]]] : notnull ? [[name, type === 'INTEGER' ? 1 : 'x']] : [],
    ) as [string, string | number][]
    const names = whole.map(([name]) => `"${name}"`).join()
    database
      .prepare(`insert into ${table} (${names}) values (${whole.map(() => '?').join()})`)
      .run(...whole.map(([, value]) => value))
  }
  fill('goal', { id: 'goal_a', number: 12 })
  fill('task', { id: 'task_a', goalId: 'goal_a', number: 3 })
  fill('run', { id: 'run_a', taskId: 'task_a', goalId: 'goal_a' })
  database.close()
  // The older half was put aside.
  writeFileSync(`${file}.1`, line('planned', { job: 'plan', key: 'goal_a' }) + line('elsewhere', { goalId: 'goal_b' }))
  writeFileSync(
    file,
    line('run started', { runId: 'run_a' }) +
      line('other run', { runId: 'run_b' }) +
      line('task late', { taskId: 'task_a' }, 'warn') +
      line('said key-0123456789 aloud', {}, 'error'),
  )
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

test.each<[string, string[], string[]]>([
  [
    'a goal, its tasks and runs, through files that were put aside',
    ['--goal', '12'],
    ['planned', 'run started', 'task late'],
  ],
  ['a task and its runs', ['--task', '12.3'], ['run started', 'task late']],
  ['a run', ['--run', 'run_b'], ['other run']],
  ['a level and above', ['--level', 'warn', '-n', '1'], ['said key-0123456789 aloud']],
  ['both', ['--goal', 'goal_a', '--level', 'warn'], ['task late']],
  [
    'nothing: the last lines, through files that were put aside',
    ['-n', '5'],
    ['elsewhere', 'run started', 'other run', 'task late', 'said key-0123456789 aloud'],
  ],
])('only what is about %s', async (_, options, expected) => {
  const { stdout, code } = await claw(['logs', ...options, '--json'], { home })
  expect(code).toBe(0)
  expect(messages(stdout)).toEqual(expected)
})

test('a goal that does not exist is said; a secret of the environment does not get out', async () => {
  expect(await claw(['logs', '--goal', '99'], { home })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no goal 99'),
  })
  const { stdout } = await claw(['logs', '-n', '1'], { home, env: { ANTHROPIC_API_KEY: 'key-0123456789' } })
  expect(stdout).toContain('said [secret] aloud')
})

test('following goes on through a file that is put aside, and loses nothing', async () => {
  const path = file
  let step = 0
  const { stdout } = await claw(['logs', '-n', '1', '-f', '--json'], {
    home,
    onOutput(said) {
      if (step === 0 && said.includes('aloud')) {
        step = 1
        appendFileSync(path, line('last of the old'))
        renameSync(path, `${path}.2`)
        writeFileSync(path, line('first of the new'))
      }
      return said.includes('first of the new') ? 'SIGINT' : undefined
    },
  })
  expect(messages(stdout).slice(1)).toEqual(['last of the old', 'first of the new'])
})
