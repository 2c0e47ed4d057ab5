import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { createRepositories } from '../../../daemon/worktrees/git-repositories.ts'
import { anOwner, aWorktree } from './owner-repository.ts'

const clone = (owner: { folder: string }) => join(owner.folder, 'claw', 'repo.git')

describe('opening an owner’s repository', () => {
  test('works where the path has spaces and letters beyond ASCII, and sees branches, tags and HEAD', async () => {
    const owner = anOwner()
    const path = owner.repository('mein Projekt – größer')
    owner.git(path, 'branch', 'feature/ü')
    owner.git(path, 'tag', 'v1')

    const repository = await owner.repositories.openLocal(path, clone(owner))

    expect(await repository.ownerBranches()).toEqual(['feature/ü', 'main'])
    expect(await repository.ownerHead()).toBe('main')
    expect(await repository.glance(null)).toBe('main')
    expect(await repository.glance('main')).toBe('main')
    expect(await repository.glance('mian')).toBeUndefined()
    const head = owner.git(path, 'rev-parse', 'HEAD')
    expect(await repository.ownerBranch('feature/ü')).toBe(head)
    expect(await repository.find('refs/claw/owner/tags/v1')).toBe(head)
    expect(await repository.find('refs/claw/owner/tags/v2')).toBeUndefined()
    await expect(repository.ownerBranch('mian')).rejects.toMatchObject({
      code: 'branch_not_found',
      hint: 'Did you mean main?',
    })
  })

  test('hard-links the objects, so that a clone costs no space', async () => {
    const owner = anOwner()
    const path = owner.repository('project')
    await owner.repositories.openLocal(path, clone(owner))
    const [object] = readdirSync(join(path, '.git/objects')).filter((name) => name.length === 2)
    const file = readdirSync(join(path, '.git/objects', object!))[0]!
    expect(statSync(join(clone(owner), 'objects', object!, file)).ino).toBe(
      statSync(join(path, '.git/objects', object!, file)).ino,
    )
  })

  test('fetch brings what is new and forgets branches that are gone', async () => {
    const owner = anOwner()
    const path = owner.repository('project')
    owner.git(path, 'branch', 'old')
    const repository = await owner.repositories.openLocal(path, clone(owner))
    owner.git(path, 'branch', '-D', 'old')
    owner.git(path, 'commit', '-q', '--allow-empty', '-m', 'second')
    await repository.fetch()
    expect(await repository.ownerBranches()).toEqual(['main'])
    expect(await repository.ownerBranch('main')).toBe(owner.git(path, 'rev-parse', 'main'))
    expect((await repository.log('refs/claw/owner/heads/main', 10)).map(({ subject }) => subject)).toEqual([
      'second',
      'first',
    ])
  })

  test('leaves the owner’s repository as it was', async () => {
    const owner = anOwner()
    const path = owner.repository('project')
    const before = owner.git(path, 'for-each-ref') + readFileSync(join(path, '.git/config'), 'utf8')
    const names = readdirSync(join(path, '.git')).sort()
    const { capture, worktree } = await aWorktree(owner, path)
    owner.write(join(worktree, 'new.txt'), 'new\n')
    await capture()
    expect(owner.git(path, 'for-each-ref') + readFileSync(join(path, '.git/config'), 'utf8')).toBe(before)
    expect(readdirSync(join(path, '.git')).sort()).toEqual(names)
    expect(owner.git(path, 'worktree', 'list').split('\n')).toHaveLength(1)
  })

  test('a detached HEAD names no branch, and its commit is there all the same', async () => {
    const owner = anOwner()
    const path = owner.repository('project')
    owner.git(path, 'checkout', '-q', '--detach')
    owner.git(path, 'commit', '-q', '--allow-empty', '-m', 'nowhere')
    const repository = await owner.repositories.openLocal(path, clone(owner))
    expect(await repository.ownerHead()).toBeUndefined()
    expect(await repository.glance(null)).toBeUndefined()
    expect(await repository.find('refs/claw/owner/HEAD')).toBe(owner.git(path, 'rev-parse', 'HEAD'))
  })

  test('a bare repository and a linked worktree are owners like any other', async () => {
    const owner = anOwner()
    const path = owner.repository('project')
    owner.git(owner.folder, 'clone', '-q', '--bare', path, 'bare.git')
    const bare = await owner.repositories.openLocal(join(owner.folder, 'bare.git'), join(owner.folder, 'claw', 'a.git'))
    expect(await bare.ownerHead()).toBe('main')
    expect(await bare.listFiles(await bare.ownerBranch('main'))).toEqual(['README.md', 'src/a.txt'])

    owner.git(path, 'worktree', 'add', '-q', '-b', 'side', '../linked')
    const linked = await owner.repositories.openLocal(join(owner.folder, 'linked'), join(owner.folder, 'claw', 'b.git'))
    expect(await linked.ownerHead()).toBe('side')
    expect(await linked.ownerBranches()).toEqual(['main', 'side'])
  })

  test('a shallow clone and one that borrows objects from a third repository stand on their own', async () => {
    const owner = anOwner()
    const path = owner.repository('project')
    owner.git(path, 'commit', '-q', '--allow-empty', '-m', 'second')
    owner.git(owner.folder, 'clone', '-q', '--shared', path, 'borrower')
    const borrower = await owner.repositories.openLocal(
      join(owner.folder, 'borrower'),
      join(owner.folder, 'claw', 'a.git'),
    )
    expect(existsSync(join(borrower.gitDir, 'objects/info/alternates'))).toBe(false)
    expect(await borrower.log(await borrower.ownerBranch('main'), 5)).toHaveLength(2)

    owner.git(owner.folder, 'clone', '-q', '--depth=1', `file://${path}`, 'shallow')
    const shallow = await owner.repositories.openLocal(
      join(owner.folder, 'shallow'),
      join(owner.folder, 'claw', 'b.git'),
    )
    expect(await shallow.log(await shallow.ownerBranch('main'), 5)).toHaveLength(1)
  })

  test.skipIf(process.getuid?.() !== 0)(
    'one that belongs to another user is read, and landed in, all the same',
    async () => {
      const owner = anOwner()
      const path = owner.repository('project')
      execFileSync('chown', ['-R', '65534:65534', path])
      const { repository, worktree, capture, base } = await aWorktree(owner, path)
      owner.write(join(worktree, 'new.txt'), 'new\n')
      const captured = await capture()
      expect(await repository.land('main', captured!.commit, base)).toEqual({ outcome: 'landed', how: 'checked-out' })
      await repository.fetch()
      expect(await repository.ownerBranch('main')).toBe(captured?.commit)
    },
  )

  test('a clone that was cut short is made again, and what is in its place is kept aside', async () => {
    const owner = anOwner()
    const path = owner.repository('project')
    owner.write(join(clone(owner), 'HEAD'), 'ref: refs/heads/main\n')
    owner.write(join(`${clone(owner)}.making-1234`, 'objects', 'half'), '')

    const repository = await owner.repositories.openLocal(path, clone(owner))

    expect(await repository.ownerBranch('main')).toBe(owner.git(path, 'rev-parse', 'main'))
    const names = readdirSync(join(owner.folder, 'claw')).map((name) => name.replace(/\d{6,}/, 'N'))
    expect(names.sort()).toEqual(['repo.git', 'repo.git.broken-N'])
  })

  test('opening again finds the clone as it is, without a lock file that a power loss left', async () => {
    const owner = anOwner()
    const path = owner.repository('project')
    const first = await owner.repositories.openLocal(path, clone(owner))
    const main = await first.ownerBranch('main')
    await first.setRef('refs/claw/tasks/1/1', main)
    writeFileSync(join(clone(owner), 'refs/claw/tasks/1/1.lock'), '')
    writeFileSync(join(clone(owner), 'packed-refs.lock'), '')

    const again = await createRepositories({
      world: { clock: systemClock, log: silentLog },
      ownerEnv: { PATH: process.env['PATH'], HOME: owner.home },
    }).openLocal(path, clone(owner))
    await again.setRef('refs/claw/tasks/1/1', main, main)
    await again.dropRef('refs/claw/tasks/1/1')
    expect(await again.find('refs/claw/tasks/1/1')).toBeUndefined()
  })

  test('two who open the same clone at once get one clone', async () => {
    const owner = anOwner()
    const path = owner.repository('project')
    const opened = await Promise.all([1, 2, 3].map(() => owner.repositories.openLocal(path, clone(owner))))
    const heads = await Promise.all(opened.map((repository) => repository.ownerBranch('main')))
    expect(new Set(heads).size).toBe(1)
    expect(readdirSync(join(owner.folder, 'claw'))).toEqual(['repo.git'])
  })

  test('a repository without commits has a branch to work from', async () => {
    const owner = anOwner()
    const path = join(owner.folder, 'empty')
    mkdirSync(path)
    owner.git(path, 'init', '-q', '-b', 'trunk')
    const repository = await owner.repositories.openLocal(path, clone(owner))
    expect(await repository.ownerHead()).toBe('trunk')
    const root = await repository.ownerBranch('trunk')
    expect(await repository.find('refs/claw/root')).toBe(root)
    expect(await repository.listFiles(root)).toEqual([])
    await expect(repository.ownerBranch('main')).rejects.toMatchObject({ code: 'branch_not_found' })
  })

  test('a workspace is made once, with one empty commit by the owner', async () => {
    const owner = anOwner()
    const path = join(owner.folder, 'workspaces', 'goal-1')
    const first = await owner.repositories.openWorkspace(path, clone(owner))
    const main = await first.ownerBranch('main')
    const again = await owner.repositories.openWorkspace(path, clone(owner))
    expect(await again.ownerBranch('main')).toBe(main)
    expect(await first.log(main, 5)).toMatchObject([{ subject: 'Start', author: 'Ada Owner' }])
    expect(owner.git(path, 'status', '--porcelain')).toBe('')
  })
})

describe('locate', () => {
  test('answers the top of the checkout, with symlinks resolved', async () => {
    const owner = anOwner()
    const path = owner.repository('project')
    symlinkSync(path, join(owner.folder, 'link'))
    const { locate } = owner.repositories
    expect(await locate(join(owner.folder, 'link', 'src'))).toBe(path)
    expect(await locate(join(path, 'src', 'a.txt'))).toBe(path)
    expect(await locate(join(path, '.git'))).toBe(path)
  })

  test('says what to do where there is no repository or no folder', async () => {
    const owner = anOwner()
    const { locate } = owner.repositories
    await expect(locate(owner.home)).rejects.toMatchObject({
      code: 'repository_not_found',
      message: `${owner.home} is not in a git repository`,
      hint: expect.stringContaining('init'),
    })
    await expect(locate(join(owner.folder, 'nowhere'))).rejects.toMatchObject({
      code: 'repository_not_found',
      message: expect.stringContaining('nowhere'),
    })
  })
})

test('whoever is named in the owner’s own configuration writes, else Claw', async () => {
  const owner = anOwner()
  const path = owner.repository('project')
  const repository = await owner.repositories.openLocal(path, clone(owner))
  expect(await repository.identity()).toEqual({ name: 'Ada Owner', email: 'ada@example.org' })
  owner.git(path, 'config', 'user.email', 'work@example.org')
  await repository.fetch()
  expect(await repository.identity()).toEqual({ name: 'Ada Owner', email: 'work@example.org' })

  const nobody = createRepositories({
    world: { clock: systemClock, log: silentLog },
    ownerEnv: { PATH: process.env['PATH'], HOME: join(owner.folder, 'nobody') },
  })
  owner.git(path, 'config', '--unset', 'user.email')
  const other = await nobody.openLocal(path, join(owner.folder, 'claw', 'other.git'))
  expect(await other.identity()).toEqual({ name: 'Claw', email: 'claw@localhost' })
})
