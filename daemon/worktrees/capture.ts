import { copyFile, lstat, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../../core/fault.ts'
import { CHANGES_ARGS, readChanges } from './file-changes.ts'
import { findInChanges } from './find-in-changes.ts'
import { parts, revision, stderrOf } from './git.ts'
import type { OwnGit } from './own-git.ts'
import type { Capture, CaptureOptions, FileChange, Identity } from './worktree.ts'

/**
 * Turns what lies in a worktree into a commit.
 *
 * Believes the files and nothing else: git runs on the clone with an index of Claw's own, so an agent's
 * commits, branches, staged or hidden entries, and its `.git` file make no difference. A capture never
 * loses a file silently: what git would leave out although it is not ignored (a repository inside the
 * worktree, files in the place of a submodule) is refused with path_unsafe, naming it.
 */
/** Finds secrets, the ones that Claw knows and whatever has the shape of a key. */
export interface SecretFinder {
  finds(text: string): boolean
  /** The text without them. */
  text(text: string): string
}

export interface CaptureDeps {
  git: OwnGit
  index: string
  now(): number
  /** Work that holds a secret becomes no commit. */
  secrets?: SecretFinder | undefined
}

export async function captureWorktree(
  { git, index, now, secrets }: CaptureDeps,
  options: CaptureOptions & { author: Identity },
): Promise<Capture | undefined> {
  const { path } = options
  const base = revision(options.base)
  const parents = [base, ...(options.mergedParents ?? [])]
  return withDraftOf(index, async (draft, keep) => {
    // From the base each time, so that what was captured once and is ignored since is left out again.
    // In a merge the index holds the other side too, as `startMerge` left it.
    const place = { indexFile: draft, workTree: path, cwd: path }
    if (parents.length === 1) await git(['read-tree', '--reset', base], place)
    const tree = await treeOfFiles(git, draft, path)
    const changes = await changesBetween(git, base, tree)
    refuseEmbedded(changes, await submodulesOf(git, changes, parents), path)
    await keep()
    if (changes.length === 0 && parents.length === 1) return undefined

    if (secrets) await refuseSecrets(git, { parents, to: tree, changes, secrets })
    const said = composeMessage(options.message, options.trailers)
    const message = secrets?.text(said) ?? said
    const commit = await commitTree(git, { tree, parents, message, identity: options.author, at: now() })
    await git(['update-ref', revision(options.ref), commit])
    return { commit, tree, changes }
  })
}

/** Once it is a commit it is kept for good, and one push away from everybody. */
async function refuseSecrets(
  git: OwnGit,
  { parents, to, changes, secrets }: { parents: string[]; to: string; changes: FileChange[]; secrets: SecretFinder },
): Promise<void> {
  const paths = changes.map((change) => change.path)
  let places: string[] | undefined
  // Of a merge only what is new to all sides: what one of them brought was there before.
  for (const from of parents) {
    const found = await findInChanges(git, { from, to, paths, finds: (text) => secrets.finds(text) })
    places = places === undefined ? found : places.filter((place) => found.includes(place))
    if (places.length === 0) return
  }
  if (places === undefined) return
  const more = places.length > 5 ? ` and ${places.length - 5} more places` : ''
  throw new Fault('secret_in_work', `The work holds a secret in ${places.slice(0, 5).join(', ')}${more}`, {
    hint: 'Take the value out; where the program needs it, read it from the environment when it runs.',
    details: { places: places.slice(0, 50) },
  })
}

/** Works on a copy of an index that only takes its place when all is well: a refused capture leaves no trace in the next one. */
export async function withDraftOf<T>(
  index: string,
  work: (draft: string, keep: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const draft = `${index}.draft`
  await rm(`${draft}.lock`, { force: true })
  await rm(draft, { force: true })
  try {
    const was = await stat(index).catch(() => undefined)
    if (was) {
      await copyFile(index, draft)
      // Git doubts what it noted in the same moment as it wrote the index; a copy must not look younger.
      await utimes(draft, was.atime, was.mtime)
    }
    return await work(draft, () => rename(draft, index))
  } finally {
    await rm(draft, { force: true })
  }
}

/** The tree of everything in the worktree that git does not ignore; `index` is brought up to date with it. */
export async function treeOfFiles(git: OwnGit, index: string, path: string): Promise<string> {
  const place = { indexFile: index, workTree: path, cwd: path }
  await refuseHiddenFiles(git, index, path)
  try {
    await git(['add', '-A', '--', '.'], place)
  } catch (error) {
    // Without a commit an embedded repository cannot even be recorded.
    if (/does not have a commit checked out/.test(stderrOf(error))) {
      const others = await git(['ls-files', '--others', '--exclude-standard', '-z'], place)
      throw embedded(
        parts(others.out).filter((name) => name.endsWith('/')),
        path,
      )
    }
    throw error
  }
  return (await git(['write-tree'], place)).text
}

export async function changesBetween(git: OwnGit, from: string, to: string): Promise<FileChange[]> {
  return readChanges((await git([...CHANGES_ARGS, revision(from), revision(to)])).out)
}

export async function commitTree(
  git: OwnGit,
  options: { tree: string; parents: readonly string[]; message: string; identity: Identity; at: number },
): Promise<string> {
  const args = ['commit-tree', revision(options.tree), ...options.parents.flatMap((parent) => ['-p', revision(parent)])]
  const { text } = await git(args, {
    input: options.message.replaceAll('\0', ''),
    identity: { ...options.identity, at: options.at },
  })
  return text
}

export function composeMessage(message: string, trailers: readonly string[]): string {
  const lines = trailers.map((line) => line.replace(/\s+/g, ' ').trim())
  return `${[message.trimEnd(), lines.join('\n')].filter((part) => part !== '').join('\n\n')}\n`
}

/** Gitlinks among the changes that a side of the history already has as submodules. */
async function submodulesOf(git: OwnGit, changes: FileChange[], parents: string[]): Promise<Set<string>> {
  const links = changes.filter((change) => change.mode === '160000')
  const known = new Set<string>()
  if (links.length === 0) return known
  for (const parent of parents) {
    const paths = links.flatMap(({ path, from }) => (from ? [path, from] : [path]))
    const listed = await git(['ls-tree', '-z', revision(parent), '--', ...paths])
    for (const line of parts(listed.out)) {
      const [head = '', path = ''] = line.split('\t')
      if (head.startsWith('160000 ')) known.add(path)
    }
  }
  return known
}

function refuseEmbedded(changes: FileChange[], submodules: Set<string>, path: string): void {
  const planted = changes.filter(
    ({ mode, path: at, from }) => mode === '160000' && !submodules.has(at) && !(from && submodules.has(from)),
  )
  if (planted.length > 0)
    throw embedded(
      planted.map((change) => change.path),
      path,
    )
}

/**
 * Git records a submodule's place as one commit and never looks at files there. A worktree's submodules
 * are not set up, so files without a repository around them would be lost with the worktree.
 */
async function refuseHiddenFiles(git: OwnGit, index: string, path: string): Promise<void> {
  // Submodules are declared in this file; most repositories have none and pay one lstat.
  const declared = await lstat(join(path, '.gitmodules')).catch(() => undefined)
  if (!declared) return
  const { out } = await git(['ls-files', '-s', '-z'], { indexFile: index })
  for (const line of parts(out)) {
    if (!line.startsWith('160000 ')) continue
    const place = line.slice(line.indexOf('\t') + 1)
    const names = await readdir(join(path, place)).catch((): string[] => [])
    if (names.length > 0 && !names.includes('.git')) {
      throw new Fault(
        'path_unsafe',
        `${place} is a submodule, and there are files in its place that git cannot record`,
        {
          hint: `Move the files out of ${place}.`,
          details: { path, paths: [place] },
        },
      )
    }
  }
}

function embedded(paths: string[], path: string): Fault {
  const names = paths.map((name) => name.replace(/\/$/, ''))
  return new Fault('path_unsafe', `There is a git repository inside the worktree: ${names.slice(0, 5).join(', ')}`, {
    hint: `Remove the .git folder in it, or the whole of it, or have git ignore it.`,
    details: { path, paths: names },
  })
}
