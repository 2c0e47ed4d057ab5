import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { lockHome } from '../../config/home-lock.ts'
import { pathsIn } from '../../config/paths.ts'
import { openSqliteStore } from '../../daemon/store/sqlite-store.ts'
import { claw } from './run-claw.ts'

const folder = mkdtempSync(join(tmpdir(), 'claw-snapshot-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Claw of today, and one of tomorrow that knows one migration more. */
const today = new URL('../../daemon/store/migrations/', import.meta.url)
const steps = readdirSync(today).length
const tomorrow = pathToFileURL(`${join(folder, 'migrations')}/`)
cpSync(today, tomorrow, { recursive: true })
writeFileSync(new URL('9999-tomorrow.sql', tomorrow), 'create table tomorrow (x integer) strict;')

async function addGoal(file: string, migrations: URL, number: number, state: string): Promise<void> {
  await using store = openSqliteStore(file, { migrations })
  const goal = [
    `goal_${number}`,
    number,
    `Goal ${number}`,
    'b',
    'repo_1',
    'main',
    'merge',
    'auto',
    '{}',
    '{}',
    state,
    1,
  ]
  const database = new DatabaseSync(file)
  database.exec("insert or ignore into repository values ('repo_1', '/r', null, '/g', 1)")
  database
    .prepare(
      `insert into goal (id, number, text, branch, repositoryId, targetBranch, land, autonomy, limits, source, state, createdAt)
       values (${goal.map(() => '?').join()})`,
    )
    .run(...goal)
  database.prepare("insert into event (at, type, data) values (?, 'goal.added', '{}')").run(number * 1000)
  database.close()
  expect(await store.db.selectFrom('goal').select('id').execute()).not.toEqual([])
}

test('going back a version says what would be lost, does it only when told to, and keeps what was', async () => {
  const paths = pathsIn(join(folder, 'home'))
  mkdirSync(paths.stateDir, { recursive: true, mode: 0o700 })
  await addGoal(paths.databaseFile, today, 1, 'open')
  await addGoal(paths.databaseFile, tomorrow, 2, 'open')
  const database = new DatabaseSync(paths.databaseFile)
  database.exec("update goal set state = 'met' where number = 1")
  database.exec(`insert into landing (id, goalId, state, branch, onto, "commit", merged, createdAt)
    values ('landing_1', 'goal_1', 'landed', 'main', 'a', 'b', 'c0ffee', 1)`)
  database.close()
  expect(() => openSqliteStore(paths.databaseFile, { migrations: today })).toThrow(
    `from a newer Claw (schema ${steps + 1}`,
  )

  const asked = await claw(['restore', '--snapshot'], { home: paths.home })
  expect(asked.code).toBe(1)
  expect(asked.stdout).toContain(`The snapshot has schema ${steps} (now ${steps + 1})`)
  expect(asked.stdout).toContain('#2 Goal 2: added, open')
  expect(asked.stdout).toContain('#1 Goal 1: met, would be open again')
  expect(asked.stdout).toContain('landed for #1: c0ffee on main')
  expect(asked.stderr).toContain('Nothing was changed')

  {
    using _held = lockHome(paths.lockFile)
    const held = await claw(['restore', '--snapshot', '--yes'], { home: paths.home })
    expect(held.code).toBe(1)
    expect(held.stderr).toContain('another Claw daemon is running')
  }
  const done = await claw(['restore', '--snapshot', '--yes', '--json'], { home: paths.home })
  expect(done).toMatchObject({ code: 0, stderr: '' })
  const { kept } = JSON.parse(done.stdout) as { kept: string }

  const goals = async (file: string, migrations: URL) => {
    await using store = openSqliteStore(file, { migrations })
    return (await store.db.selectFrom('goal').select(['number', 'state']).execute()).map(({ number, state }) => [
      number,
      state,
    ])
  }
  expect(await goals(paths.databaseFile, today)).toEqual([[1, 'open']])
  expect(await goals(kept, tomorrow)).toEqual([
    [1, 'met'],
    [2, 'open'],
  ])
  // The next update takes a snapshot of its own.
  expect(existsSync(`${paths.databaseFile}.before-${steps + 1}`)).toBe(false)
  expect(await goals(paths.databaseFile, tomorrow)).toEqual([[1, 'open']])
  expect(existsSync(`${paths.databaseFile}.before-${steps + 1}`)).toBe(true)
})

test('without a snapshot, and with a number that is not there, it says which there are', async () => {
  const paths = pathsIn(join(folder, 'bare'))
  mkdirSync(paths.stateDir, { recursive: true, mode: 0o700 })
  const none = await claw(['restore', '--snapshot'], { home: paths.home })
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('there is none yet') })
  writeFileSync(`${paths.databaseFile}.before-3`, '')
  const other = await claw(['restore', '--snapshot', '7'], { home: paths.home })
  expect(other.stderr).toContain('No snapshot from before 7: there are: 3')
})
