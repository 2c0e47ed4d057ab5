import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { findLoss, listSnapshots, takeSnapshotBack } from '../../../cli/restore/snapshot.ts'
import { type Paths, pathsIn } from '../../../config/paths.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'claw-migrations-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const today = new URL('../../../daemon/store/migrations/', import.meta.url)
const steps = readdirSync(today)
  .filter((name) => name.endsWith('.sql'))
  .sort()

let paths: Paths
let homes = 0
beforeEach(() => {
  paths = pathsIn(join(folder, `home-${homes++}`))
  mkdirSync(paths.stateDir, { recursive: true, mode: 0o700 })
})

/** The migrations that a Claw of some schema knows; `more` are some that nobody has written yet. */
function clawOf(schema: number, more: Record<string, string> = {}): URL {
  const dir = join(folder, `claw-${schema}-${homes}-${Object.keys(more).join()}`)
  mkdirSync(dir)
  for (const name of steps.slice(0, schema)) copyFileSync(join(fileURLToPath(today), name), join(dir, name))
  for (const [name, sql] of Object.entries(more)) writeFileSync(join(dir, name), sql)
  return pathToFileURL(`${dir}/`)
}

async function live(claw: URL, goal?: number): Promise<void> {
  await using _store = openSqliteStore(paths.databaseFile, { migrations: claw })
  if (goal !== undefined) addGoal(goal)
}

/** In columns that every version has. */
function addGoal(number: number): void {
  const database = new DatabaseSync(paths.databaseFile)
  database.exec("insert or ignore into repository (id, path, gitDir, createdAt) values ('repo_1', '/r', '/g', 1)")
  database
    .prepare(
      `insert into goal (id, number, text, branch, repositoryId, targetBranch, land, autonomy, limits, source, state, createdAt)
       values (?, ?, 'Goal', 'b', 'repo_1', 'main', 'merge', 'auto', '{}', '{}', 'open', 1)`,
    )
    .run(`goal_${number}`, number)
  database.prepare("insert into event (at, type, data) values (?, 'goal.added', '{}')").run(number)
  database.close()
}

function look(file: string): { schema: number; goals: number[] } {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const { user_version: schema } = database.prepare('pragma user_version').get() as { user_version: number }
    const goals = database.prepare('select number from goal order by number').all() as { number: number }[]
    return { schema, goals: goals.map(({ number }) => number) }
  } finally {
    database.close()
  }
}

describe.each(steps.slice(0, -1).map((name, index) => [name, index + 1] as const))('a home as of %s', (_, schema) => {
  test('is brought to today with all its goals, goes back to what it was, and forward again', async () => {
    const old = clawOf(schema)
    await live(old, 1)
    await live(today, 2)
    expect(look(paths.databaseFile)).toEqual({ schema: steps.length, goals: [1, 2] })
    await expect(live(old)).rejects.toThrow(`from a newer Claw (schema ${steps.length}, this one knows ${schema})`)

    const [snapshot, ...others] = listSnapshots(paths)
    expect(others).toEqual([])
    expect(snapshot).toMatchObject({ before: schema + 1 })
    expect(findLoss(paths, snapshot!)).toMatchObject({
      schemaThen: schema,
      schemaNow: steps.length,
      events: 1,
      goalsAdded: [{ number: 2, state: 'open' }],
    })
    const kept = takeSnapshotBack(paths, snapshot!, 1)
    expect(look(kept)).toEqual({ schema: steps.length, goals: [1, 2] })
    await live(old, 3)
    expect(look(paths.databaseFile)).toEqual({ schema, goals: [1, 3] })
    await live(today)
    expect(look(paths.databaseFile)).toEqual({ schema: steps.length, goals: [1, 3] })
  })
})

test('an update that fails at its second step changes nothing, and the snapshot of the next holds the work since', async () => {
  await live(today, 1)
  const next = (sql: string) =>
    clawOf(steps.length, { '9998-good.sql': 'create table good (x integer);', '9999.sql': '', '9999-x.sql': sql })
  await expect(live(next('create table bad ('))).rejects.toThrow('incomplete input')
  expect(look(paths.databaseFile)).toEqual({ schema: steps.length, goals: [1] })
  await live(today, 2)
  homes++
  await live(next('create table well (x integer);'))
  expect(look(paths.databaseFile)).toEqual({ schema: steps.length + 2, goals: [1, 2] })
  const [snapshot] = listSnapshots(paths)
  expect(look(snapshot!.file)).toEqual({ schema: steps.length, goals: [1, 2] })
})

test('a copy that was cut short is not taken for a snapshot, and a whole one takes its place', async () => {
  await live(clawOf(1), 1)
  const draft = `${paths.databaseFile}.before-2.new`
  writeFileSync(draft, 'half a database')
  expect(listSnapshots(paths)).toEqual([])
  await live(today)
  expect(look(listSnapshots(paths)[0]!.file)).toEqual({ schema: 1, goals: [1] })
  expect(existsSync(draft)).toBe(false)
})

test('the newest three snapshots are kept', async () => {
  for (let schema = 1; schema <= steps.length; schema++) await live(clawOf(schema), schema)
  const last = steps.length
  expect(listSnapshots(paths).map(({ before }) => before)).toEqual([last, last - 1, last - 2])
  expect(readdirSync(dirname(paths.databaseFile)).filter((name) => name.includes('.before-'))).toHaveLength(3)
})
