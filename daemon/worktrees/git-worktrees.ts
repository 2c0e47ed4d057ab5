import { copyFile, mkdir, readdir, realpath, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Fault, isFault } from '../../core/fault.ts'
import type { Log } from '../../core/world.ts'
import { treeOfFiles, withDraftOf } from './capture.ts'
import { parts, revision } from './git.ts'
import { isFullId } from './object-memo.ts'
import type { OwnGit } from './own-git.ts'
import type { Registry, WorktreeRecord } from './registration.ts'
import { createLocks, type Lock } from './repository-lock.ts'

/**
 * Worktrees of one clone: added, put on a commit, put in the middle of a merge, removed.
 *
 * Each step is written down before it begins, so that a crash in the middle is finished by
 * `recover`: half-made ones vanish, half-reset ones are reset, half-removed ones are removed, and ones
 * whose folder is gone are forgotten.
 * Bookkeeping happens under the repository's lock; the files of different worktrees are written side by side.
 */
export interface Worktrees {
  add(path: string, commit: string): Promise<void>
  remove(path: string, options?: { force?: boolean }): Promise<void>
  list(): Promise<{ path: string; commit: string }[]>
  reset(path: string, commit: string): Promise<void>
  startMerge(path: string, theirs: string): Promise<string[]>
  /** Runs `work` while nothing else touches this worktree, then notes the commit its files are now equal to. */
  withIndex<T>(path: string, work: (index: string) => Promise<{ result: T; on: string | undefined }>): Promise<T>
  recover(): Promise<void>
}

export interface WorktreesDeps {
  git: OwnGit
  registry: Registry
  /** The repository's lock. */
  lock: Lock
  log: Log
}

/** How far back `remove` looks for a commit that holds the same files. */
const HISTORY_MAX = 20_000

export function createWorktrees({ git, registry, lock, log }: WorktreesDeps): Worktrees {
  const locks = createLocks()

  async function get(path: string): Promise<WorktreeRecord> {
    const record = await registry.find(path)
    if (record) return record
    throw new Fault('worktree_failed', `${path} is not a worktree of this repository`)
  }

  /** Makes the files those of the record's commit, whatever they were; ignored files stay. */
  async function checkOut(record: WorktreeRecord): Promise<void> {
    const index = registry.indexOf(record.path)
    await mkdir(record.path, { recursive: true })
    const admin = await registry.mend(record)
    const place = { indexFile: index, workTree: record.path, cwd: record.path }
    await rm(`${index}.lock`, { force: true })
    await git(['read-tree', '--reset', '-u', record.commit], place)
    await copyFile(index, join(admin, 'index'))
  }

  async function erase(path: string): Promise<void> {
    // Out of the way in one step, so that nobody ever sees half a worktree under its name.
    const trash = trashOf(path)
    await rm(trash, { recursive: true, force: true })
    await rename(path, trash).catch(ifMissing)
    await rm(trash, { recursive: true, force: true, maxRetries: 3 })
    await registry.drop(path)
  }

  return {
    async add(given, commit) {
      revision(commit)
      await mkdir(dirname(given), { recursive: true })
      const path = await settled(given)
      const making: WorktreeRecord = { path, commit, state: 'making' }
      await locks(path).run(async () => {
        await lock.run(async () => {
          if ((await readdir(path).catch(ifMissing))?.length) {
            throw new Fault('worktree_failed', `${path} exists already and is not empty`)
          }
          await erase(path)
          await registry.save(making)
        })
        try {
          await checkOut(making)
          await registry.save({ ...making, state: 'ready' })
        } catch (error) {
          await lock.run(() => erase(path))
          if (isFault(error) && error.code !== 'git_failed') throw error
          throw new Fault('worktree_failed', `No worktree could be made at ${path}: ${wordsOf(error)}`, {
            cause: error,
          })
        }
      })
    },

    async remove(given, { force = false } = {}) {
      const path = await settled(given)
      await locks(path).run(async () => {
        const record = await registry.find(path)
        if (!record) {
          if ((await readdir(path).catch(ifMissing)) === undefined) return
          throw new Fault('worktree_failed', `${path} is not a worktree of this repository and was left alone`)
        }
        if (!force) await refuseUnsaved(git, record, registry.indexOf(path))
        await registry.save({ ...record, state: 'removing' })
        await lock.run(() => erase(path))
      })
    },

    async list() {
      const records = await registry.list()
      return records.filter(({ state }) => state !== 'removing').map(({ path, commit }) => ({ path, commit }))
    },

    async reset(given, commit) {
      const path = await settled(given)
      const on = isFullId(commit)
        ? commit
        : (await git(['rev-parse', '--verify', '-q', `${revision(commit)}^{commit}`])).text
      await locks(path).run(async () => {
        await get(path)
        await finishReset({ path, commit: on, state: 'resetting' })
      })
    },

    async startMerge(given, theirs) {
      const path = await settled(given)
      return locks(path).run(async () => {
        const record = await get(path)
        const index = registry.indexOf(path)
        // Back on the commit without writing a file: the merge itself refuses where a file differs from it.
        const place = { indexFile: index, workTree: path, cwd: path }
        await git(['read-tree', '--reset', record.commit], place)
        await git(['update-index', '-q', '--refresh'], { ...place, answers: [1] })
        const admin = await registry.mend(record)
        const merge = ['merge', '--no-ff', '--no-commit', '--no-stat', '--no-edit', '--quiet', revision(theirs)]
        const { code, err } = await git([`--git-dir=${admin}`, `--work-tree=${path}`, ...merge], {
          cwd: path,
          indexFile: index,
          answers: [1, 2, 128],
        })
        const unmerged = await git(['ls-files', '-u', '-z'], { indexFile: index })
        const conflicts = new Set(parts(unmerged.out).map((line) => line.slice(line.indexOf('\t') + 1)))
        if (code !== 0 && conflicts.size === 0) {
          throw new Fault('worktree_dirty', `${theirs} cannot be merged into ${path}: ${err.slice(-400)}`, {
            hint: 'Capture what is in the worktree and reset it to the commit first.',
          })
        }
        await copyFile(index, join(admin, 'index'))
        return [...conflicts]
      })
    },

    async withIndex(given, work) {
      const path = await settled(given)
      return locks(path).run(async () => {
        const record = await get(path)
        await rm(`${registry.indexOf(path)}.lock`, { force: true })
        const { result, on } = await work(registry.indexOf(path))
        if (on && on !== record.commit) await registry.save({ ...record, commit: on })
        return result
      })
    },

    async recover() {
      await registry.dropDrafts()
      for (const record of await registry.list()) {
        // A folder that was taken away (a verification's, swept at the start) is nothing to be finished.
        if ((await readdir(record.path).catch(ifMissing)) === undefined) {
          await erase(record.path)
          continue
        }
        if (record.state === 'ready') continue
        log.warn({ path: record.path, state: record.state }, 'a worktree was cut short, finishing it')
        if (record.state === 'resetting') {
          await finishReset(record).catch((error) => log.warn({ path: record.path, error }, 'a worktree is not reset'))
        } else {
          await erase(record.path)
        }
      }
    },
  }

  async function finishReset(record: WorktreeRecord): Promise<void> {
    await registry.save(record)
    await checkOut(record)
    const place = { indexFile: registry.indexOf(record.path), workTree: record.path, cwd: record.path }
    await git(['clean', '-ffdq'], place)
    await registry.save({ ...record, state: 'ready' })
  }
}

/** Throws worktree_dirty unless the files are those of a commit that Claw keeps. */
async function refuseUnsaved(git: OwnGit, record: WorktreeRecord, index: string): Promise<void> {
  const { path } = record
  if ((await readdir(path).catch(ifMissing)) === undefined) return
  const dirty = (why: string, cause?: unknown) =>
    new Fault('worktree_dirty', `${path} holds work that is not captured: ${why}`, {
      cause,
      hint: 'Capture it under refs/claw/preserved/, or remove it by force.',
    })
  let tree: string
  try {
    tree = await withDraftOf(index, (draft) => treeOfFiles(git, draft, path))
  } catch (error) {
    if (isFault(error, 'path_unsafe')) throw dirty(error.message, error)
    throw error
  }
  const changed = await git(['diff-tree', '-r', '-z', '--name-only', record.commit, tree])
  const names = parts(changed.out)
  // A repository inside is one entry in the tree; what is in it is in no commit of ours.
  const links = await git(['diff-tree', '-r', '-z', '--diff-filter=A', '--raw', record.commit, tree])
  const planted = links.out.includes(' 160000 ')
  if (names.length === 0) return
  if (!planted && (await isKept(git, tree))) return
  throw dirty(`${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`)
}

/** Whether some commit reachable from Claw's refs holds exactly this tree. The tips are looked at first: it is nearly always one of them. */
async function isKept(git: OwnGit, tree: string): Promise<boolean> {
  const tips = await git(['for-each-ref', '--format=%(tree)', 'refs/claw', 'refs/heads'])
  if (tips.text.split('\n').includes(tree)) return true
  const refs = ['--glob=refs/claw', '--branches']
  const history = await git(['log', `--max-count=${HISTORY_MAX}`, '--format=%T', ...refs])
  return history.text.split('\n').includes(tree)
}

/** With symlinks above it resolved, so that one worktree has one name. */
async function settled(path: string): Promise<string> {
  const parent = await realpath(dirname(path)).catch(() => dirname(path))
  return join(parent, basename(path))
}

function trashOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.removing`)
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined
  throw error
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
