import { readdirSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import { Fault } from '../../core/fault.ts'
import type { Redactor } from '../../core/redact.ts'
import { keepSnapshot } from './keep-snapshot.ts'
import { nodeSqliteDialect } from './sqlite-dialect.ts'
import type { Store } from './store.ts'
import type { Tables } from './tables.ts'

/** Older ones can corrupt a write-ahead log when it is reset (sqlite.org, release 3.51.3). */
const SQLITE_MIN = [3, 51, 3] as const

const BUSY_MS = 5_000

const MIGRATIONS = new URL('./migrations/', import.meta.url)

/**
 * One file, write-ahead log, every commit synced. Migrations run on opening, after a snapshot of a database that
 * already holds something, and all in one transaction: it is brought to the present or left as it was, so that
 * the Claw that the snapshot belongs to is always the one before.
 *
 * No row takes in what the redactor knows as a secret, so whatever is told from rows tells none.
 *
 * @param file `:memory:` in quick tests
 * @throws store_broken where the file is no database, or is of a newer Claw
 */
export function openSqliteStore(
  file: string,
  { migrations = MIGRATIONS, redactor }: { migrations?: URL; redactor?: Redactor } = {},
): Store {
  let database: DatabaseSync | undefined
  try {
    // Somebody who looks into the file (a backup, sqlite3) may hold it for a moment, also right at the start.
    database = new DatabaseSync(file, { timeout: BUSY_MS })
    assertVersion(database)
    database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on')
    migrate(database, file, migrations)
  } catch (error) {
    // Held open it would keep its log beside it, and keep `claw restore` from putting another in its place.
    database?.close()
    if (error instanceof Fault) throw error
    throw asFault(error, file)
  }
  const opened = database
  const db = new Kysely<Tables>({ dialect: nodeSqliteDialect(opened, redactor) })
  const listeners = new Set<() => void>()
  return {
    db,
    async transaction(work) {
      let result: Awaited<ReturnType<typeof work>>
      try {
        result = await db.transaction().execute(work)
      } catch (error) {
        throw isSqliteError(error) ? asFault(error, file) : error
      }
      for (const listener of listeners) listener()
      return result
    },
    onCommit(listener) {
      listeners.add(listener)
      return { [Symbol.dispose]: () => listeners.delete(listener) }
    },
    async snapshot(target) {
      opened.prepare('vacuum into ?').run(target)
    },
    async [Symbol.asyncDispose]() {
      listeners.clear()
      await db.destroy()
      // Kysely closes only what was asked something.
      if (opened.isOpen) opened.close()
    },
  }
}

function assertVersion(database: DatabaseSync): void {
  const { version } = database.prepare('select sqlite_version() as version').get() as { version: string }
  const parts = version.split('.').map(Number)
  for (let i = 0; i < SQLITE_MIN.length; i++) {
    const have = parts[i] ?? 0
    if (have > SQLITE_MIN[i]!) return
    if (have < SQLITE_MIN[i]!) {
      throw new Fault(
        'node_too_old',
        `SQLite ${version} in Node ${process.version} can corrupt its log; 3.51.3 is needed`,
        {
          hint: 'Use Node 24.21 or later (npm install brings one).',
        },
      )
    }
  }
}

function migrate(database: DatabaseSync, file: string, migrations: URL): void {
  const steps = readdirSync(migrations)
    .filter((name) => /^\d{4}-.*\.sql$/.test(name))
    .sort()
  const { user_version: done } = database.prepare('pragma user_version').get() as { user_version: number }
  if (done > steps.length) {
    throw new Fault('store_broken', `${file} is from a newer Claw (schema ${done}, this one knows ${steps.length})`, {
      hint: 'Update Claw, or restore the snapshot from before the update.',
    })
  }
  if (done === steps.length) return
  if (done > 0 && file !== ':memory:') keepSnapshot(database, file, done + 1)
  database.exec('begin immediate')
  try {
    for (const name of steps.slice(done)) database.exec(readFileSync(new URL(name, migrations), 'utf8'))
    database.exec(`pragma user_version = ${steps.length}`)
    database.exec('commit')
  } catch (error) {
    database.exec('rollback')
    throw error
  }
}

function isSqliteError(error: unknown): error is Error & { errcode: number } {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR'
}

/** SQLite's primary result codes: https://sqlite.org/rescode.html */
const SQLITE_FULL = 13
const SQLITE_CONSTRAINT = 19
const BROKEN = new Set([10, 11, 14, 26])

function asFault(error: unknown, file: string): unknown {
  if (!isSqliteError(error)) return new Fault('store_broken', `cannot open ${file}: ${String(error)}`, { cause: error })
  const primary = error.errcode & 0xff
  if (primary === SQLITE_FULL) {
    return new Fault('disk_full', `no room on the disk of ${file}; nothing was written`, {
      cause: error,
      hint: 'Free some disk space.',
    })
  }
  // A broken constraint is a bug of ours and stays loud.
  if (primary === SQLITE_CONSTRAINT) return error
  if (BROKEN.has(primary)) {
    return new Fault('store_broken', `the database ${file} cannot be used: ${error.message}`, {
      cause: error,
      hint: 'Restore a snapshot from beside it, or look at the disk.',
    })
  }
  return error
}
