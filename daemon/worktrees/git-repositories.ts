import { mkdir, readdir, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { SecretFinder } from './capture.ts'
import { commitTree } from './capture.ts'
import { ensureClone } from './clone.ts'
import { createGit, type Git } from './git.ts'
import { createRepository } from './git-repository.ts'
import { createLocalOwner, findCheckout } from './local-owner.ts'
import type { Owner } from './owner.ts'
import { identityIn, readOwnerConfig } from './owner-config.ts'
import { createLocks } from './repository-lock.ts'
import { createUrlOwner } from './url-owner.ts'
import type { Repositories, Repository } from './worktree.ts'

export interface RepositoriesDeps {
  world: World
  /** The environment that the daemon was started in: PATH, and for remotes the owner's HOME, keys and proxies. */
  ownerEnv: Readonly<Record<string, string | undefined>>
  /** The git program, 2.38 or later. */
  program?: string
  /** No commit is made of what holds a secret. */
  secrets?: SecretFinder
}

/** Opens owners' repositories. Everybody who opens the same clone shares one lock, so keep one of these per daemon. */
export function createRepositories({ world, ownerEnv, program, secrets }: RepositoriesDeps): Repositories {
  const git = createGit({ world, ownerEnv, ...(program ? { program } : {}) })
  const locks = createLocks()
  const recovered = new Set<string>()

  async function open(given: string, ownerFor: (gitDir: string) => Owner): Promise<Repository> {
    const gitDir = await settled(given)
    const owner = ownerFor(gitDir)
    const lock = locks(gitDir)
    return lock.run(async () => {
      const config = await ensureClone({ git, world }, owner, gitDir)
      const repository = await createRepository({ world, git, gitDir, config, owner, lock, secrets })
      // Once per daemon: what a crash cut short.
      if (!recovered.has(gitDir)) await repository.recover()
      recovered.add(gitDir)
      return repository
    })
  }

  async function openLocal(path: string, gitDir: string): Promise<Repository> {
    const checkout = await findCheckout(git, resolve(path))
    const repository = await open(gitDir, (settledDir) => createLocalOwner({ git, ownerEnv }, checkout, settledDir))
    await fetchFirst(repository)
    return repository
  }

  return {
    openLocal,
    async openUrl(url, gitDir) {
      if (url === '' || url.startsWith('-'))
        throw new Fault('input_invalid', `${JSON.stringify(url)} is not an address`)
      const repository = await open(gitDir, (settledDir) => createUrlOwner({ git, ownerEnv }, url, settledDir))
      await fetchFirst(repository)
      return repository
    },
    async openWorkspace(path, gitDir) {
      await makeWorkspace({ git, world }, resolve(path))
      return openLocal(path, gitDir)
    },
    locate: async (path) => (await findCheckout(git, resolve(path))).top,
  }
}

/** A clone that has never been fetched knows no branch of the owner's. */
async function fetchFirst(repository: Repository): Promise<void> {
  const known = await repository.listRefs('refs/claw/')
  if (known.length === 0) await repository.fetch()
}

/** A repository with one empty commit on `main`. Doing it again changes nothing. */
async function makeWorkspace({ git, world }: { git: Git; world: World }, path: string): Promise<void> {
  await mkdir(path, { recursive: true })
  const there = (await readdir(path)).includes('.git')
  if (!there) await git(['init', '--quiet', '--template=', '--initial-branch=main'], { cwd: path })
  const asked = ['rev-parse', '--verify', '--quiet', 'HEAD']
  if ((await git(asked, { cwd: path, answers: [1, 128] })).code === 0) return
  const inside = { gitDir: join(path, '.git') }
  const { text: tree } = await git(['mktree'], { ...inside, input: '' })
  const identity = identityIn(await readOwnerConfig(git, path))
  const commit = await commitTree((args, options) => git(args, { ...options, ...inside }), {
    tree,
    parents: [],
    message: 'Start\n',
    identity,
    at: world.clock.now(),
  })
  await git(['update-ref', 'HEAD', commit, ''], inside)
}

/** One name for a folder that may not exist yet, however it was spelt. */
async function settled(given: string): Promise<string> {
  const path = resolve(given)
  await mkdir(dirname(path), { recursive: true })
  return join(await realpath(dirname(path)), basename(path))
}
