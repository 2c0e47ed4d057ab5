import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { anOwner, aWorktree } from './owner-repository.ts'

describe('reading a commit', () => {
  test('files are text, absent, or refused with the reason', async () => {
    const owner = anOwner()
    const path = owner.repository('project', { 'ä b.txt': 'text ✓\n', 'big.txt': 'x'.repeat(5000) })
    writeFileSync(join(path, 'blob.bin'), Buffer.from([1, 0, 2]))
    owner.git(path, 'add', '-A')
    owner.git(path, 'commit', '-q', '-m', 'binary')
    const { repository } = await aWorktree(owner, path)
    const main = await repository.ownerBranch('main')
    expect(await repository.listFiles(main)).toEqual(['big.txt', 'blob.bin', 'ä b.txt'])
    expect(await repository.readFile(main, 'ä b.txt')).toBe('text ✓\n')
    expect(await repository.readFile(main, 'big.txt')).toHaveLength(5000)
    expect(await repository.readFile(main, 'none.txt')).toBeUndefined()
    await expect(repository.readFile(main, 'big.txt', 4999)).rejects.toMatchObject({ code: 'input_invalid' })
    await expect(repository.readFile(main, 'blob.bin')).rejects.toMatchObject({ code: 'input_invalid' })
  })

  test('a diff can be narrowed to paths, and says where it was cut', async () => {
    const owner = anOwner()
    const { repository, base, worktree, capture } = await aWorktree(owner, owner.repository('project'))
    writeFileSync(join(worktree, 'README.md'), 'changed\n')
    writeFileSync(join(worktree, 'src/a.txt'), 'line\n'.repeat(1000))
    const { commit } = (await capture())!
    const only = await repository.diff(base, commit, { paths: ['README.md'] })
    expect(only).toContain('-hello\n+changed\n')
    expect(only).not.toContain('a.txt')
    const cut = await repository.diff(base, commit, { bytesMax: 500 })
    expect(cut).toMatch(/\+line\n… the rest of this diff is left out: it is longer than 500 bytes\n$/)
    expect(cut.length).toBeLessThan(600)
  })

  test('what would be an option to git is refused', async () => {
    const owner = anOwner()
    const { repository, base } = await aWorktree(owner, owner.repository('project'))
    await expect(repository.find('--all')).rejects.toMatchObject({ code: 'input_invalid' })
    await expect(repository.diff(base, '--output=/tmp/x')).rejects.toMatchObject({ code: 'input_invalid' })
    await expect(repository.land('-f', base, base)).rejects.toMatchObject({ code: 'input_invalid' })
  })
})

describe('refs of ours', () => {
  test('move only from what was expected', async () => {
    const owner = anOwner()
    const { repository, base } = await aWorktree(owner, owner.repository('project'))
    const next = await repository.commitTree({ tree: await repository.treeOf(base), parents: [base], message: 'n' })
    await repository.setRef('refs/heads/claw/1-x', base, null)
    await expect(repository.setRef('refs/heads/claw/1-x', next, null)).rejects.toMatchObject({ code: 'ref_moved' })
    await expect(repository.setRef('refs/heads/claw/1-x', next, next)).rejects.toMatchObject({ code: 'ref_moved' })
    await expect(repository.setRef('refs/claw/none', next, base)).rejects.toMatchObject({ code: 'ref_moved' })
    await repository.setRef('refs/heads/claw/1-x', next, base)
    expect(await repository.listRefs('refs/heads/claw')).toEqual([{ ref: 'refs/heads/claw/1-x', commit: next }])
    await repository.dropRef('refs/heads/claw/1-x')
    await repository.dropRef('refs/heads/claw/1-x')
    expect(await repository.listRefs('refs/heads')).toEqual([])
    await expect(repository.setRef('refs/claw/owner/heads/main', next)).rejects.toMatchObject({ code: 'input_invalid' })
  })
})
