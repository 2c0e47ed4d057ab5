import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commitFiles, git, makeRepository, temporaryFolder } from '../fakes/repositories.ts'
import type { Script, Step } from '../fakes/scripted-agent.ts'
import { branchesOf, fileAt, openRoom, plan, read, states, task, taskOf } from './daemon-room.ts'

const FILES = { 'README.md': '# Hello\n', 'list.txt': 'one\ntwo\nthree\n' }
/** Stands still until the owner has answered, then goes on. */
const hold = (...then: Step[]): Step[] => [{ do: 'ask', command: 'ssh example.org', yes: [], no: [] }, ...then]
const GOOD: Step = { do: 'write', path: 'a.txt', text: 'good\n' }

test('two tasks that wrote the same place are reconciled by a run that sees both intents, and each lands once', async () => {
  const room = await openRoom()
  const repository = makeRepository(FILES)
  const write = (name: string): Step[] => [
    { do: 'write', path: `${name}.txt`, text: 'good\n' },
    { do: 'write', path: 'list.txt', text: `one\ntwo\nthree\n${name}\n` },
  ]
  const settle: Step[] = [
    { do: 'run', command: 'cp list.txt seen.tmp' },
    { do: 'when', contains: 'Write a', yes: [{ do: 'write', path: 'list.txt', text: 'one\ntwo\nthree\na\nb\n' }] },
    { do: 'run', command: 'rm seen.tmp' },
  ]
  const script = (name: string): Script => ({ turns: [write(name), settle] })
  const both = plan([task('a', script('a')), task('b', script('b'))], {
    sharedPaths: ['list.txt'],
    checks: [{ command: 'grep -q one list.txt' }],
  })
  await room.add(both, repository)
  const view = await room.settled()
  expect(view.goal.state, view.words).toBe('met')
  const list = fileAt(repository, 'main', 'list.txt')!
  expect(list).toContain('a\n')
  expect(list).toContain('b\n')
  expect(list).not.toContain('<<<<')
  const late = view.taskViews.find(({ runs }) => runs.length > 1)!
  expect(late.runs.map(({ purpose }) => purpose)).toEqual(['work', 'reconcile'])
  expect(late.task.workFailures).toBe(0)
  expect(
    view.landings
      .filter(({ taskId }) => taskId !== null)
      .map(({ state }) => state)
      .sort(),
  ).toEqual(['conflict', 'landed', 'landed'])
})

test('what is green alone and red together goes back with the output, is mended, and only then lands', async () => {
  const room = await openRoom()
  const repository = makeRepository({ ...FILES, 'total.txt': '0\n' })
  // Each alone keeps to the limit of one; together they do not.
  const limit = {
    name: 'at most one',
    command: 'test $(ls count-* 2>/dev/null | wc -l) -le 1 || { ls count-*; echo too many counts; exit 1; }',
  }
  const make = (name: string): Script => ({
    turns: [
      [{ do: 'write', path: `count-${name}`, text: 'good\n' }],
      [
        { do: 'run', command: 'ls count-* > seen.txt' },
        {
          do: 'when',
          contains: 'too many counts',
          yes: [{ do: 'run', command: `git --version; rm -f count-a count-b seen.txt; echo good > count-both` }],
        },
      ],
    ],
  })
  const of = (name: string) =>
    task(name, make(name), {
      footprint: [`count-${name}`],
      checks: [{ command: `test -f count-${name} || test -f count-both`, kind: 'fails-before' }],
    })
  await room.add(
    plan([of('a'), of('b')], { checks: [limit], sharedPaths: ['count-both', 'count-a', 'count-b'] }),
    repository,
  )
  const view = await room.settled()
  expect(view.goal.state, view.words).toBe('met')
  const sent = view.taskViews.find(({ runs }) => runs.length === 2)!
  expect(sent.task.workFailures).toBe(1)
  const red = view.proofs.filter(({ kind, passed }) => kind === 'landing' && !passed)
  expect(red).toHaveLength(1)
  expect(red[0]!.results.find(({ passed }) => !passed)?.tail).toContain('too many counts')
  expect(git(repository, 'ls-tree', '--name-only', 'main').split('\n')).toContain('count-both')
  // The branch never held the red tree.
  for (const commit of git(repository, 'rev-list', '--first-parent', 'main').split('\n')) {
    const names = git(repository, 'ls-tree', '--name-only', commit)
      .split('\n')
      .filter((name) => name.startsWith('count-'))
    expect(names.length, commit).toBeLessThanOrEqual(1)
  }
})

test('a target that moved meanwhile is merged in and verified again; undo takes back only the goal’s part', async () => {
  const room = await openRoom()
  const repository = makeRepository(FILES)
  await room.add(plan([task('a', hold(GOOD))], { checks: [{ command: 'grep -q Hello README.md' }] }), repository)
  await room.openAsk('permission')
  const moved = commitFiles(repository, { 'later.txt': 'later\n' })
  await room.answer('permission', 'reject')
  const view = await room.settled()
  expect(view.goal.state).toBe('met')
  const head = git(repository, 'rev-parse', 'main')
  expect(git(repository, 'merge-base', moved, head)).toBe(moved)
  expect(
    view.proofs.some(
      ({ kind, commit, passed, taskId }) => kind === 'landing' && taskId === null && commit === head && passed,
    ),
  ).toBe(true)
  await room.daemon.goals.undo('1', 'ada')
  expect(fileAt(repository, 'main', 'a.txt')).toBeUndefined()
  expect(fileAt(repository, 'main', 'later.txt')).toBe('later\n')
})

test('six goals that are done at the same time land on one main, each once, none verified in vain', async () => {
  const room = await openRoom({ config: { runs: { max: 6, perRepositoryMax: 6 } } })
  const repository = makeRepository(FILES)
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const name of names) {
    const write: Step = { do: 'write', path: `${name}.txt`, text: 'good\n' }
    await room.add(
      plan([task(name, hold(write))], { checks: [{ command: 'sleep 0.2; grep -q Hello README.md' }] }),
      repository,
    )
  }
  const numbers = names.map((_, index) => `${index + 1}`)
  const asks = await Promise.all(numbers.map((number) => room.openAsk('permission', number)))
  for (const { id } of asks) await room.daemon.inbox.answer(id, { choice: 'reject', by: 'test' })
  await room.settled()
  for (const [index, number] of numbers.entries()) {
    const { goal, landings } = await room.daemon.goals.show(number)
    expect(goal.state, room.picture()).toBe('met')
    expect(landings.filter(({ taskId }) => taskId === null).map(({ state }) => state)).toEqual(['landed'])
    expect(fileAt(repository, 'main', `${names[index]}.txt`)).toBe('good\n')
  }
  const caughtUp = room.query<{ commit: string }>('select "commit" from proof where taskId is null')
  expect(caughtUp).toHaveLength(names.length - 1)
  for (const { commit } of caughtUp) expect(git(repository, 'merge-base', commit, 'main')).toBe(commit)
})

test('killed after catching up and before the target moved, the same landing goes on', async () => {
  const room = await openRoom()
  const repository = makeRepository(FILES)
  await room.add(plan([task('a', hold(GOOD))]), repository)
  await room.openAsk('permission')
  commitFiles(repository, { 'later.txt': 'later\n' })
  // Uncommitted work of the owner stops the landing in the moment after the catch-up.
  writeFileSync(join(repository, 'a.txt'), 'mine\n')
  await room.answer('permission', 'reject')
  await room.openAsk('land-blocked')
  // As the crash would have left it.
  room.sql(`update landing set state = 'merging', endedAt = null, note = null where taskId is null`)
  room.sql(`delete from ask where kind = 'land-blocked'`)
  rmSync(join(repository, 'a.txt'))
  await room.restart(async () =>
    room.sql(
      `insert into job (name, key, data, runAt, seq, tries) select 'land-goal', id, 'null', 0, 1, 0 from goal where true
     on conflict (name, key) do nothing`,
    ),
  )
  const view = await room.settled()
  expect(view.goal.state, room.picture()).toBe('met')
  expect(view.landings.filter(({ taskId }) => taskId === null).map(({ state }) => state)).toEqual(['landed'])
  expect(fileAt(repository, 'main', 'later.txt')).toBe('later\n')
})

test('killed between moving the target and saying so, after catching up, undo still takes back only the goal’s part', async () => {
  const room = await openRoom()
  const repository = makeRepository(FILES)
  await room.add(plan([task('a', hold(GOOD))]), repository)
  await room.openAsk('permission')
  commitFiles(repository, { 'later.txt': 'later\n' })
  await room.answer('permission', 'reject')
  expect((await room.settled()).goal.state).toBe('met')
  const landed = git(repository, 'rev-parse', 'main')

  // The rows as they were a moment before; git is as it is.
  room.sql(`update landing set state = 'merging', merged = null, proofId = null, endedAt = null where taskId is null`)
  room.sql(`update goal set state = 'open', endedAt = null where number = 1`)
  await room.restart()
  const view = await room.until(({ goal }) => goal.state === 'met')
  expect(git(repository, 'rev-parse', 'main')).toBe(landed)
  expect(view.landings.filter(({ taskId, state }) => taskId === null && state === 'landed')).toHaveLength(1)

  await room.daemon.goals.undo('1', 'ada')
  expect(fileAt(repository, 'main', 'a.txt')).toBeUndefined()
  expect(fileAt(repository, 'main', 'later.txt')).toBe('later\n')
})

test('a target that moved into the way becomes a task that settles it, and the owner’s words stay', async () => {
  const write = (text: string): Step => ({ do: 'write', path: 'list.txt', text })
  // Once it is settled wrongly, which must not make the merge forget its other side.
  const script: Script = {
    turns: [
      [
        {
          do: 'when',
          // With the line's end, so that the script does not find itself in the prompt.
          contains: 'up to date with main\n',
          yes: [write('wrong\n')],
          no: hold(write('one\ntwo\nthree\ngood\n')),
        },
      ],
      [write('one\ntwo\nthree\nowner\ngood\n')],
    ],
  }
  const room = await openRoom()
  const repository = makeRepository(FILES)
  const checks = [{ command: 'grep -q good list.txt', kind: 'fails-before' as const }]
  await room.add(plan([task('a', script, { footprint: ['list.txt'], checks })]), repository)
  await room.openAsk('permission')
  const moved = commitFiles(repository, { 'list.txt': 'one\ntwo\nthree\nowner\n' })
  await room.answer('permission', 'reject')
  const view = await room.settled()
  expect(view.goal.state, view.words).toBe('met')
  expect(view.taskViews.map(({ task: { spec } }) => spec.key)).toEqual(['a', 'catch-up-2'])
  expect(taskOf(view, 'catch-up-2').runs.map(({ purpose }) => purpose)).toEqual(['reconcile', 'work'])
  expect(fileAt(repository, 'main', 'list.txt')).toBe('one\ntwo\nthree\nowner\ngood\n')
  expect(git(repository, 'merge-base', moved, 'main')).toBe(moved)
})

test('a dirty checkout is left alone and asked about; once it is clean the work lands', async () => {
  const room = await openRoom()
  const repository = makeRepository(FILES)
  const before = branchesOf(repository)
  writeFileSync(join(repository, 'README.md'), 'my own words\n')
  await room.add(plan([task('a')]), repository)
  const waiting = await room.settled()
  expect(waiting.asks).toMatchObject([{ kind: 'land-blocked', detail: expect.stringContaining('README.md') }])
  expect(branchesOf(repository)).toBe(before)
  expect(read(join(repository, 'README.md'))).toBe('my own words\n')
  expect(existsSync(join(repository, 'a.txt'))).toBe(false)
  await room.answer('land-blocked', 'retry')
  expect((await room.settled()).openAsks).toBe(1)
  git(repository, 'checkout', '-q', '--', 'README.md')
  await room.answer('land-blocked', 'retry')
  expect((await room.settled()).goal.state).toBe('met')
  expect(read(join(repository, 'a.txt'))).toBe('good\n')
})

test('a file of the owner’s that git does not know is not overwritten', async () => {
  const room = await openRoom()
  const repository = makeRepository(FILES)
  writeFileSync(join(repository, 'a.txt'), 'mine, not in git\n')
  await room.add(plan([task('a')]), repository)
  await room.settled()
  expect((await room.daemon.inbox.list())[0]).toMatchObject({
    kind: 'land-blocked',
    detail: expect.stringContaining('a.txt'),
  })
  expect(read(join(repository, 'a.txt'))).toBe('mine, not in git\n')
})

test('a target that is checked out in a linked worktree moves there, files and all', async () => {
  const room = await openRoom()
  const repository = makeRepository(FILES)
  git(repository, 'checkout', '-q', '-b', 'other')
  const linked = join(temporaryFolder(), 'linked')
  git(repository, 'worktree', 'add', '-q', linked, 'main')
  await room.add(plan([task('a')]), repository, { branch: 'main' })
  expect((await room.settled()).goal.state).toBe('met')
  expect(read(join(linked, 'a.txt'))).toBe('good\n')
  expect(git(linked, 'status', '--porcelain')).toBe('')
  expect(existsSync(join(repository, 'a.txt'))).toBe(false)
})

test('the owner’s hooks, signing and file watcher never run', async () => {
  const room = await openRoom()
  const repository = makeRepository(FILES)
  const evidence = join(temporaryFolder(), 'ran')
  const program = join(temporaryFolder(), 'program.sh')
  writeFileSync(program, `#!/bin/sh\necho "$0 $@" >> '${evidence}'\nexit 1\n`)
  chmodSync(program, 0o755)
  const hooks = join(repository, '.git', 'hooks')
  mkdirSync(hooks, { recursive: true })
  for (const hook of [
    'pre-commit',
    'commit-msg',
    'post-checkout',
    'post-merge',
    'pre-merge-commit',
    'reference-transaction',
    'post-commit',
    'update',
    'pre-receive',
    'post-update',
  ]) {
    writeFileSync(join(hooks, hook), `#!/bin/sh\necho "${hook}" >> '${evidence}'\nexit 1\n`)
    chmodSync(join(hooks, hook), 0o755)
  }
  for (const [key, value] of [
    ['commit.gpgsign', 'true'],
    ['gpg.program', program],
    ['core.fsmonitor', program],
    ['core.hooksPath', hooks],
    ['core.pager', program],
    ['core.editor', program],
  ]) {
    git(repository, 'config', key!, value!)
  }
  await room.add(plan([task('a'), task('b')]), repository)
  const view = await room.settled()
  expect(view.goal.state, view.words).toBe('met')
  expect(existsSync(evidence) ? readFileSync(evidence, 'utf8') : '').toBe('')
})

test('a repository without commits gets its first ones', async () => {
  const room = await openRoom()
  const repository = join(temporaryFolder(), 'empty')
  mkdirSync(repository)
  git(repository, 'init', '-q', '--template=', '-b', 'trunk')
  await room.add(plan([task('a')]), repository)
  const view = await room.settled()
  expect(view.goal, view.words).toMatchObject({ state: 'met', targetBranch: 'trunk' })
  expect(read(join(repository, 'a.txt'))).toBe('good\n')
  expect(git(repository, 'status', '--porcelain')).toBe('')
})

test('with a detached HEAD the branch must be named where there are several; the one that is named moves', async () => {
  const room = await openRoom()
  const repository = makeRepository(FILES)
  git(repository, 'branch', 'other')
  git(repository, 'checkout', '-q', '--detach')
  const head = git(repository, 'rev-parse', 'HEAD')
  await expect(room.add(plan([task('a')]), repository)).rejects.toMatchObject({
    code: 'branch_not_found',
    hint: expect.stringContaining('--branch'),
  })
  await room.add(plan([task('a')]), repository, { branch: 'other' })
  expect((await room.settled()).goal.state).toBe('met')
  expect(fileAt(repository, 'other', 'a.txt')).toBe('good\n')
  expect(git(repository, 'rev-parse', 'HEAD', 'main').split('\n')).toEqual([head, head])
})

test('submodules and LFS pointers stay what they are', async () => {
  const room = await openRoom()
  const inner = makeRepository({ 'inner.txt': 'inner\n' }, { name: 'inner' })
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'ab'.repeat(32)}\nsize 12345\n`
  const repository = makeRepository({
    ...FILES,
    '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
    'big.bin': pointer,
  })
  execFileSync(
    'git',
    [
      '-c',
      'protocol.file.allow=always',
      '-c',
      'user.name=A',
      '-c',
      'user.email=a@b.c',
      'submodule',
      '--quiet',
      'add',
      inner,
      'sub',
    ],
    { cwd: repository, stdio: 'ignore' },
  )
  commitFiles(repository, {}, 'a submodule')
  const entry = git(repository, 'ls-tree', 'HEAD', 'sub')
  expect(entry).toContain('160000')
  await room.add(plan([task('a')]), repository)
  const view = await room.settled()
  expect(view.goal.state, view.words).toBe('met')
  expect(git(repository, 'ls-tree', 'main', 'sub')).toBe(entry)
  expect(fileAt(repository, 'main', 'big.bin')).toBe(pointer)
  expect(git(repository, 'diff', '--name-only', 'HEAD^', 'HEAD')).toBe('a.txt')
})

test('a path with spaces, quotes and other alphabets is a path like any other', async () => {
  const room = await openRoom({ home: join(temporaryFolder(), 'mein Heim Ω') })
  const repository = makeRepository({ ...FILES, 'ä b/ß.txt': 'x\n' }, { name: "Größe & 'more' 文" })
  const steps: Step[] = [{ do: 'write', path: 'ä b/новый.txt', text: 'good\n' }]
  await room.add(
    plan([
      task('a', steps, {
        footprint: ['ä b/**'],
        checks: [{ command: "grep -q good 'ä b/новый.txt'", kind: 'fails-before' }],
      }),
    ]),
    repository,
    {
      text: '日本語の目標',
    },
  )
  const view = await room.settled()
  expect(view.goal, view.words).toMatchObject({ state: 'met', branch: 'claw/1-goal' })
  expect(read(join(repository, 'ä b/новый.txt'))).toBe('good\n')
})

test('two goals on one repository both land, whoever is first', async () => {
  const room = await openRoom()
  const repository = makeRepository(FILES)
  await room.add(plan([task('a')]), repository)
  await room.add(plan([task('b')]), repository)
  await room.settled()
  const views = await Promise.all(['1', '2'].map((name) => room.daemon.goals.show(name)))
  expect(views.map(({ goal }) => goal.state)).toEqual(['met', 'met'])
  expect([fileAt(repository, 'main', 'a.txt'), fileAt(repository, 'main', 'b.txt')]).toEqual(['good\n', 'good\n'])
  expect(states(views[0]!)).toEqual(['done'])
  expect(taskOf(views[1]!, 'b').proofs.length).toBeGreaterThan(1)
})
