import { Fault, isFault } from '../../core/fault.ts'
import { type Git, stderrOf, TRANSFER_TIMEOUT_MS } from './git.ts'
import type { Owner } from './owner.ts'
import { identityIn, readExcludes, readOwnerConfig } from './owner-config.ts'
import type { LandOutcome } from './worktree.ts'

/** An owner's repository behind an address. It lands by a push that only ever fast-forwards. */
export function createUrlOwner(
  { git, ownerEnv }: { git: Git; ownerEnv: Readonly<Record<string, string | undefined>> },
  url: string,
  gitDir: string,
): Owner {
  const config = () => readOwnerConfig(git, undefined)
  const remotely = { asOwner: true, timeoutMs: TRANSFER_TIMEOUT_MS } as const

  async function head(): Promise<string | undefined> {
    const { text } = await git(['ls-remote', '--symref', '--', url, 'HEAD'], remotely)
    const named = /^ref: refs\/heads\/(.+)\tHEAD$/m.exec(text)?.[1]
    if (named) return named
    if (text !== '') return undefined
    // Nothing answers to HEAD: either it names a branch that is not born, or there is no branch at all.
    const { text: any } = await git(['ls-remote', '--heads', '--', url], remotely)
    return any === '' ? 'main' : undefined
  }

  async function branchThere(branch: string): Promise<string | null> {
    const { text } = await git(['ls-remote', '--heads', '--', url, `refs/heads/${branch}`], remotely)
    const line = text.split('\n').find((candidate) => candidate.endsWith(`\trefs/heads/${branch}`))
    return line?.split('\t')[0] ?? null
  }

  return {
    from: url,
    name: withoutPassword(url),
    asOwner: true,
    fetchArgs: [],
    async check() {
      try {
        await git(['ls-remote', '--heads', '--', url], remotely)
      } catch (error) {
        throw unreachable(error, url)
      }
    },
    head,
    // Nobody can say at a glance what a server has.
    glance: async () => undefined,
    excludes: async () => readExcludes(await config(), ownerEnv['HOME'], ownerEnv['XDG_CONFIG_HOME'], undefined),
    identity: async () => identityIn(await config()),
    async land({ branch, commit, expect }): Promise<LandOutcome> {
      const isForward = async (from: string) =>
        (await git(['merge-base', '--is-ancestor', from, commit], { gitDir, answers: [1, 128] })).code === 0
      if (expect !== null && !(await isForward(expect))) {
        const now = await branchThere(branch)
        if (now !== expect) return { outcome: 'moved', now }
        return { outcome: 'refused', why: `${commit.slice(0, 12)} does not contain ${branch} (${expect.slice(0, 12)})` }
      }
      const lease = `--force-with-lease=refs/heads/${branch}:${expect ?? ''}`
      const target = `${commit}:refs/heads/${branch}`
      try {
        await git(['push', '--quiet', '--no-verify', lease, '--', url, target], { ...remotely, gitDir })
        return { outcome: 'landed', how: 'ref' }
      } catch (error) {
        if (!isFault(error, 'git_failed')) throw error
        const now = await branchThere(branch)
        if (now === commit) return { outcome: 'landed', how: 'ref' }
        if (now !== expect) return { outcome: 'moved', now }
        const why = stderrOf(error).split('\n').slice(-6).join('\n').slice(-500)
        return { outcome: 'refused', why: `${withoutPassword(url)} refused the push: ${why}` }
      }
    },
    remote: async () => ({ url, cwd: undefined }),
  }
}

export function unreachable(error: unknown, url: string): unknown {
  if (!isFault(error, 'git_failed')) return error
  const words = stderrOf(error)
  const name = withoutPassword(url)
  if (/not found|does not (exist|appear)|no such/i.test(words)) {
    return new Fault('repository_not_found', `There is no git repository at ${name}`, { cause: error })
  }
  return new Fault('repository_unreadable', `${name} cannot be read: ${words.split('\n').at(-1) ?? ''}`, {
    cause: error,
    hint: `See whether your own git can: git ls-remote ${name}`,
  })
}

function withoutPassword(url: string): string {
  return url.replace(/^([a-z+]+:\/\/)[^/@]*@/i, '$1')
}
