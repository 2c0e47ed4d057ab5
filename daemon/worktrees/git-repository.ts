import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault, isFault, nearest } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import { captureWorktree, changesBetween, commitTree, type SecretFinder } from './capture.ts'
import { type Git, parts, revision, stderrOf, TRANSFER_TIMEOUT_MS } from './git.ts'
import { createWorktrees } from './git-worktrees.ts'
import { createObjectMemo, isFullId } from './object-memo.ts'
import { createOwnGit } from './own-git.ts'
import type { Owner } from './owner.ts'
import { createRegistry } from './registration.ts'
import type { Lock } from './repository-lock.ts'
import { unreachable } from './url-owner.ts'
import type { Identity, Repository } from './worktree.ts'

const HEADS = 'refs/claw/owner/heads/'
/** The empty commit that stands in for a branch of the owner's that is not born yet. */
const ROOT = 'refs/claw/root'
const READ_BYTES_MAX = 1024 * 1024
const DIFF_BYTES_MAX = 1024 * 1024
const ANSWERS_MAX = 50

export interface RepositoryDeps {
  world: World
  git: Git
  gitDir: string
  /** The clone's configuration as Claw wrote it. */
  config: string
  owner: Owner
  lock: Lock
  /** Nothing that holds a secret becomes a commit, and no commit's message keeps one. */
  secrets?: SecretFinder | undefined
}

/** Claw's clone as a Repository. The clone is there and whole; see clone.ts. */
export async function createRepository(deps: RepositoryDeps): Promise<Repository & { recover(): Promise<void> }> {
  const { world, gitDir, owner, lock } = deps
  const git = createOwnGit(deps.git, gitDir, deps.config, world.log)
  const registry = await createRegistry(gitDir)
  const worktrees = createWorktrees({ git, registry, lock, log: world.log })
  const memo = createObjectMemo(ANSWERS_MAX)
  let identityRead: Promise<Identity> | undefined

  async function find(ref: string): Promise<string | undefined> {
    const asked = ['rev-parse', '--verify', '--quiet', `${revision(ref)}^{commit}`]
    const { code, text } = await git(asked, { answers: [1, 128] })
    return code === 0 ? text : undefined
  }

  async function getCommit(ref: string): Promise<string> {
    const commit = await find(ref)
    if (commit) return commit
    throw new Fault('git_failed', `There is no commit ${ref} in ${gitDir}`)
  }

  async function ownerBranches(): Promise<string[]> {
    const { text } = await git(['for-each-ref', '--format=%(refname:lstrip=4)', HEADS])
    return text === '' ? [] : text.split('\n')
  }

  function identity(): Promise<Identity> {
    identityRead ??= owner.identity().catch((error) => {
      identityRead = undefined
      throw error
    })
    return identityRead
  }

  async function fetchRefs(refspecs: readonly string[]): Promise<void> {
    const quietly = ['--quiet', '--prune', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance']
    const args = ['fetch', ...quietly, '--no-recurse-submodules', '--update-shallow', ...owner.fetchArgs]
    await git([...args, '--', owner.from, ...refspecs], { asOwner: owner.asOwner, timeoutMs: TRANSFER_TIMEOUT_MS })
  }

  async function readFileAt(commit: string, path: string, bytesMax: number): Promise<string | undefined> {
    const { out } = await git(['cat-file', '--batch', '-z'], {
      input: `${revision(commit)}:${path.replaceAll('\0', '')}\0`,
      outputMax: bytesMax + 200,
      cut: true,
    })
    const end = out.indexOf(10)
    const size = / blob (\d+)$/.exec(out.subarray(0, end).toString('utf8'))?.[1]
    if (size === undefined) return undefined
    if (Number(size) > bytesMax) {
      throw new Fault('input_invalid', `${path} is ${size} bytes long; at most ${bytesMax} are read`)
    }
    return asText(out.subarray(end + 1, end + 1 + Number(size)), path)
  }

  /** An unborn branch gets a commit to start from: work on a repository without commits is work like any other. */
  async function ensureRoot(): Promise<void> {
    if (await find(ROOT)) return
    const { text: tree } = await git(['mktree'], { input: '' })
    const message = 'Start\n'
    const root = await commitTree(git, {
      tree,
      parents: [],
      message,
      identity: await identity(),
      at: world.clock.now(),
    })
    await git(['update-ref', ROOT, root])
  }

  return {
    gitDir,
    fetch: () =>
      lock.run(async () => {
        identityRead = undefined
        const refspecs = [`+refs/heads/*:${HEADS}*`, '+refs/tags/*:refs/claw/owner/tags/*']
        try {
          // HEAD too: where it is detached nothing else may hold its commit.
          await fetchRefs([...refspecs, '+HEAD:refs/claw/owner/HEAD'])
        } catch (error) {
          await owner.check()
          if (!/remote ref HEAD/.test(stderrOf(error))) throw unreachable(error, owner.name)
          await fetchRefs(refspecs)
          await ensureRoot()
        }
        await mkdir(join(gitDir, 'info'), { recursive: true })
        const excludes = await owner.excludes()
        const file = join(gitDir, 'info', 'exclude')
        if ((await readFile(file, 'utf8').catch(() => '')) !== excludes) await writeFile(file, excludes)
      }),

    async ownerBranch(branch) {
      const commit = await find(`${HEADS}${branch}`)
      if (commit) return commit
      if (branch === (await owner.head())) {
        const root = await find(ROOT)
        if (root) return root
      }
      const names = await ownerBranches()
      const near = nearest(branch, names)
      throw new Fault('branch_not_found', `${owner.name} has no branch ${branch}`, {
        hint: near ? `Did you mean ${near}?` : `It has: ${names.slice(0, 10).join(', ') || 'none'}`,
        details: { branch },
      })
    },
    ownerBranches,
    ownerHead: () => owner.head(),
    glance: (branch) => owner.glance(branch),
    find,
    treeOf: (commit) =>
      memo.recall('tree', [commit], async () => {
        return (await git(['rev-parse', '--verify', `${revision(commit)}^{tree}`])).text
      }),

    async setRef(ref, commit, expect) {
      const old = expect === undefined ? [] : [expect ?? '']
      try {
        await git(['update-ref', ownRef(ref), revision(commit), ...old])
      } catch (error) {
        if (!/is at .* but expected|reference already exists|unable to resolve reference/.test(stderrOf(error)))
          throw error
        const was = (await find(ref)) ?? 'not there'
        throw new Fault('ref_moved', `${ref} is ${was}, not ${expect ?? 'absent'}`, { cause: error, details: { ref } })
      }
    },
    async dropRef(ref) {
      await git(['update-ref', '-d', ownRef(ref)])
    },
    async listRefs(prefix) {
      const { text } = await git(['for-each-ref', '--format=%(objectname) %(refname)', ownRef(prefix)])
      const lines = text === '' ? [] : text.split('\n')
      return lines.map((line) => ({ commit: line.slice(0, line.indexOf(' ')), ref: line.slice(line.indexOf(' ') + 1) }))
    },
    async isAncestor(ancestor, descendant) {
      const asked = ['merge-base', '--is-ancestor', revision(ancestor), revision(descendant)]
      return (await git(asked, { answers: [1] })).code === 0
    },

    listFiles: (commit) =>
      memo.recall('files', [commit], async () => {
        return parts((await git(['ls-tree', '-r', '-z', '--name-only', revision(commit)])).out)
      }),
    readFile: (commit, path, bytesMax = READ_BYTES_MAX) =>
      memo.recall(`file ${path} ${bytesMax}`, [commit], () => readFileAt(commit, path, bytesMax)),
    async log(commit, max) {
      const args = ['log', '-z', '--format=%H%x1f%ct%x1f%an%x1f%s', `--max-count=${Math.floor(max)}`, revision(commit)]
      return parts((await git(args)).out).map((line) => {
        const [id = '', seconds = '0', author = '', ...subject] = line.split('\x1f')
        return { commit: id, subject: subject.join(' '), author, at: Number(seconds) * 1000 }
      })
    },
    async diff(from, to, { bytesMax = DIFF_BYTES_MAX, paths = [] } = {}) {
      const plain = ['--no-ext-diff', '--no-textconv', '--no-color', '-M']
      const { out, wasCut } = await git(['diff', ...plain, revision(from), revision(to), '--', ...paths], {
        outputMax: bytesMax,
        cut: true,
      })
      const text = out.toString('utf8')
      if (!wasCut) return text
      return `${text.slice(0, text.lastIndexOf('\n') + 1)}… the rest of this diff is left out: it is longer than ${bytesMax} bytes\n`
    },
    changes: (from, to) => memo.recall('changes', [from, to], () => changesBetween(git, from, to)),

    addWorktree: (path, commit) => worktrees.add(path, commit),
    removeWorktree: (path, options) => worktrees.remove(path, options),
    listWorktrees: () => worktrees.list(),
    resetWorktree: (path, commit) => worktrees.reset(path, commit),
    startMerge: (path, theirs) => worktrees.startMerge(path, theirs),
    capture: async (options) => {
      const author = options.author ?? (await identity())
      const ref = ownRef(options.ref)
      return worktrees.withIndex(options.path, async (index) => {
        const now = () => world.clock.now()
        const result = await captureWorktree({ git, index, now, secrets: deps.secrets }, { ...options, ref, author })
        if (result) {
          memo.note('tree', [result.commit], result.tree)
          memo.note('changes', [options.base, result.commit], result.changes)
        }
        return { result, on: result?.commit ?? (await getCommit(options.base)) }
      })
    },

    async trialMerge(ours, theirs) {
      const args = [
        'merge-tree',
        '--write-tree',
        '-z',
        '--name-only',
        '--no-messages',
        revision(ours),
        revision(theirs),
      ]
      const { code, out } = await git(args, { answers: [1] })
      const [tree = '', ...conflicts] = parts(out)
      return code === 0 ? { tree } : { conflicts: [...new Set(conflicts.filter((path) => path !== ''))] }
    },
    commitTree: async ({ identity: who, ...options }) => {
      const message = deps.secrets?.text(options.message) ?? options.message
      const commit = await commitTree(git, {
        ...options,
        message,
        identity: who ?? (await identity()),
        at: world.clock.now(),
      })
      if (isFullId(options.tree)) memo.note('tree', [commit], options.tree)
      return commit
    },

    land: (branch, commit, expect) =>
      lock.run(async () => {
        checkBranch(branch)
        const id = await getCommit(commit)
        // The stand-in for an unborn branch is nothing of the owner's.
        const known = expect !== null && expect === (await find(ROOT)) ? null : expect
        return owner.land({ branch, commit: id, expect: known })
      }),
    identity,
    async push(branch, commit, remote = 'origin') {
      checkBranch(branch)
      const { url, cwd } = await owner.remote(remote)
      const args = ['push', '--quiet', '--no-verify', '--', url, `${revision(commit)}:refs/heads/${branch}`]
      try {
        await git(args, { asOwner: true, timeoutMs: TRANSFER_TIMEOUT_MS, ...(cwd ? { cwd } : {}) })
      } catch (error) {
        if (/\(non-fast-forward\)|\(fetch first\)/.test(stderrOf(error))) {
          throw new Fault(
            'ref_moved',
            `${branch} at ${remote} has commits that ${commit.slice(0, 12)} does not contain`,
            {
              cause: error,
            },
          )
        }
        throw isFault(error, 'git_failed') ? unreachable(error, remote) : error
      }
    },

    recover: () => worktrees.recover(),
    [Symbol.asyncDispose]: () => lock.idle(),
  }
}

function ownRef(ref: string): string {
  if (/^refs\/(?!claw\/owner\/)[^\s\0]+$/.test(ref)) return ref
  throw new Fault('input_invalid', `${JSON.stringify(ref)} is not a ref that Claw may write; they begin with refs/`)
}

function checkBranch(branch: string): void {
  if (/^[^-\s\0:][^\s\0:]*$/.test(branch) && !branch.startsWith('refs/')) return
  throw new Fault('input_invalid', `${JSON.stringify(branch)} is not the name of a branch`)
}

function asText(bytes: Buffer, path: string): string {
  try {
    if (bytes.includes(0)) throw new TypeError('it holds a NUL')
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new Fault('input_invalid', `${path} is not a text file`, { cause })
  }
}
