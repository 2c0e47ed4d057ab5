import { readFile, stat } from 'node:fs/promises'
import type { CarriedRefs } from '../../config/backup-file.ts'
import type { Log } from '../../core/world.ts'
import { type Git, TRANSFER_TIMEOUT_MS } from '../worktrees/git.ts'
import { createOwnGit, keptConfig } from '../worktrees/own-git.ts'

/** What was read from the owner; everything else under these names is Claw's. */
const OWNERS = 'refs/claw/owner/'

/**
 * Writes into `file` the commits of a clone that the owner's repository has not: branches of goals that were
 * never landed, captures of runs. Where the owner has every commit there is no bundle, only the refs.
 *
 * The owner's repository itself need not be there, and the clone may be in use.
 */
export async function bundleClone(
  { git, log }: { git: Git; log: Log },
  gitDir: string,
  file: string,
): Promise<CarriedRefs> {
  const own = createOwnGit(git, gitDir, await readFile(keptConfig(gitDir), 'utf8'), log)
  const { text } = await own(['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads/', 'refs/claw/'])
  const all = text === '' ? [] : text.split('\n').map((line) => line.split(' ') as [string, string])
  const ours = all.filter(([, name]) => !name.startsWith(OWNERS))
  const refs = Object.fromEntries(ours.map(([commit, name]) => [name, commit]))
  if (ours.length === 0) return { refs, bundle: false }

  const theirs = [...new Set(all.filter(([, name]) => name.startsWith(OWNERS)).map(([commit]) => `^${commit}`))]
  const asked = `${[...ours.map(([commit]) => commit), ...theirs].join('\n')}\n`
  const { text: missing } = await own(['rev-list', '--count', '--stdin'], { input: asked })
  if (missing === '0') return { refs, bundle: false }

  const revisions = `${[...ours.map(([, name]) => name), ...theirs].join('\n')}\n`
  await own(['bundle', 'create', '--quiet', file, '--stdin'], { input: revisions, timeoutMs: TRANSFER_TIMEOUT_MS })
  return { refs, bundle: true }
}

/** All of a workspace that Claw made: nobody else has it. Answers whether there was anything to write. */
export async function bundleWorkspace(git: Git, folder: string, file: string): Promise<boolean> {
  const inside = { cwd: folder }
  if ((await git(['rev-parse', '--verify', '--quiet', 'HEAD'], { ...inside, answers: [1, 128] })).code !== 0)
    return false
  const args = ['bundle', 'create', '--quiet', file, 'HEAD', '--branches', '--tags']
  await git(args, { ...inside, timeoutMs: TRANSFER_TIMEOUT_MS })
  return (await stat(file)).size > 0
}
