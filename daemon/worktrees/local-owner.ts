import { realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault, isFault, nearest } from '../../core/fault.ts'
import type { Git } from './git.ts'
import { type Checkout, landLocally } from './land-local.ts'
import type { Owner } from './owner.ts'
import { identityIn, readExcludes, readOwnerConfig } from './owner-config.ts'

/** Finds the repository that `path` lies in. Throws repository_not_found with what to do about it. */
export async function findCheckout(git: Git, path: string): Promise<Checkout> {
  const missing = (words: string, hint: string) => new Fault('repository_not_found', words, { hint, details: { path } })
  const real = await realpath(path).catch(() => undefined)
  if (!real) throw missing(`There is nothing at ${path}`, 'Check the path; a relative one starts where you are.')
  const folder = (await stat(real)).isDirectory() ? real : dirname(real)
  const asked = ['--is-bare-repository', '--path-format=absolute', '--git-common-dir', '--show-toplevel']
  const { code, text, err } = await git(['rev-parse', ...asked], { cwd: folder, answers: [128] })
  const [bare, commonDir, top] = text.split('\n')
  if (commonDir === undefined || (code !== 0 && bare !== 'true' && !/must be run in a work tree/.test(err))) {
    throw missing(
      `${path} is not in a git repository`,
      `Give the folder of a repository, or make one: git -C '${folder}' init`,
    )
  }
  if (code === 0 && top) return { top: await realpath(top), commonDir: await realpath(commonDir), bare: false }
  const dir = await realpath(commonDir)
  // Inside of a checkout's .git folder: the checkout is meant.
  if (bare === 'false') return findCheckout(git, dirname(dir))
  return { top: dir, commonDir: dir, bare: true }
}

export function createLocalOwner(
  { git, ownerEnv }: { git: Git; ownerEnv: Readonly<Record<string, string | undefined>> },
  checkout: Checkout,
  /** Claw's clone, from which landed commits are fetched. */
  gitDir: string,
): Owner {
  const { top, commonDir } = checkout
  const config = () => readOwnerConfig(git, top)
  return {
    from: top,
    name: top,
    asOwner: false,
    // The other end of a fetch drops our settings; it must still open what another user owns.
    fetchArgs: ['--upload-pack', 'git -c safe.directory=* upload-pack'],
    async check() {
      try {
        await findCheckout(git, top)
      } catch (error) {
        if (isFault(error, 'repository_not_found')) throw error
        throw new Fault('repository_unreadable', `${top} cannot be read`, { cause: error })
      }
    },
    async head() {
      const { code, text } = await git(['symbolic-ref', '-q', '--short', 'HEAD'], { cwd: top, answers: [1] })
      return code === 0 ? text : undefined
    },
    async glance(branch) {
      const asked = ['for-each-ref', '--format=%(HEAD)%(refname:lstrip=2)', 'refs/heads/']
      const names = (await git(asked, { cwd: top, answers: [128] })).text.split('\n')
      if (branch === null) return names.find((name) => name.startsWith('*'))?.slice(1)
      return names.some((name) => name.slice(1) === branch) ? branch : undefined
    },
    excludes: async () => readExcludes(await config(), ownerEnv['HOME'], ownerEnv['XDG_CONFIG_HOME'], commonDir),
    identity: async () => identityIn(await config()),
    land: async (order) => landLocally({ git, gitDir, config: await config() }, checkout, order),
    async remote(name) {
      const all = await config()
      const url = all.get(`remote.${name}.pushurl`) ?? all.get(`remote.${name}.url`)
      if (url !== undefined) return { url, cwd: top }
      const names = [...all.keys()].flatMap((key) => /^remote\.(.+)\.url$/.exec(key)?.[1] ?? [])
      const near = nearest(name, names) ?? names[0]
      throw new Fault('repository_not_found', `${top} has no remote ${name}`, {
        hint: near ? `Did you mean ${near}?` : `Add one: git -C '${top}' remote add ${name} <address>`,
      })
    },
  }
}
