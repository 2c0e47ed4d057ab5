import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { anOwner, aWorktree } from './owner-repository.ts'

describe('capturing what lies in a worktree', () => {
  test('makes one commit on the base, by the owner, with trailers, and names it', async () => {
    const owner = anOwner()
    const { repository, base, worktree, capture } = await aWorktree(owner, owner.repository('project'))
    writeFileSync(join(worktree, 'README.md'), 'hello\nworld\n')
    owner.write(join(worktree, 'dir/ö b.txt'), 'new\n')
    unlinkSync(join(worktree, 'src/a.txt'))

    const captured = await capture()

    expect(captured?.changes).toEqual([
      { path: 'README.md', from: null, kind: 'modified', insertions: 1, deletions: 0, mode: '100644' },
      { path: 'dir/ö b.txt', from: null, kind: 'added', insertions: 1, deletions: 0, mode: '100644' },
      { path: 'src/a.txt', from: null, kind: 'deleted', insertions: 0, deletions: 3, mode: '000000' },
    ])
    expect(await repository.find('refs/claw/tasks/1/1')).toBe(captured?.commit)
    expect(await repository.treeOf(captured!.commit)).toBe(captured?.tree)
    const raw = owner.git(repository.gitDir, 'cat-file', 'commit', captured!.commit)
    expect(raw).toContain(`\nparent ${base}\nauthor Ada Owner <ada@example.org> `)
    expect(raw).toMatch(/\n\nDo it\n\nClaw-Task: 1\.1$/)
  })

  test('answers undefined where nothing differs, and moves no ref', async () => {
    const owner = anOwner()
    const { repository, capture } = await aWorktree(owner, owner.repository('project'))
    expect(await capture()).toBeUndefined()
    expect(await repository.find('refs/claw/tasks/1/1')).toBeUndefined()
  })

  test('squashes an agent’s own commits and branches, and does not believe its index', async () => {
    const owner = anOwner()
    const { repository, base, worktree, capture } = await aWorktree(owner, owner.repository('project'))
    owner.git(worktree, 'checkout', '-q', '-b', 'agent-branch')
    writeFileSync(join(worktree, 'committed.txt'), 'by the agent\n')
    owner.git(worktree, 'add', '-A')
    owner.git(worktree, 'commit', '-q', '-m', 'agent commit')
    writeFileSync(join(worktree, 'README.md'), 'hidden from its index\n')
    owner.git(worktree, 'update-index', '--assume-unchanged', 'README.md')
    owner.git(worktree, 'rm', '-q', '--cached', 'src/a.txt')

    const captured = await capture()

    expect(captured?.changes.map(({ path }) => path)).toEqual(['README.md', 'committed.txt'])
    expect(await repository.log(captured!.commit, 5)).toHaveLength(2)
    expect(await repository.isAncestor(base, captured!.commit)).toBe(true)
  })

  test.each([
    ['gone', (file: string) => rmSync(file)],
    ['pointing elsewhere', (file: string) => writeFileSync(file, 'gitdir: /nowhere/.git\n')],
    [
      'a repository of its own',
      (file: string) => {
        rmSync(file)
        execFileSync('git', ['init', '-q', join(file, '..')])
      },
    ],
  ])('works where the .git file is %s', async (_, tamper) => {
    const owner = anOwner()
    const { worktree, capture, repository, base } = await aWorktree(owner, owner.repository('project'))
    tamper(join(worktree, '.git'))
    writeFileSync(join(worktree, 'new.txt'), 'new\n')
    expect((await capture())?.changes.map(({ path }) => path)).toEqual(['new.txt'])
    await repository.resetWorktree(worktree, base)
    expect(owner.git(worktree, 'status', '--porcelain')).toBe('')
    await repository.removeWorktree(worktree)
    expect(existsSync(worktree)).toBe(false)
  })

  test('runs no hook, filter, monitor or signature, whoever configured it', async () => {
    const owner = anOwner()
    const path = owner.repository('project')
    const proof = join(owner.folder, 'ran')
    const script = join(owner.folder, 'evil.sh')
    writeFileSync(script, `#!/bin/sh\necho "$0 $*" >> '${proof}'\ncat\n`)
    chmodSync(script, 0o755)
    const names = [
      'pre-commit',
      'post-checkout',
      'post-commit',
      'reference-transaction',
      'post-merge',
      'post-index-change',
    ]
    const setTraps = (dir: string, cwd: string) => {
      mkdirSync(join(dir, 'hooks'), { recursive: true })
      for (const name of names) {
        writeFileSync(join(dir, 'hooks', name), `#!/bin/sh\necho ${name} >> '${proof}'\n`)
        chmodSync(join(dir, 'hooks', name), 0o755)
      }
      const settings = {
        'core.hooksPath': join(dir, 'hooks'),
        'core.fsmonitor': script,
        'commit.gpgSign': 'true',
        'gpg.program': script,
        'filter.evil.clean': script,
        'filter.evil.smudge': script,
        'merge.evil.driver': script,
        'diff.evil.textconv': script,
        'diff.external': script,
        'filter.lfs.clean': script,
        'filter.lfs.smudge': script,
        'filter.lfs.required': 'true',
      }
      for (const [key, value] of Object.entries(settings)) owner.git(cwd, 'config', key, value)
    }
    setTraps(join(path, '.git'), path)
    const { repository, worktree, capture, base } = await aWorktree(owner, path)
    setTraps(repository.gitDir, worktree)
    rmSync(proof, { force: true })

    writeFileSync(join(worktree, '.gitattributes'), '* filter=evil diff=evil merge=evil\n*.bin filter=lfs\n')
    writeFileSync(join(worktree, 'x.bin'), 'version https://git-lfs.github.com/spec/v1\n')
    const captured = await capture()
    await repository.diff(base, captured!.commit)
    await repository.resetWorktree(worktree, base)
    await repository.startMerge(worktree, captured!.commit)
    await repository.removeWorktree(worktree, { force: true })
    expect(await repository.land('main', captured!.commit, base)).toMatchObject({
      outcome: 'refused',
      why: expect.stringContaining('filter'),
    })
    for (const part of ['clean', 'smudge']) owner.git(path, 'config', '--unset', `filter.evil.${part}`)
    expect(await repository.land('main', captured!.commit, base)).toEqual({ outcome: 'landed', how: 'checked-out' })

    expect(existsSync(proof) ? readFileSync(proof, 'utf8') : '').toBe('')
    owner.git(path, 'update-ref', 'refs/heads/canary', 'HEAD')
    expect(readFileSync(proof, 'utf8'), 'the traps do work').toContain('reference-transaction')
  })

  test('leaves out what is ignored, by the repository or by the owner alone, also when it was captured once', async () => {
    const owner = anOwner()
    const path = owner.repository('project', { 'README.md': 'x\n', '.gitignore': 'build/\n' })
    owner.write(join(owner.home, '.config/git/ignore'), '.idea/\n')
    owner.write(join(path, '.git/info/exclude'), '.env\n')
    const { worktree, capture, repository } = await aWorktree(owner, path)
    for (const name of ['build/x', '.idea/x', '.env', 'node_modules/x', 'kept.txt'])
      owner.write(join(worktree, name), 'x\n')
    expect((await capture())?.changes.map((change) => change.path)).toEqual(['kept.txt', 'node_modules/x'])

    writeFileSync(join(worktree, '.gitignore'), 'build/\nnode_modules/\n')
    const captured = await capture()
    expect(captured?.changes.map((change) => change.path)).toEqual(['.gitignore', 'kept.txt'])
    await repository.resetWorktree(worktree, captured!.commit)
    expect(existsSync(join(worktree, 'node_modules/x')), 'ignored files stay').toBe(true)
  })

  test('keeps symlinks as symlinks and says so, and never follows one out of the worktree', async () => {
    const owner = anOwner()
    const { repository, base, worktree, capture } = await aWorktree(owner, owner.repository('project'))
    owner.write(join(owner.folder, 'outside/a.txt'), 'not yours\n')
    rmSync(join(worktree, 'src'), { recursive: true })
    symlinkSync(join(owner.folder, 'outside'), join(worktree, 'src'))

    const captured = await capture()
    expect(captured?.changes.find(({ path }) => path === 'src')).toMatchObject({ kind: 'added', mode: '120000' })

    await repository.resetWorktree(worktree, base)
    expect(readFileSync(join(worktree, 'src/a.txt'), 'utf8')).toBe('one\ntwo\nthree\n')
    expect(readFileSync(join(owner.folder, 'outside/a.txt'), 'utf8')).toBe('not yours\n')
  })

  test.each([
    ['with commits', true],
    ['without any', false],
  ])('refuses a repository planted in the worktree, %s, and does not remove it either', async (_, commits) => {
    const owner = anOwner()
    const { repository, worktree, capture } = await aWorktree(owner, owner.repository('project'))
    const nested = owner.repository('nested')
    mkdirSync(join(worktree, 'vendor'))
    if (commits) owner.git(worktree, 'clone', '-q', nested, 'vendor/nested')
    else owner.git(worktree, 'init', '-q', 'vendor/nested')
    await expect(capture()).rejects.toMatchObject({ code: 'path_unsafe', details: { paths: ['vendor/nested'] } })
    expect(await repository.find('refs/claw/tasks/1/1')).toBeUndefined()
    await expect(repository.removeWorktree(worktree)).rejects.toMatchObject({ code: 'worktree_dirty' })
    rmSync(join(worktree, 'vendor/nested/.git'), { recursive: true })
    const captured = await capture()
    expect(captured?.changes.length ?? 0).toBe(commits ? 2 : 0)
  })

  test('keeps submodules as they are, reports a changed one, and refuses files in the place of one', async () => {
    const owner = anOwner()
    const library = owner.repository('library')
    const path = owner.repository('project')
    owner.git(path, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library, 'lib')
    owner.git(path, 'commit', '-q', '-m', 'with a submodule')
    const { worktree, capture } = await aWorktree(owner, path)
    expect(await capture(), 'an empty folder is the submodule, untouched').toBeUndefined()

    writeFileSync(join(worktree, 'lib/stray.txt'), 'lost?\n')
    await expect(capture()).rejects.toMatchObject({ code: 'path_unsafe', details: { paths: ['lib'] } })
    rmSync(join(worktree, 'lib/stray.txt'))

    owner.git(library, 'commit', '-q', '--allow-empty', '-m', 'newer')
    owner.git(worktree, 'clone', '-q', library, 'lib')
    expect((await capture())?.changes).toMatchObject([{ path: 'lib', kind: 'modified', mode: '160000' }])
  })

  test('large files stay the pointers that git stores', async () => {
    const owner = anOwner()
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 5\n`
    const path = owner.repository('project', {
      '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs\n',
      'x.bin': pointer,
    })
    writeFileSync(
      join(owner.home, '.gitconfig'),
      '[filter "lfs"]\n\tsmudge = false\n\tclean = false\n\trequired = true\n',
    )
    const { worktree, capture } = await aWorktree(owner, path)
    expect(readFileSync(join(worktree, 'x.bin'), 'utf8')).toBe(pointer)
    expect(await capture()).toBeUndefined()
  })

  test('notes renames, type changes, modes and binary files', async () => {
    const owner = anOwner()
    const text = Array.from({ length: 30 }, (_, n) => `line ${n}\n`).join('')
    const path = owner.repository('project', { 'old.txt': text, 'run.sh': 'x\n', 'link.txt': 'plain\n' })
    const { worktree, capture } = await aWorktree(owner, path)
    unlinkSync(join(worktree, 'old.txt'))
    writeFileSync(join(worktree, 'new.txt'), `${text}more\n`)
    chmodSync(join(worktree, 'run.sh'), 0o755)
    unlinkSync(join(worktree, 'link.txt'))
    symlinkSync('run.sh', join(worktree, 'link.txt'))
    writeFileSync(join(worktree, 'pic.png'), Buffer.from([0, 1, 2, 255]))
    const changes = (await capture())!.changes
    expect(changes).toContainEqual({
      path: 'new.txt',
      from: 'old.txt',
      kind: 'renamed',
      insertions: 1,
      deletions: 0,
      mode: '100644',
    })
    expect(changes).toContainEqual(expect.objectContaining({ path: 'run.sh', kind: 'modified', mode: '100755' }))
    expect(changes).toContainEqual(expect.objectContaining({ path: 'link.txt', kind: 'type-changed', mode: '120000' }))
    expect(changes).toContainEqual(expect.objectContaining({ path: 'pic.png', insertions: null, deletions: null }))
  })
})
