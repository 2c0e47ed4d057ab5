import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decideLanding, type LandPicture } from '../../../daemon/worktrees/land-local.ts'
import { type AnOwner, anOwner, aWorktree } from './owner-repository.ts'

/** A project and a verified commit of Claw's that adds `new.txt` and changes README.md. */
async function aCommitToLand(files?: Record<string, string>) {
  const owner = anOwner()
  const path = owner.repository('project', files)
  const made = await aWorktree(owner, path)
  owner.write(join(made.worktree, 'new.txt'), 'from Claw\n')
  owner.write(join(made.worktree, 'README.md'), 'hello from Claw\n')
  const { commit } = (await made.capture())!
  return { owner, path, commit, ...made }
}

const stateOf = (owner: AnOwner, path: string) =>
  [
    owner.git(path, 'for-each-ref', '--format=%(refname)'),
    owner.git(path, 'status', '--porcelain'),
    readdirSync(join(path, '.git'))
      .filter((name) => !['objects', 'ORIG_HEAD', 'index', 'logs'].includes(name))
      .sort()
      .join(),
  ].join('\n')

describe('landing in a repository on this machine', () => {
  test('fast-forwards a clean checkout in place, leaves nothing else, and may be asked again', async () => {
    const { owner, path, commit, base, repository } = await aCommitToLand()
    const before = stateOf(owner, path)
    expect(await repository.land('main', commit, base)).toEqual({ outcome: 'landed', how: 'checked-out' })
    expect(owner.git(path, 'rev-parse', 'main')).toBe(commit)
    expect(readFileSync(join(path, 'new.txt'), 'utf8')).toBe('from Claw\n')
    expect(stateOf(owner, path)).toBe(before)

    expect(await repository.land('main', commit, base)).toEqual({ outcome: 'landed', how: 'checked-out' })
    owner.git(path, 'commit', '-q', '--allow-empty', '-m', 'the owner goes on')
    expect(await repository.land('main', commit, base)).toEqual({ outcome: 'landed', how: 'checked-out' })
  })

  test('moves only the ref where the branch is not checked out, and makes one that is not there', async () => {
    const { owner, path, commit, base, repository } = await aCommitToLand()
    owner.git(path, 'checkout', '-q', '-b', 'elsewhere')
    expect(await repository.land('main', commit, base)).toEqual({ outcome: 'landed', how: 'ref' })
    expect(await repository.land('claw/1-new', commit, null)).toEqual({ outcome: 'landed', how: 'ref' })
    expect(owner.git(path, 'rev-parse', 'main', 'claw/1-new')).toBe(`${commit}\n${commit}`)
    expect(existsSync(join(path, 'new.txt'))).toBe(false)
    expect(await repository.land('main/below', commit, null)).toMatchObject({ outcome: 'refused' })
  })

  test('finds the linked worktree that has the branch, and works in a bare repository', async () => {
    const { owner, path, commit, base, repository } = await aCommitToLand()
    owner.git(path, 'checkout', '-q', '--detach')
    owner.git(path, 'worktree', 'add', '-q', '../linked', 'main')
    expect(await repository.land('main', commit, base)).toEqual({ outcome: 'landed', how: 'checked-out' })
    expect(existsSync(join(owner.folder, 'linked/new.txt'))).toBe(true)

    owner.git(owner.folder, 'clone', '-q', '--bare', path, 'bare.git')
    owner.git(join(owner.folder, 'bare.git'), 'update-ref', 'refs/heads/main', base)
    const bare = await owner.repositories.openLocal(join(owner.folder, 'bare.git'), join(owner.folder, 'claw/bare.git'))
    const next = await bare.commitTree({ tree: await bare.treeOf(base), parents: [base], message: 'next' })
    expect(await bare.land('main', next, base)).toEqual({ outcome: 'landed', how: 'ref' })
  })

  test.each([
    ['an unstaged change', (path: string) => writeFileSync(join(path, 'src/a.txt'), 'mine\n'), ['src/a.txt']],
    [
      'a staged change',
      (path: string, owner: AnOwner) => {
        writeFileSync(join(path, 'staged ö.txt'), 'mine\n')
        owner.git(path, 'add', 'staged ö.txt')
      },
      ['staged ö.txt'],
    ],
    ['an untracked file in the way', (path: string) => writeFileSync(join(path, 'new.txt'), 'mine\n'), ['new.txt']],
    [
      'an ignored file in the way',
      (path: string) => {
        writeFileSync(join(path, '.git/info/exclude'), 'new.txt\n')
        writeFileSync(join(path, 'new.txt'), 'mine\n')
      },
      ['new.txt'],
    ],
  ])('touches nothing where there is %s', async (_, spoil, paths) => {
    const { owner, path, commit, base, repository } = await aCommitToLand()
    spoil(path, owner)
    const before = stateOf(owner, path)
    expect(await repository.land('main', commit, base)).toEqual({ outcome: 'dirty', paths })
    expect(stateOf(owner, path)).toBe(before)
    expect(owner.git(path, 'rev-parse', 'main')).toBe(base)
  })

  test('untracked files elsewhere are no reason to wait', async () => {
    const { path, commit, base, repository } = await aCommitToLand()
    writeFileSync(join(path, 'notes.txt'), 'mine\n')
    expect(await repository.land('main', commit, base)).toMatchObject({ outcome: 'landed' })
    expect(readFileSync(join(path, 'notes.txt'), 'utf8')).toBe('mine\n')
  })

  test('says where the branch is when it is no longer where it was', async () => {
    const { owner, path, commit, base, repository } = await aCommitToLand()
    owner.git(path, 'commit', '-q', '--allow-empty', '-m', 'the owner was quicker')
    const now = owner.git(path, 'rev-parse', 'main')
    expect(await repository.land('main', commit, base)).toEqual({ outcome: 'moved', now })
    expect(await repository.land('main', commit, null)).toEqual({ outcome: 'moved', now })
    expect(await repository.land('gone', commit, base)).toEqual({ outcome: 'moved', now: null })
    expect(await repository.land('main', commit, now)).toMatchObject({ outcome: 'refused' })
    expect(owner.git(path, 'rev-parse', 'main')).toBe(now)
  })

  test.each([
    ['a merge', (dir: string, base: string) => writeFileSync(join(dir, 'MERGE_HEAD'), `${base}\n`)],
    ['another git at work', (dir: string) => writeFileSync(join(dir, 'index.lock'), '')],
    [
      'a rebase of the branch',
      (dir: string, base: string) => {
        mkdirSync(join(dir, 'rebase-merge'))
        writeFileSync(join(dir, 'rebase-merge/head-name'), 'refs/heads/main\n')
        writeFileSync(join(dir, 'HEAD'), `${base}\n`)
      },
    ],
  ])('refuses in the middle of %s', async (_, begin) => {
    const { owner, path, commit, base, repository } = await aCommitToLand()
    begin(join(path, '.git'), base)
    expect(await repository.land('main', commit, base)).toMatchObject({ outcome: 'refused' })
    expect(owner.git(path, 'rev-parse', 'main')).toBe(base)
  })

  test('the first commit of a repository without commits arrives in its checkout', async () => {
    const owner = anOwner()
    const path = join(owner.folder, 'empty')
    mkdirSync(path)
    owner.git(path, 'init', '-q', '-b', 'trunk')
    const repository = await owner.repositories.openLocal(path, join(owner.folder, 'claw/repo.git'))
    const base = await repository.ownerBranch('trunk')
    const worktree = join(owner.folder, 'worktrees/w1')
    await repository.addWorktree(worktree, base)
    writeFileSync(join(worktree, 'first.txt'), 'first\n')
    const { commit } = (await repository.capture({
      path: worktree,
      base,
      ref: 'refs/claw/x',
      message: 'm',
      trailers: [],
    }))!

    writeFileSync(join(path, 'first.txt'), 'the owner has one\n')
    expect(await repository.land('trunk', commit, base)).toEqual({ outcome: 'dirty', paths: ['first.txt'] })
    rmSync(join(path, 'first.txt'))
    expect(await repository.land('trunk', commit, base)).toEqual({ outcome: 'landed', how: 'checked-out' })
    expect(owner.git(path, 'status', '--porcelain', '--branch')).toBe('## trunk')
    expect(readFileSync(join(path, 'first.txt'), 'utf8')).toBe('first\n')
    await repository.fetch()
    expect(await repository.ownerBranch('trunk')).toBe(commit)
  })

  test('obeys none of the owner’s merge settings', async () => {
    const { owner, path, commit, base, repository } = await aCommitToLand()
    for (const [key, value] of [
      ['merge.ff', 'false'],
      ['branch.main.mergeOptions', '--squash'],
      ['merge.verifySignatures', 'true'],
      ['submodule.recurse', 'true'],
    ]) {
      owner.git(path, 'config', key!, value!)
    }
    expect(await repository.land('main', commit, base)).toEqual({ outcome: 'landed', how: 'checked-out' })
    expect(owner.git(path, 'rev-parse', 'main')).toBe(commit)
  })
})

describe('deciding how to land', () => {
  const picture = (more: Partial<LandPicture>): LandPicture => ({
    order: { branch: 'main', commit: 'c2', expect: 'c1' },
    now: 'c1',
    contained: false,
    forward: true,
    checkouts: [],
    heldBy: undefined,
    ...more,
  })
  const checkout = { path: '/p', busy: undefined, dirty: [], filtered: [] }

  test.each([
    ['a branch nobody has checked out moves by its ref', picture({}), { do: 'move-ref' }],
    ['a clean checkout is merged in place', picture({ checkouts: [checkout] }), { do: 'merge', in: '/p' }],
    [
      'what moved is told before what is dirty',
      picture({ now: 'c9', checkouts: [{ ...checkout, dirty: ['x'] }] }),
      { do: 'answer', outcome: { outcome: 'moved', now: 'c9' } },
    ],
    [
      'landed already wins over everything',
      picture({ now: 'c9', contained: true, checkouts: [{ ...checkout, busy: 'A merge' }] }),
      { do: 'answer', outcome: { outcome: 'landed', how: 'checked-out' } },
    ],
    [
      'two checkouts of one branch are refused',
      picture({ checkouts: [checkout, { ...checkout, path: '/q' }] }),
      { do: 'answer', outcome: { outcome: 'refused', why: 'main is checked out in /p and /q' } },
    ],
  ])('%s', (_, given, move) => {
    expect(decideLanding(given)).toEqual(move)
  })
})

describe('an owner behind an address', () => {
  test.each([
    ['a file address', (path: string) => `file://${path}`],
    ['a path', (path: string) => path],
  ])('is cloned, fetched and pushed to, by %s', async (_, address) => {
    const owner = anOwner()
    owner.git(owner.folder, 'clone', '-q', '--bare', owner.repository('project'), 'hub.git')
    const hub = join(owner.folder, 'hub.git')
    const repository = await owner.repositories.openUrl(address(hub), join(owner.folder, 'claw/url.git'))
    expect(await repository.ownerHead()).toBe('main')
    const base = await repository.ownerBranch('main')
    const tree = await repository.treeOf(base)
    const next = await repository.commitTree({ tree, parents: [base], message: 'next' })
    const rival = await repository.commitTree({ tree, parents: [base], message: 'rival' })

    expect(await repository.land('main', next, base)).toEqual({ outcome: 'landed', how: 'ref' })
    expect(await repository.land('main', next, base)).toEqual({ outcome: 'landed', how: 'ref' })
    expect(owner.git(hub, 'rev-parse', 'main')).toBe(next)
    expect(await repository.land('main', rival, base)).toEqual({ outcome: 'moved', now: next })
    expect(await repository.land('main', rival, next)).toMatchObject({ outcome: 'refused' })
    expect(await repository.land('claw/1-new', rival, null)).toEqual({ outcome: 'landed', how: 'ref' })
    expect(await repository.land('claw/1-new', next, null)).toEqual({ outcome: 'moved', now: rival })
    await repository.fetch()
    expect(await repository.ownerBranch('main')).toBe(next)
  })

  test('that nobody is behind is a clear fault', async () => {
    const owner = anOwner()
    const open = owner.repositories.openUrl(`file://${owner.folder}/nothing.git`, join(owner.folder, 'claw/url.git'))
    await expect(open).rejects.toMatchObject({ code: 'repository_not_found' })
    expect(readdirSync(join(owner.folder, 'claw'))).toEqual([])
  })

  test('what its server refuses is told in its words', async () => {
    const owner = anOwner()
    owner.git(owner.folder, 'clone', '-q', '--bare', owner.repository('project'), 'hub.git')
    const hook = join(owner.folder, 'hub.git/hooks/pre-receive')
    writeFileSync(hook, '#!/bin/sh\necho "main is protected" >&2\nexit 1\n')
    chmodSync(hook, 0o755)
    const repository = await owner.repositories.openUrl(
      join(owner.folder, 'hub.git'),
      join(owner.folder, 'claw/url.git'),
    )
    const base = await repository.ownerBranch('main')
    const next = await repository.commitTree({ tree: await repository.treeOf(base), parents: [base], message: 'next' })
    expect(await repository.land('main', next, base)).toMatchObject({
      outcome: 'refused',
      why: expect.stringContaining('main is protected'),
    })
  })
})

test('pushes a branch to the owner’s remote of that name, relative addresses too, and never by force', async () => {
  const { owner, path, commit, base, repository } = await aCommitToLand()
  owner.git(owner.folder, 'init', '-q', '--bare', 'hub.git')
  await expect(repository.push('claw/1-x', commit)).rejects.toMatchObject({ code: 'repository_not_found' })
  owner.git(path, 'remote', 'add', 'origin', '../hub.git')
  await repository.push('claw/1-x', commit)
  expect(owner.git(join(owner.folder, 'hub.git'), 'rev-parse', 'claw/1-x')).toBe(commit)
  const rival = await repository.commitTree({ tree: await repository.treeOf(base), parents: [base], message: 'rival' })
  await expect(repository.push('claw/1-x', rival)).rejects.toMatchObject({ code: 'ref_moved' })
})
