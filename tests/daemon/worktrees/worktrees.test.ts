import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { createRepositories } from '../../../daemon/worktrees/git-repositories.ts'
import { anOwner, aWorktree } from './owner-repository.ts'

describe('worktrees', () => {
  test('are detached on the commit, listed, and understood by git itself', async () => {
    const owner = anOwner()
    const { repository, base, worktree } = await aWorktree(owner, owner.repository('project'))
    expect(await repository.listWorktrees()).toEqual([{ path: worktree, commit: base }])
    expect(owner.git(worktree, 'status', '--porcelain', '--branch')).toBe('## HEAD (no branch)')
    expect(owner.git(worktree, 'rev-parse', 'HEAD')).toBe(base)
    expect(owner.git(repository.gitDir, 'worktree', 'list')).toContain(`${worktree} `)
    owner.git(repository.gitDir, 'worktree', 'prune')
    expect(owner.git(worktree, 'rev-parse', 'HEAD')).toBe(base)
  })

  test('twenty at once of a repository with 5,000 files are all whole', async () => {
    const owner = anOwner()
    const files = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`d${n % 50}/f${n}.txt`, `${n}\n`]))
    const path = owner.repository('large', files)
    const repository = await owner.repositories.openLocal(path, join(owner.folder, 'claw', 'repo.git'))
    const base = await repository.ownerBranch('main')
    const paths = Array.from({ length: 20 }, (_, n) => join(owner.folder, 'worktrees', `${n}`, 'project'))
    await Promise.all(paths.map((worktree) => repository.addWorktree(worktree, base)))
    expect(await repository.listWorktrees()).toHaveLength(20)
    for (const worktree of paths) expect(owner.git(worktree, 'status', '--porcelain')).toBe('')
    await Promise.all(paths.map((worktree) => repository.removeWorktree(worktree)))
    expect(await repository.listWorktrees()).toEqual([])
    expect(readdirSync(join(repository.gitDir, 'worktrees'))).toEqual([])
  })

  test('a failed add leaves nothing behind', async () => {
    const owner = anOwner()
    const { repository } = await aWorktree(owner, owner.repository('project'))
    const path = join(owner.folder, 'worktrees', 'bad')
    await expect(repository.addWorktree(path, 'f'.repeat(40))).rejects.toMatchObject({ code: 'worktree_failed' })
    expect(readdirSync(join(owner.folder, 'worktrees'))).toEqual(['w1'])
    expect(await repository.listWorktrees()).toHaveLength(1)
    expect(readdirSync(join(repository.gitDir, 'worktrees'))).toHaveLength(1)
  })

  test('a folder that holds something is not taken', async () => {
    const owner = anOwner()
    const { repository, base, worktree } = await aWorktree(owner, owner.repository('project'))
    const path = join(owner.folder, 'precious')
    owner.write(join(path, 'thesis.txt'), 'years\n')
    await expect(repository.addWorktree(path, base)).rejects.toMatchObject({ code: 'worktree_failed' })
    await expect(repository.addWorktree(worktree, base)).rejects.toMatchObject({ code: 'worktree_failed' })
    await expect(repository.removeWorktree(path, { force: true })).rejects.toMatchObject({ code: 'worktree_failed' })
    expect(readFileSync(join(path, 'thesis.txt'), 'utf8')).toBe('years\n')
    expect(readFileSync(join(worktree, 'README.md'), 'utf8')).toBe('hello\n')
  })

  test('one whose folder was deleted by somebody can be added again, and removed twice', async () => {
    const owner = anOwner()
    const { repository, base, worktree } = await aWorktree(owner, owner.repository('project'))
    rmSync(worktree, { recursive: true })
    await repository.addWorktree(worktree, base)
    expect(owner.git(worktree, 'status', '--porcelain')).toBe('')
    await repository.removeWorktree(worktree)
    await repository.removeWorktree(worktree)
    expect(await repository.listWorktrees()).toEqual([])
  })

  test('what a crash cut short is finished at the next opening', async () => {
    const owner = anOwner()
    const path = owner.repository('project')
    const { repository, base, worktree } = await aWorktree(owner, path, 'resetting')
    const others = ['making', 'removing', 'ready'].map((name) => join(owner.folder, 'worktrees', name))
    for (const other of others) await repository.addWorktree(other, base)
    const records = join(repository.gitDir, 'claw', 'worktrees')
    for (const name of readdirSync(records).filter((file) => file.endsWith('.json'))) {
      const record = JSON.parse(readFileSync(join(records, name), 'utf8'))
      record.state = record.path.split('/').at(-1)
      writeFileSync(join(records, name), JSON.stringify(record))
      unlinkSync(join(record.path, 'README.md'))
      writeFileSync(join(record.path, 'half.txt'), 'half\n')
    }
    const next = createRepositories({
      world: { clock: systemClock, log: silentLog },
      ownerEnv: { PATH: process.env['PATH'], HOME: owner.home },
    })
    const reopened = await next.openLocal(path, repository.gitDir)
    expect(readdirSync(join(owner.folder, 'worktrees')).sort()).toEqual(['ready', 'resetting'])
    expect(await reopened.listWorktrees()).toHaveLength(2)
    expect(owner.git(worktree, 'status', '--porcelain')).toBe('')
    expect(existsSync(join(others[2]!, 'half.txt')), 'a worktree in use is left alone').toBe(true)
  })
})

describe('removing a worktree', () => {
  test('refuses where something is neither captured nor ignored, and names it', async () => {
    const owner = anOwner()
    const path = owner.repository('project', { 'README.md': 'x\n', '.gitignore': 'out/\n' })
    const { repository, worktree } = await aWorktree(owner, path)
    owner.write(join(worktree, 'out/x'), 'ignored\n')
    writeFileSync(join(worktree, 'work.txt'), 'an hour\n')
    await expect(repository.removeWorktree(worktree)).rejects.toMatchObject({
      code: 'worktree_dirty',
      message: expect.stringContaining('work.txt'),
    })
    expect(existsSync(join(worktree, 'work.txt'))).toBe(true)
    await repository.removeWorktree(worktree, { force: true })
    expect(existsSync(worktree)).toBe(false)
  })

  test('an agent’s own commit, or hiding a file from its index, does not pass for captured', async () => {
    const owner = anOwner()
    const { repository, worktree } = await aWorktree(owner, owner.repository('project'))
    writeFileSync(join(worktree, 'README.md'), 'changed\n')
    owner.git(worktree, 'commit', '-q', '-a', '-m', 'mine')
    owner.git(worktree, 'update-index', '--assume-unchanged', 'README.md')
    await expect(repository.removeWorktree(worktree)).rejects.toMatchObject({ code: 'worktree_dirty' })
  })

  test('goes through once it is captured or preserved, also where the ref has moved on from there', async () => {
    const owner = anOwner()
    const { repository, base, worktree, capture } = await aWorktree(owner, owner.repository('project'))
    writeFileSync(join(worktree, 'work.txt'), 'one\n')
    const first = await capture('refs/claw/preserved/run_1')
    const after = await repository.commitTree({
      tree: await repository.treeOf(base),
      parents: [first!.commit],
      message: 'later',
    })
    await repository.setRef('refs/claw/preserved/run_1', after)
    await repository.resetWorktree(worktree, base)
    writeFileSync(join(worktree, 'work.txt'), 'one\n')
    await repository.removeWorktree(worktree)
    expect(existsSync(worktree)).toBe(false)
  })
})

describe('resetting a worktree', () => {
  test('puts the files on the commit whatever was there, and does not move an agent’s branch', async () => {
    const owner = anOwner()
    const { repository, base, worktree, capture } = await aWorktree(owner, owner.repository('project'))
    writeFileSync(join(worktree, 'work.txt'), 'one\n')
    const captured = await capture()
    owner.git(worktree, 'checkout', '-q', '-b', 'agents')
    owner.git(worktree, 'add', '-A')
    owner.git(worktree, 'commit', '-q', '-m', 'agents own')
    const own = owner.git(worktree, 'rev-parse', 'agents')
    unlinkSync(join(worktree, 'README.md'))
    mkdirSync(join(worktree, 'README.md'))
    writeFileSync(join(worktree, 'README.md/x'), 'x')

    await repository.resetWorktree(worktree, base)

    expect(owner.git(worktree, 'status', '--porcelain', '--branch')).toBe('## HEAD (no branch)')
    expect(existsSync(join(worktree, 'work.txt'))).toBe(false)
    expect(await repository.find('refs/heads/agents')).toBe(own)
    await repository.resetWorktree(worktree, captured!.commit)
    expect(readFileSync(join(worktree, 'work.txt'), 'utf8')).toBe('one\n')
  })
})

describe('merging', () => {
  /** Two captures from one base that differ in the ways files can. */
  async function twoSides() {
    const owner = anOwner()
    const files = { 'both.txt': 'a\nb\nc\n', 'gone.txt': 'x\ny\nz\n', 'calm.txt': 'calm\n' }
    const { repository, base, worktree, capture } = await aWorktree(owner, owner.repository('project', files))
    writeFileSync(join(worktree, 'both.txt'), 'a\nTHEIRS\nc\n')
    writeFileSync(join(worktree, 'new.txt'), 'theirs\n')
    writeFileSync(join(worktree, 'gone.txt'), 'x\ny\nz\nmore\n')
    writeFileSync(join(worktree, 'only-theirs.txt'), 'theirs\n')
    const theirs = await capture('refs/claw/tasks/1/1')
    await repository.resetWorktree(worktree, base)
    writeFileSync(join(worktree, 'both.txt'), 'a\nOURS\nc\n')
    writeFileSync(join(worktree, 'new.txt'), 'ours\n')
    unlinkSync(join(worktree, 'gone.txt'))
    const ours = await capture('refs/claw/tasks/1/2')
    return { owner, repository, base, worktree, capture, ours: ours!.commit, theirs: theirs!.commit }
  }

  test('a trial names the paths in conflict, or the tree, and touches nothing', async () => {
    const { repository, base, ours, theirs, worktree, owner } = await twoSides()
    const before = owner.git(worktree, 'status', '--porcelain')
    expect(await repository.trialMerge(ours, theirs)).toEqual({ conflicts: ['both.txt', 'gone.txt', 'new.txt'] })
    expect(await repository.trialMerge(base, theirs)).toEqual({ tree: await repository.treeOf(theirs) })
    expect(owner.git(worktree, 'status', '--porcelain')).toBe(before)
  })

  test('starting one leaves markers in the worktree, and its capture has both parents', async () => {
    const { owner, repository, worktree, capture, ours, theirs } = await twoSides()
    writeFileSync(join(worktree, '.git'), 'gitdir: /somewhere/else\n')

    expect((await repository.startMerge(worktree, theirs)).sort()).toEqual(['both.txt', 'gone.txt', 'new.txt'])

    expect(readFileSync(join(worktree, 'both.txt'), 'utf8')).toMatch(
      /<<<<<<< .*\nOURS\n\|\|\|\|\|\|\| .*\nb\n=======\nTHEIRS\n>>>>>>> /,
    )
    expect(readFileSync(join(worktree, 'new.txt'), 'utf8')).toMatch(/<<<<<<< /)
    expect(owner.git(worktree, 'status', '--porcelain', '--', 'gone.txt')).toBe('DU gone.txt')

    writeFileSync(join(worktree, 'both.txt'), 'a\nOURS and THEIRS\nc\n')
    writeFileSync(join(worktree, 'new.txt'), 'both\n')
    unlinkSync(join(worktree, 'gone.txt'))
    const merged = await capture('refs/claw/tasks/1/2', { base: ours, mergedParents: [theirs] })
    expect(await repository.isAncestor(theirs, merged!.commit)).toBe(true)
    expect(await repository.isAncestor(ours, merged!.commit)).toBe(true)
    expect(await repository.listFiles(merged!.commit)).toEqual(['both.txt', 'calm.txt', 'new.txt', 'only-theirs.txt'])
    expect(await repository.trialMerge(merged!.commit, theirs)).toEqual({ tree: merged!.tree })
  })

  test('a merge cut off in the middle can be preserved as it is', async () => {
    const { repository, worktree, capture, ours, theirs } = await twoSides()
    await repository.startMerge(worktree, theirs)
    const kept = await capture('refs/claw/preserved/run_9', { base: ours })
    expect(await repository.readFile(kept!.commit, 'both.txt')).toContain('<<<<<<<')
    await repository.removeWorktree(worktree)
    expect(existsSync(worktree)).toBe(false)
  })

  test('a refused capture of a merge can be mended', async () => {
    const { owner, repository, worktree, capture, ours, theirs } = await twoSides()
    await repository.startMerge(worktree, theirs)
    owner.git(worktree, 'clone', '-q', join(owner.folder, 'project'), 'nested')
    const merge = () => capture('refs/claw/tasks/1/2', { base: ours, mergedParents: [theirs] })
    await expect(merge()).rejects.toMatchObject({ code: 'path_unsafe' })
    await expect(repository.removeWorktree(worktree)).rejects.toMatchObject({ code: 'worktree_dirty' })
    rmSync(join(worktree, 'nested/.git'), { recursive: true })
    expect((await merge())?.changes.map(({ path }) => path)).toContain('nested/calm.txt')
  })

  test('without a conflict the merged files lie there, and a capture makes the merge commit', async () => {
    const { repository, base, worktree, capture, theirs } = await twoSides()
    await repository.resetWorktree(worktree, base)
    expect(await repository.startMerge(worktree, theirs)).toEqual([])
    const merged = await capture('refs/claw/goal', { base, mergedParents: [theirs] })
    expect(merged?.tree).toBe(await repository.treeOf(theirs))
  })

  test('refuses to start over work that is not captured', async () => {
    const { repository, worktree, theirs } = await twoSides()
    writeFileSync(join(worktree, 'both.txt'), 'not captured\n')
    await expect(repository.startMerge(worktree, theirs)).rejects.toMatchObject({ code: 'worktree_dirty' })
    expect(readFileSync(join(worktree, 'both.txt'), 'utf8')).toBe('not captured\n')
  })
})
