/**
 * The database as it was before a migration, beside it: `claw.db.before-<n>`. `claw restore --snapshot` puts it back.
 *
 * Under its name stands a whole copy or none: it is written under another one and synced before it is renamed. One
 * that an update left which failed is of no use to anybody and is replaced, since work went on after it.
 */
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'

/** Each is as large as the database. */
const SNAPSHOTS_KEPT = 3

export function keepSnapshot(database: DatabaseSync, file: string, before: number): void {
  const snapshot = `${file}.before-${before}`
  const draft = `${snapshot}.new`
  rmSync(draft, { force: true })
  database.prepare('vacuum into ?').run(draft)
  // SQLite does not sync what it vacuums into.
  sync(draft, 'r+')
  renameSync(draft, snapshot)
  // Windows opens no folders.
  if (process.platform !== 'win32') sync(dirname(file), 'r')
  const name = `${basename(file)}.before-`
  const numbers = readdirSync(dirname(file))
    .filter((other) => other.startsWith(name) && /^\d+$/.test(other.slice(name.length)))
    .map((other) => Number(other.slice(name.length)))
    .sort((a, b) => b - a)
  for (const old of numbers.slice(SNAPSHOTS_KEPT)) rmSync(join(dirname(file), `${name}${old}`), { force: true })
}

function sync(path: string, flags: 'r' | 'r+'): void {
  const handle = openSync(path, flags)
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
