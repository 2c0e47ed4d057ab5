/**
 * A home brought back from an archive, on this machine or another.
 *
 * The new home is put together beside its place and moved there whole: cut short at any moment, the old home
 * is as it was. A home that holds something is never overwritten: with `force` it is moved aside, which also
 * is the backup of it.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { type Manifest, RESTORED_FOLDER } from '../../config/backup-file.ts'
import { lockHome } from '../../config/home-lock.ts'
import { type Paths, pathsIn } from '../../config/paths.ts'
import { MINUTE } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import { unpack } from './unpack.ts'

export interface Restored {
  home: string
  manifest: Manifest
  /** Where the home that stood there is now; null where there was none. */
  movedTo: string | null
  goals: number
  workspaces: number
}

/** Faults: input_invalid (no such archive, not a whole one, the home holds something), home_locked. */
export async function restoreHome(
  archive: string,
  home: string,
  options: { force: boolean; now: number },
): Promise<Restored> {
  if (!existsSync(archive)) throw new Fault('input_invalid', `There is no file ${archive}`)
  const isThere = existsSync(home)
  const entries = isThere ? await readdir(home) : []
  if (entries.length > 0 && !options.force) {
    throw new Fault('input_invalid', `${home} is not empty`, {
      hint: 'Name another with --home, or give --force: then what stands there is moved aside first.',
    })
  }
  using _lock = existsSync(pathsIn(home).stateDir) ? lockHome(pathsIn(home).lockFile) : undefined
  await mkdir(dirname(home), { recursive: true })
  const making = await mkdtemp(`${home}.restoring-`)
  try {
    const manifest = await unpack(archive, making)
    await putRefsAside(pathsIn(making))
    const workspaces = await remakeWorkspaces(pathsIn(making))
    const goals = rewritePaths(pathsIn(making).databaseFile, manifest.home, home)

    let movedTo: string | null = null
    if (entries.length > 0) {
      movedTo = `${home}.replaced-${new Date(options.now).toISOString().replace(/[-:]|\.\d+/g, '')}`
      await moveHome(home, movedTo)
    } else if (isThere) await rmdir(home).catch(() => {})
    await moveHome(making, home)
    await syncFolder(dirname(home))
    return { home, manifest, movedTo, goals, workspaces }
  } finally {
    await rm(making, { recursive: true, force: true })
  }
}

/** Where a clone looks when it is made anew (daemon/worktrees/restored-refs.ts). */
async function putRefsAside(paths: Paths): Promise<void> {
  const names = await readdir(paths.repositoriesDir).catch(() => [])
  const place = join(paths.repositoriesDir, RESTORED_FOLDER)
  await mkdir(place, { recursive: true, mode: 0o700 })
  for (const name of names) await rename(join(paths.repositoriesDir, name), join(place, name))
}

/** Repositories that Claw itself made for goals without one: nobody else has them. */
async function remakeWorkspaces(paths: Paths): Promise<number> {
  const bundles = (await readdir(paths.workspacesDir).catch(() => [])).filter((name) => name.endsWith('.bundle'))
  for (const name of bundles) {
    const bundle = join(paths.workspacesDir, name)
    const folder = join(paths.workspacesDir, basename(name, '.bundle'))
    const { stdout } = await git(['ls-remote', '--symref', bundle, 'HEAD'], paths.home)
    const branch = /^ref: refs\/heads\/(\S+)\t/m.exec(stdout)?.[1] ?? 'main'
    await git(['init', '--quiet', '--template=', `--initial-branch=${branch}`, folder], paths.home)
    await git(
      ['fetch', '--quiet', '--update-head-ok', bundle, '+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'],
      folder,
    )
    await git(['reset', '--quiet', '--hard'], folder)
    await rm(bundle)
  }
  return bundles.length
}

function git(args: string[], cwd: string) {
  const env = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    LC_ALL: 'C',
  }
  return promisify(execFile)('git', args, { cwd, env, timeout: 30 * MINUTE, maxBuffer: 16 * 1024 * 1024 })
}

/** Columns that hold absolute paths. */
const PATHS = [
  ['repository', 'path'],
  ['repository', 'gitDir'],
  ['task', 'worktree'],
  ['run', 'worktree'],
  ['goal', 'reportFile'],
] as const

/** In one transaction: what lay in the old home lies in the new one now. Answers how many goals there are. */
function rewritePaths(file: string, from: string, to: string): number {
  const database = new DatabaseSync(file)
  try {
    database.exec('begin immediate')
    for (const [table, column] of from === to ? [] : PATHS) {
      const change = `update ${table} set ${column} = ? || substr(${column}, ?) where substr(${column}, 1, ?) = ?`
      database.prepare(change).run(to, from.length + 1, from.length + 1, `${from}/`)
    }
    database.exec('commit')
    return (database.prepare('select count(*) as goals from goal').get() as { goals: number }).goals
  } finally {
    database.close()
  }
}

async function moveHome(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code !== 'EBUSY' && code !== 'EXDEV' && code !== 'EACCES' && code !== 'EPERM') throw cause
    throw new Fault('input_invalid', `${from} cannot be moved to ${to} (${code}); perhaps it is a mount of its own`, {
      cause,
      hint: 'Nothing was changed. Restore into a folder within it: --home <folder>, and set CLAW_HOME.',
    })
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
