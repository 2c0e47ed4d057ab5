/**
 * One consistent archive of a home, made while the daemon works.
 *
 * The database comes first, as one snapshot; then the files and commits that its rows name, which were
 * written before the rows were. So an archive may hold more than its database speaks of, never less.
 * It is put together in a folder of its own and shows under its name only when it is whole and on the disk.
 */
import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, link, lstat, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import {
  type BackupMade,
  backupName,
  CARRIED_FOLDERS,
  DATABASE,
  MANIFEST,
  type Manifest,
  SECRET_PLACES,
} from '../../config/backup-file.ts'
import type { Paths } from '../../config/paths.ts'
import { HOUR } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { Store } from '../store/store.ts'
import { syncFolder } from '../worktrees/durable-file.ts'
import type { Git } from '../worktrees/git.ts'
import { bundleClone, bundleWorkspace } from './bundle-clone.ts'

export interface BackupRequest {
  /** Absolute; nothing may be there yet. Without it, a name by the time in the home's `backups` folder. */
  file?: string
  withSecrets?: boolean
}

export interface MakeBackupDeps {
  store: Store
  git: Git
  world: World
  paths: Paths
  version: string
  /** The program that writes the archive: GNU's or BSD's. */
  tar?: string
}

export type MakeBackup = (request?: BackupRequest) => Promise<BackupMade>

const MAKING = '.making-'

/** One at a time; the next waits. Faults: input_invalid (the file is there already), disk_full, command_failed. */
export function createMakeBackup(deps: MakeBackupDeps): MakeBackup {
  let last: Promise<unknown> = Promise.resolve()
  return (request = {}) => {
    const made = last.then(() => makeBackup(deps, request))
    last = made.catch(() => {})
    return made
  }
}

async function makeBackup(deps: MakeBackupDeps, { file, withSecrets = false }: BackupRequest): Promise<BackupMade> {
  const { store, world, paths } = deps
  const madeAt = world.clock.now()
  const target = file ?? join(paths.backupsDir, backupName(madeAt))
  if (await lstat(target).catch(() => undefined)) {
    throw new Fault('input_invalid', `${target} is there already`, { hint: 'Name another file; none is overwritten.' })
  }
  await mkdir(paths.backupsDir, { recursive: true, mode: 0o700 })
  await dropHalfMade(paths.backupsDir)
  const folder = join(paths.backupsDir, `${MAKING}${randomUUID()}`)
  await mkdir(join(folder, dirname(DATABASE)), { recursive: true, mode: 0o700 })
  const draft = `${target}.${randomUUID().slice(0, 8)}.part`
  try {
    const database = join(folder, DATABASE)
    await store.snapshot(database)
    const { schema, lastEvent } = lookInto(database)
    await carry(paths.home, 'config.yaml', folder)
    for (const name of CARRIED_FOLDERS) await carry(paths.home, name, folder)
    if (withSecrets) for (const name of SECRET_PLACES) await carry(paths.home, name, folder)
    const { repositories, trouble } = await carryRepositories(deps, folder)

    const files = await describe(folder)
    const manifest: Manifest = {
      claw: 'backup',
      format: 1,
      version: deps.version,
      schema,
      madeAt,
      home: paths.home,
      secrets: withSecrets,
      lastEvent,
      files,
    }
    await writeFile(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`, { mode: 0o600 })
    await pack(deps.tar ?? 'tar', folder, draft, target)
    const { size } = await lstat(target)
    world.log.info({ file: target, bytes: size, files: files.length }, 'backup made')
    return { file: target, bytes: size, madeAt, files: files.length, repositories, secrets: withSecrets, trouble }
  } catch (error) {
    throw asFault(error, target)
  } finally {
    await rm(draft, { force: true })
    await rm(folder, { recursive: true, force: true })
  }
}

/** What a life before was cut off in. */
async function dropHalfMade(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name.startsWith(MAKING) || /\.part$/.test(name)) await rm(join(dir, name), { recursive: true, force: true })
  }
}

function lookInto(file: string): { schema: number; lastEvent: number } {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const { user_version: schema } = database.prepare('pragma user_version').get() as { user_version: number }
    const { id } = database.prepare('select coalesce(max(id), 0) as id from event').get() as { id: number }
    return { schema, lastEvent: id }
  } finally {
    database.close()
  }
}

/** Copies plain files, however deep; a link is not followed and a file that has gone meanwhile is no failure. */
async function carry(home: string, name: string, folder: string): Promise<void> {
  const from = join(home, name)
  const found = await lstat(from).catch(() => undefined)
  if (found?.isDirectory()) {
    await mkdir(join(folder, name), { recursive: true, mode: 0o700 })
    for (const inner of await readdir(from)) await carry(home, join(name, inner), folder)
  } else if (found?.isFile()) {
    await copyFile(from, join(folder, name)).catch((error) => {
      if (error.code !== 'ENOENT') throw error
    })
  }
}

async function carryRepositories({ store, git, world, paths }: MakeBackupDeps, folder: string) {
  const rows = await store.db.selectFrom('repository').selectAll().execute()
  const trouble: string[] = []
  let repositories = 0
  await mkdir(join(folder, 'repositories'), { mode: 0o700 })
  await mkdir(join(folder, 'workspaces'), { mode: 0o700 })
  for (const row of rows) {
    const name = basename(row.gitDir)
    const words = row.path ?? row.url ?? name
    try {
      if (row.path?.startsWith(`${paths.workspacesDir}/`)) {
        await bundleWorkspace(git, row.path, join(folder, 'workspaces', `${basename(row.path)}.bundle`))
      }
      const carried = await bundleClone(
        { git, log: world.log },
        row.gitDir,
        join(folder, 'repositories', `${name}.bundle`),
      )
      await writeFile(join(folder, 'repositories', `${name}.json`), JSON.stringify(carried), { mode: 0o600 })
      if (carried.bundle) repositories++
    } catch (error) {
      // The rest is worth having; what is missing is said where the backup is.
      world.log.error({ err: error, repository: words }, 'the work in a clone is not in the backup')
      trouble.push(`the work in Claw's clone of ${words}: ${(error as Error).message}`)
    }
  }
  return { repositories, trouble }
}

async function describe(folder: string): Promise<Manifest['files']> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files: Manifest['files'] = []
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const hash = createHash('sha256')
    await pipeline(createReadStream(path), hash)
    const { size } = await lstat(path)
    files.push({ path: relative(folder, path).replaceAll('\\', '/'), bytes: size, sha256: hash.digest('hex') })
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** The manifest first, so that a reader may look at it without reading all. */
async function pack(tar: string, folder: string, draft: string, target: string): Promise<void> {
  const parts = (await readdir(folder)).filter((name) => name !== MANIFEST).sort()
  await promisify(execFile)(tar, ['-czf', draft, '-C', folder, MANIFEST, ...parts], {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
    timeout: HOUR,
    maxBuffer: 1024 * 1024,
  })
  const handle = await open(draft, 'r+')
  try {
    await handle.chmod(0o600)
    await handle.sync()
  } finally {
    await handle.close()
  }
  // `link` fails where the name has been taken meanwhile; a rename would not. Some file systems have no links.
  await link(draft, target).catch(async (error) => {
    if (error.code === 'EEXIST') throw error
    await rename(draft, target)
  })
  await syncFolder(dirname(target))
}

function asFault(error: unknown, target: string): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (error instanceof Fault) return error
  if (code === 'ENOSPC') return new Fault('disk_full', `no room for the backup ${target}`, { cause: error })
  const words = (error as { stderr?: string }).stderr || (error as Error).message
  return new Fault('command_failed', `the backup ${target} could not be made: ${words.slice(0, 500)}`, { cause: error })
}
