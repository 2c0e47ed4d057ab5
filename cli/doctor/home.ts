/** The home of this Claw: whose it is, who can read it, what the last daemon left, and whether the database is whole. */

import { chmodSync, existsSync, lstatSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { findDaemonFile } from '../../config/daemon-file.ts'
import type { Paths } from '../../config/paths.ts'
import { isFault } from '../../core/fault.ts'
import { isAlive } from '../daemon.ts'
import { type Diagnosis, fail, ok, warn } from './check.ts'

export function checkHome({ home }: Paths): Diagnosis {
  if (!existsSync(home)) return ok('home', `${home}, made at the first start`)
  const { mode, uid } = statSync(home)
  if (process.getuid && uid !== process.getuid()) {
    return fail('home', `${home} belongs to another user`, 'chown it, or set CLAW_HOME.')
  }
  if ((mode & 0o077) === 0) return ok('home', home)
  return fail('home', `${home} is open to other users`, `chmod 700 ${home}`, () => chmodSync(home, 0o700))
}

/** Files that hold what nobody else may read. Worktrees and clones are inside a home that is closed anyway. */
export function checkPermissions(paths: Paths): Diagnosis {
  const wrong = [...openTo(paths)]
  if (wrong.length === 0) return ok('files', 'readable by you only')
  const shown = wrong.slice(0, 3).map(({ path }) => path)
  const words = `Open to other users: ${shown.join(', ')}`
  return fail('files', words, 'claw doctor --fix closes them.', () => {
    for (const { path, mode } of wrong) chmodSync(path, mode & 0o700)
  })
}

function* openTo(paths: Paths): Generator<{ path: string; mode: number }> {
  const singles = [paths.configFile, paths.daemonFile, join(paths.home, 'secrets.json')]
  const folders = [paths.stateDir, paths.notesDir, paths.reportsDir, paths.backupsDir, paths.logsDir]
  for (const path of singles) yield* openOne(path)
  for (const folder of folders) {
    yield* openOne(folder)
    if (!existsSync(folder)) continue
    for (const name of readdirSync(folder, { recursive: true }) as string[]) yield* openOne(join(folder, name))
  }
}

function* openOne(path: string): Generator<{ path: string; mode: number }> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found && !found.isSymbolicLink() && (found.mode & 0o077) !== 0) yield { path, mode: found.mode }
}

export async function checkConfig({ configFile }: Paths, env: NodeJS.ProcessEnv): Promise<Diagnosis> {
  const { loadConfig } = await import('../../config/load.ts')
  try {
    loadConfig(configFile, env)
    return ok('config', existsSync(configFile) ? configFile : 'defaults (no config.yaml)')
  } catch (error) {
    if (!isFault(error)) throw error
    return fail('config', error.message, error.hint ?? 'See docs/CONFIG.md.')
  }
}

/** A daemon that was killed leaves its address behind; it is in nobody's way, but misleads. */
export function checkDaemonFile({ daemonFile }: Paths): Diagnosis {
  if (!existsSync(daemonFile)) return ok('daemon.json', 'none')
  const file = findDaemonFile(daemonFile)
  if (file && isAlive(file.pid)) return ok('daemon.json', `process ${file.pid}, port ${file.port}`)
  const words = file ? `left by process ${file.pid}, which has ended` : 'cannot be understood'
  return warn('daemon.json', words, 'claw doctor --fix removes it.', () => rmSync(daemonFile, { force: true }))
}

/** Only a port that the owner chose can be taken by somebody else. */
export async function checkPort(port: number, isOurs: boolean): Promise<Diagnosis> {
  if (port === 0) return ok('port', 'a free one is taken at each start')
  if (isOurs || (await isFree(port))) return ok('port', String(port))
  return fail('port', `${port} is taken by another program`, 'Set http.port to another number, or to 0.')
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** Reads every page; also while the daemon works. */
export async function checkDatabase({ databaseFile }: Paths): Promise<Diagnosis> {
  if (!existsSync(databaseFile)) return ok('database', 'none yet')
  const mend = `Stop the daemon, move ${databaseFile} aside and bring a backup back: claw restore <file>`
  try {
    return await lookInto(databaseFile, (database) => {
      const answers = database.prepare('pragma integrity_check(5)').all() as { integrity_check: string }[]
      const words = answers.map((row) => row.integrity_check).join('; ')
      if (words !== 'ok') return fail('database', `damaged: ${words.slice(0, 300)}`, mend)
      const { user_version: schema } = database.prepare('pragma user_version').get() as { user_version: number }
      return ok('database', `whole (schema ${schema})`)
    })
  } catch (error) {
    return fail('database', `cannot be read: ${(error as Error).message}`, mend)
  }
}

/** The latest moment in the events; undefined where there is none. */
export async function newestMoment({ databaseFile }: Paths): Promise<number | undefined> {
  if (!existsSync(databaseFile)) return undefined
  const newest = (database: DatabaseSync) =>
    database.prepare('select max(at) as at from event').get() as { at: number | null }
  return (await lookInto(databaseFile, newest).catch(() => undefined))?.at ?? undefined
}

async function lookInto<T>(file: string, look: (database: DatabaseSync) => T): Promise<T> {
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 })
  try {
    return look(database)
  } finally {
    database.close()
  }
}
