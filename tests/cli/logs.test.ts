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
  fill('run', { id: 'run_a', taskId: 'task_a', goalId: 'goal_a', attempt: 1 })
  fill('run', { id: 'run_c', taskId: 'task_a', goalId: 'goal_a', attempt: 2 })
  fill('goal', { id: 'goal_b', number: 13 })
  fill('task', { id: 'task_b', goalId: 'goal_b', number: 1 })
  fill('run', { id: 'run_b', taskId: 'task_b', goalId: 'goal_b', attempt: 1 })
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
  ['a run by its task and attempt', ['--run', '12.3.1'], ['run started']],
  ['a run within its goal', ['--goal', '#12', '--task', '12.3', '--run', 'run_a'], ['run started']],
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

test.each([
  ['goal', ['--goal', '99'], 'There is no goal 99'],
  ['goal named by a word', ['--goal', 'x'], 'There is no goal x'],
  ['task', ['--task', '12.4'], 'There is no task 12.4'],
  ['run', ['--run', 'run_z'], 'There is no run run_z'],
  ['run of that attempt', ['--run', '12.3.9'], 'There is no run 12.3.9'],
  ['run in that goal', ['--goal', '12', '--run', 'run_b'], 'goal 12 and run run_b: one does not belong to the other'],
])('a %s that there is not is said, and nothing is shown', async (_, options, words) => {
  const said = await claw(['logs', ...options], { home })
  expect(said).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(words) })
})

test('a run that said nothing yet is told apart from one that there is not', async () => {
  const said = await claw(['logs', '--run', '12.3.2'], { home })
  expect(said).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('Nothing in the log fits') })
})

test('a secret of the environment does not get out', async () => {
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

test('following one goal shows what is said of it from now on, and nothing else', async () => {
  let step = 0
  const { stdout } = await claw(['logs', '-n', '1', '-f', '--goal', '12', '--level', 'warn', '--json'], {
    home,
    onOutput(said) {
      if (step === 0 && said.includes('task late')) {
        step = 1
        appendFileSync(
          file,
          line('of another', { goalId: 'goal_b' }, 'warn') +
            line('too small', { runId: 'run_a' }) +
            line('of ours', { runId: 'run_c' }, 'error'),
        )
      }
      return said.includes('of ours') ? 'SIGINT' : undefined
    },
  })
  expect(messages(stdout)).toEqual(['task late', 'of ours'])
})
