import { access, lstat, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isFault } from '../../core/fault.ts'
import { CHANGES_ARGS, readChanges } from './file-changes.ts'
import { type Git, parts, stderrOf, TRANSFER_TIMEOUT_MS } from './git.ts'
import type { LandOrder } from './owner.ts'
import type { LandOutcome } from './worktree.ts'

export interface Checkout {
  /** The top of the work tree, or the repository itself where it is bare. */
  top: string
  /** Where objects and refs are; the same for all worktrees. */
  commonDir: string
  bare: boolean
}

/**
 * Brings a commit to a branch of a repository on this machine.
 *
 * Gathers what the owner has there, decides, and then makes one move: `merge --ff-only` where the
 * branch is checked out, else a ref update that only succeeds from the expected commit. Both lose
 * any race with the owner. Leaves nothing but the branch and its objects behind.
 */
export interface LandDeps {
  git: Git
  /** Claw's clone. */
  gitDir: string
  /** The owner's configuration. */
  config: Map<string, string>
}

/** What the owner has at the branch. */
export interface LandPicture {
  order: LandOrder
  now: string | null
  /** `now` holds the commit already. */
  contained: boolean
  /** The commit holds `now`. */
  forward: boolean
  /** Worktrees of the owner's that have the branch checked out. */
  checkouts: CheckoutState[]
  /** A worktree that is in the middle of rebasing or bisecting the branch. */
  heldBy: string | undefined
}

export interface CheckoutState {
  path: string
  /** What is going on there, in words; undefined when nothing is. */
  busy: string | undefined
  /** Changed tracked files, and untracked ones that the commit would overwrite. */
  dirty: string[]
  /** Files to be written that go through a filter program of the owner's. */
  filtered: string[]
}

export type LandMove = { do: 'answer'; outcome: LandOutcome } | { do: 'merge'; in: string } | { do: 'move-ref' }

/** Pure: from what the owner has to the one move that is safe. */
export function decideLanding({ order, now, contained, forward, checkouts, heldBy }: LandPicture): LandMove {
  const answer = (outcome: LandOutcome): LandMove => ({ do: 'answer', outcome })
  const refuse = (why: string) => answer({ outcome: 'refused', why })
  const { branch, commit, expect } = order
  const [checkout, ...others] = checkouts
  if (contained) return answer({ outcome: 'landed', how: checkout ? 'checked-out' : 'ref' })
  if (now !== expect) return answer({ outcome: 'moved', now })
  if (now !== null && !forward) {
    return refuse(`${commit.slice(0, 12)} does not contain ${branch} (${now.slice(0, 12)}), so this is no fast-forward`)
  }
  if (heldBy) return refuse(`${branch} is being rebased or bisected in ${heldBy}`)
  if (!checkout) return { do: 'move-ref' }
  if (others.length > 0) return refuse(`${branch} is checked out in ${checkouts.map(({ path }) => path).join(' and ')}`)
  if (checkout.busy) return refuse(`${checkout.busy} in ${checkout.path}`)
  if (checkout.dirty.length > 0) return answer({ outcome: 'dirty', paths: checkout.dirty })
  if (checkout.filtered.length > 0) {
    return refuse(`${checkout.filtered[0]} goes through a filter that only your own git may run`)
  }
  return { do: 'merge', in: checkout.path }
}

export async function landLocally(deps: LandDeps, owner: Checkout, order: LandOrder): Promise<LandOutcome> {
  const { git, gitDir } = deps
  const { branch, commit } = order
  const ref = `refs/heads/${branch}`
  const move = decideLanding(await gather(deps, owner, order))
  if (move.do === 'answer') return move.outcome

  // Objects only: no ref, no FETCH_HEAD, no tags, no clean-up of theirs.
  const quietly = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance', '--no-recurse-submodules']
  const from = ['--upload-pack', 'git -c safe.directory=* upload-pack', '--', gitDir, commit]
  await git(['fetch', ...quietly, ...from], { gitDir: owner.commonDir, timeoutMs: TRANSFER_TIMEOUT_MS })

  try {
    if (move.do === 'move-ref') {
      await git(['update-ref', '-m', 'claw: land', ref, commit, order.expect ?? ''], { gitDir: owner.commonDir })
      return { outcome: 'landed', how: 'ref' }
    }
    const flags = ['--ff-only', '--quiet', '--no-autostash', '--no-stat', '--no-squash', '--no-verify-signatures']
    await git(['merge', ...flags, commit], { cwd: move.in, settings: checkoutSettings(deps.config) })
    return { outcome: 'landed', how: 'checked-out' }
  } catch (error) {
    if (!isFault(error, 'git_failed')) throw error
    const now = await branchAt(git, owner.commonDir, branch)
    if (now !== order.expect && now !== commit) return { outcome: 'moved', now }
    return { outcome: 'refused', why: stderrOf(error).split('\n').slice(0, 8).join('\n').slice(0, 600) }
  }
}

async function gather(deps: LandDeps, owner: Checkout, order: LandOrder): Promise<LandPicture> {
  const { git, gitDir } = deps
  const { commonDir } = owner
  const { branch, commit } = order
  const now = await branchAt(git, commonDir, branch)
  const isIn = async (dir: string, ancestor: string, descendant: string) =>
    (await git(['merge-base', '--is-ancestor', ancestor, descendant], { gitDir: dir, answers: [1, 128] })).code === 0
  const contained = now !== null && (now === commit || (await isIn(commonDir, commit, now)))
  const forward = now === null || (now === order.expect && (await isIn(gitDir, now, commit)))

  const worktrees = await listWorktrees(deps, owner)
  const heldBy = await findHolder(worktrees, branch)
  const checkouts: CheckoutState[] = []
  for (const { path, dir } of worktrees.filter((worktree) => worktree.branch === branch)) {
    const state: CheckoutState = { path, busy: await whatGoesOn(path, dir), dirty: [], filtered: [] }
    // Nothing is looked at that an earlier answer makes pointless.
    if (!contained && forward && now === order.expect && !state.busy) {
      const writes = await filesToWrite(deps, now, commit)
      state.dirty = [...(await changedFiles(deps, path)), ...(await filesInTheWay(path, writes))]
      state.filtered = await filteredFiles(deps, commit, writes)
    }
    checkouts.push(state)
  }
  return { order, now, contained, forward, checkouts, heldBy }
}

async function branchAt(git: Git, commonDir: string, branch: string): Promise<string | null> {
  const asked = ['rev-parse', '--verify', '--quiet', `refs/heads/${branch}^{commit}`]
  const { code, text } = await git(asked, { gitDir: commonDir, answers: [1, 128] })
  return code === 0 ? text : null
}

interface OwnWorktree {
  path: string
  /** Git's folder for it. */
  dir: string
  /** What its HEAD names, born or not. */
  branch: string | undefined
}

/** The owner's main checkout and linked worktrees, from the files that git keeps about them: its own list is wrong for submodules and unborn branches. */
async function listWorktrees({ config }: LandDeps, { top, commonDir, bare }: Checkout): Promise<OwnWorktree[]> {
  const found: { path: string; dir: string }[] = []
  const linked = join(commonDir, 'worktrees')
  for (const name of await readdir(linked).catch(() => [])) {
    const dir = join(linked, name)
    const pointer = await readFile(join(dir, 'gitdir'), 'utf8').catch(() => undefined)
    if (pointer) found.push({ path: dirname(pointer.trim()), dir })
  }
  const real = await Promise.all(found.map(({ path }) => realpath(path).catch(() => path)))
  const topIsLinked = real.includes(top)
  if (!bare && !topIsLinked) found.push({ path: top, dir: commonDir })
  if (topIsLinked && config.get('core.bare') !== 'true') {
    found.push({ path: resolve(commonDir, config.get('core.worktree') ?? '..'), dir: commonDir })
  }
  return Promise.all(found.map(async (one) => ({ ...one, branch: await headOf(one.dir) })))
}

async function headOf(dir: string): Promise<string | undefined> {
  const head = await readFile(join(dir, 'HEAD'), 'utf8').catch(() => '')
  return /^ref: refs\/heads\/(.+)\n?$/.exec(head)?.[1]
}

async function findHolder(worktrees: readonly OwnWorktree[], branch: string): Promise<string | undefined> {
  for (const { path, dir } of worktrees) {
    for (const file of ['rebase-merge/head-name', 'rebase-apply/head-name', 'BISECT_START']) {
      const held = (await readFile(join(dir, file), 'utf8').catch(() => '')).trim()
      if (held === `refs/heads/${branch}` || (file === 'BISECT_START' && held === branch)) return path
    }
  }
  return undefined
}

const GOING_ON: readonly (readonly [string, string])[] = [
  ['MERGE_HEAD', 'A merge is not finished'],
  ['CHERRY_PICK_HEAD', 'A cherry-pick is not finished'],
  ['REVERT_HEAD', 'A revert is not finished'],
  ['rebase-merge', 'A rebase is not finished'],
  ['rebase-apply', 'A rebase is not finished'],
  ['index.lock', 'Another git program is at work (index.lock is there)'],
]

async function whatGoesOn(path: string, dir: string): Promise<string | undefined> {
  if (!(await exists(path))) return 'The branch is checked out, but the folder is gone (git worktree prune),'
  for (const [file, words] of GOING_ON) if (await exists(join(dir, file))) return words
  return undefined
}

/** Staged or unstaged changes of tracked files. */
async function changedFiles({ git, config }: LandDeps, path: string): Promise<string[]> {
  const asked = ['status', '--porcelain=v1', '-z', '--no-renames', '--untracked-files=no', '--ignore-submodules=dirty']
  const { out } = await git(asked, { cwd: path, settings: checkoutSettings(config) })
  return parts(out).map((line) => line.slice(3))
}

/** In the owner's checkout: line ends as they have them, so that files do not look changed, and none of their filter programs. */
function checkoutSettings(config: Map<string, string>): [string, string][] {
  const settings: [string, string][] = []
  for (const key of ['core.autocrlf', 'core.eol']) {
    const value = config.get(key)
    if (value !== undefined) settings.push([key, value])
  }
  for (const name of filterNames(config)) {
    for (const part of ['clean', 'smudge', 'process']) settings.push([`filter.${name}.${part}`, ''])
    settings.push([`filter.${name}.required`, 'false'])
  }
  return settings
}

function filterNames(config: Map<string, string>): string[] {
  const names = [...config.keys()].flatMap((key) => /^filter\.(.+)\.(?:smudge|process|clean)$/.exec(key)?.[1] ?? [])
  return [...new Set(names)]
}

interface Writes {
  added: string[]
  modified: string[]
  deleted: string[]
}

async function filesToWrite({ git, gitDir }: LandDeps, now: string | null, commit: string): Promise<Writes> {
  if (now === null) {
    const { out } = await git(['ls-tree', '-r', '-z', '--name-only', commit], { gitDir })
    return { added: parts(out), modified: [], deleted: [] }
  }
  const changes = readChanges((await git([...CHANGES_ARGS, '--no-renames', now, commit], { gitDir })).out)
  const of = (test: (kind: string) => boolean) => changes.filter(({ kind }) => test(kind)).map(({ path }) => path)
  return {
    added: of((kind) => kind === 'added'),
    modified: of((kind) => kind === 'modified' || kind === 'type-changed'),
    deleted: of((kind) => kind === 'deleted'),
  }
}

/** Files that git does not track where the commit puts one, the ignored ones too: git itself would overwrite those. */
async function filesInTheWay(top: string, { added, deleted }: Writes): Promise<string[]> {
  const goes = new Set(deleted.map((path) => path.toLowerCase()))
  const inTheWay = new Set<string>()
  const seen = new Map<string, 'nothing' | 'folder' | 'file'>()
  const look = async (path: string) => {
    const known = seen.get(path)
    if (known) return known
    const stat = await lstat(join(top, path)).catch(() => undefined)
    const found = !stat ? 'nothing' : stat.isDirectory() ? 'folder' : 'file'
    seen.set(path, found)
    return found
  }
  for (const path of added) {
    const names = path.split('/')
    for (let n = 1; n <= names.length; n++) {
      const prefix = names.slice(0, n).join('/')
      const found = await look(prefix)
      if (found === 'nothing') break
      // What the commit removes is tracked and clean; a folder in a file's place is left to git, which refuses unless it is empty.
      if (found === 'file' && !goes.has(prefix.toLowerCase())) {
        inTheWay.add(prefix)
        break
      }
    }
  }
  return [...inTheWay]
}

/** Files to be written whose attributes name a filter that the owner has configured. LFS is left out: its pointers are written as they are. */
async function filteredFiles(
  { git, gitDir, config }: LandDeps,
  commit: string,
  { added, modified }: Writes,
): Promise<string[]> {
  const theirs = new Set(filterNames(config).filter((name) => name !== 'lfs'))
  if (theirs.size === 0) return []
  // The attributes that hold after landing are those in the commit, so they are read from an index of it.
  const place = { gitDir, workTree: gitDir, cwd: gitDir, indexFile: join(gitDir, 'claw', 'landing.index') }
  await rm(place.indexFile, { force: true })
  await git(['read-tree', commit], place)
  const input = [...added, ...modified].map((path) => `${path}\0`).join('')
  const { out } = await git(['check-attr', '--cached', '-z', '--stdin', 'filter'], { ...place, input })
  const fields = parts(out)
  const filtered: string[] = []
  for (let n = 0; n + 2 < fields.length; n += 3) if (theirs.has(fields[n + 2]!)) filtered.push(fields[n]!)
  return filtered
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
