import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git, makeRepository } from '../fakes/repositories.ts'
import type { Script, Step } from '../fakes/scripted-agent.ts'
import { fileAt, openRoom, plan, read, task, taskOf } from './daemon-room.ts'

const TEST = `import assert from 'node:assert/strict'
import test from 'node:test'
import { double } from '../src/double.js'
test('doubles', () => assert.equal(double(2), 4))
test('doubles nothing', () => assert.equal(double(0), 0))
`
const PACKAGE = { name: 'p', private: true, type: 'module', scripts: { test: 'node --test test/*.test.js' } }
const FILES = {
  'package.json': `${JSON.stringify(PACKAGE, null, 2)}\n`,
  'src/double.js': 'export const double = (n) => n * n\n',
  'test/double.test.js': TEST,
  '.gitignore': 'build/\n',
}
const BROKEN = { ...FILES, 'src/double.js': 'export const double = (n) => n + 1\n' }
const MEND: Step = { do: 'write', path: 'src/double.js', text: 'export const double = (n) => n * 2\n' }
const LIE: Step = { do: 'say', text: 'All tests pass. The task is done.' }

/** One task that must make `npm test` pass on a repository where it fails; one failed attempt and the owner is asked. */
async function whatBecomesOf(steps: Script, footprint = ['src/**', 'test/**'], more: Parameters<typeof task>[2] = {}) {
  const room = await openRoom()
  const repository = makeRepository(BROKEN)
  const checks = [{ name: 'tests', command: 'npm test', kind: 'fails-before' as const }]
  await room.add(plan([task('a', steps, { footprint, checks, ...more })]), repository, { attemptsMax: 1 })
  const view = await room.settled()
  return { room, repository, view, ...taskOf(view, 'a') }
}

function expectNoProof({ proofs, repository, view }: Awaited<ReturnType<typeof whatBecomesOf>>) {
  expect(proofs.filter(({ passed }) => passed)).toEqual([])
  expect(view.goal.state).toBe('open')
  expect(git(repository, 'rev-list', '--count', 'main')).toBe('1')
}

test('saying that it is done, with nothing changed, is a failed attempt', async () => {
  const end = await whatBecomesOf([LIE])
  expectNoProof(end)
  expect(end.proofs).toEqual([])
  expect(end.view.asks).toMatchObject([
    { kind: 'attempts-spent', detail: expect.stringContaining('nothing in the worktree has changed') },
  ])
})

test('a test that was deleted or weakened goes to the owner, not to the branch', async () => {
  const weak = TEST.replace('assert.equal(double(2), 4)', '{}').replace('assert.equal(double(0), 0)', '{}')
  for (const step of [
    { do: 'write', path: 'test/double.test.js', text: weak },
    { do: 'write', path: 'test/double.test.js', text: TEST.replaceAll('test(', 'test.skip(') },
    {
      do: 'run',
      command: 'mv test/double.test.js src/old.js && echo "import \\"node:test\\"" > test/other.test.js',
    },
  ] satisfies Step[]) {
    const end = await whatBecomesOf([step, LIE])
    expect(end.view.asks, JSON.stringify(step)).toMatchObject([
      { kind: 'guard', detail: expect.stringContaining('test') },
    ])
    expect(end.task.state).toBe('blocked')
    expect(git(end.repository, 'rev-list', '--count', 'main')).toBe('1')
    expect(end.proofs[0]?.guards).toContainEqual(expect.objectContaining({ guard: 'tests-weakened', level: 'ask' }))
  }
})

test('a package script that was replaced is not the one that is run', async () => {
  const bought = `${JSON.stringify({ ...PACKAGE, scripts: { test: 'true' } }, null, 2)}\n`
  const end = await whatBecomesOf(
    [{ do: 'write', path: 'package.json', text: bought }, LIE],
    ['src/**', 'test/**', '*.json'],
  )
  expectNoProof(end)
  expect(end.proofs[0]?.results[0]?.tail).toContain('doubles')
})

test('configuration that would skip the tests, put beside them, does not make them pass', async () => {
  const end = await whatBecomesOf([
    { do: 'write', path: '.npmrc', text: 'script-shell=/bin/true\n' },
    { do: 'write', path: 'src/note.js', text: '// done\n' },
    LIE,
  ])
  expectNoProof(end)
})

test('what passes only in its own tree (ignored files, files elsewhere) has no proof', async () => {
  const helped = await whatBecomesOf([
    { do: 'write', path: 'build/real.js', text: 'export const double = (n) => n * 2\n' },
    { do: 'write', path: 'src/double.js', text: "export { double } from '../build/real.js'\n" },
    { do: 'run', command: 'npm test' },
    LIE,
  ])
  expectNoProof(helped)
  const elsewhere = await whatBecomesOf([
    {
      do: 'run',
      command:
        'echo "export const double = (n) => n * 2" > "$HOME/real.mjs" && echo "export { double } from \\"$HOME/real.mjs\\"" > src/double.js && npm test',
    },
    LIE,
  ])
  expectNoProof(elsewhere)
})

test('commits on another branch change nothing: the files in the worktree are what counts', async () => {
  const { room, repository, view } = await whatBecomesOf([
    MEND,
    { do: 'commit', branch: 'main', message: 'straight to main' },
    { do: 'commit', branch: 'sneaky', message: 'elsewhere' },
    {
      do: 'run',
      command: 'git push -f origin HEAD:main; git update-ref refs/heads/main HEAD; git config user.name Mallory',
    },
  ])
  expect(view.goal.state).toBe('met')
  expect(git(repository, 'log', '--format=%s', 'main').split('\n')).toEqual(['Write a', 'first'])
  expect(git(repository, 'branch', '--format=%(refname:short)')).toBe('main')
  expect(room.clone('for-each-ref', '--format=%(refname)', 'refs/heads')).toBe(`refs/heads/${view.goal.branch}`)
  expect(git(repository, 'log', '-1', '--format=%an')).toBe('Ada Owner')
})

test('a repository inside the worktree is told to the agent, which mends it', async () => {
  const { view, repository, runs } = await whatBecomesOf(
    {
      turns: [
        [MEND, { do: 'run', command: 'mkdir -p src/inner && cd src/inner && git init -q && echo x > x' }],
        [
          {
            do: 'when',
            contains: 'git repository inside the worktree',
            yes: [{ do: 'run', command: 'rm -rf src/inner' }],
          },
        ],
      ],
    },
    undefined,
  ).then(async (end) => {
    if (end.view.goal.state === 'met') return end
    await end.room.answer('attempts-spent', 'retry')
    return { ...end, view: await end.room.settled(), ...taskOf(await end.room.settled(), 'a') }
  })
  expect(view.goal.state, view.words).toBe('met')
  expect(runs.map(({ outcome, failure }) => [outcome, failure])).toEqual([
    ['failed', 'work'],
    ['done', null],
  ])
  expect(fileAt(repository, 'main', 'src/inner/x')).toBeUndefined()
})

test('writing outside the footprint is asked about; a secret and a link that leads out never land', async () => {
  const outside = await whatBecomesOf([MEND, { do: 'write', path: 'other/place.txt', text: 'x\n' }])
  expect(outside.view.asks).toMatchObject([{ kind: 'guard', detail: expect.stringContaining('other/place.txt') }])
  expect(git(outside.repository, 'rev-list', '--count', 'main')).toBe('1')
  const secret = await whatBecomesOf([
    MEND,
    { do: 'write', path: 'src/key.js', text: `export const key = 'ghp_${'a1B2'.repeat(9)}'\n` },
  ])
  expectNoProof(secret)
  expect(secret.view.taskViews[0]!.runs[0]).toMatchObject({ failure: 'work', commit: null })
  expect(secret.view.taskViews[0]!.runs[0]!.note).toContain('holds a secret in src/key.js:1')
  const link = await whatBecomesOf([MEND, { do: 'run', command: 'ln -s /etc/passwd src/passwd' }])
  expectNoProof(link)
})

test('an agent reads and writes nothing of the owner’s, of the daemon’s or of another task’s', async (context) => {
  const room = await openRoom()
  if ((await room.daemon.health()).sandbox.name !== 'bubblewrap') return context.skip('bubblewrap does not work here')
  const repository = makeRepository(FILES)
  mkdirSync(join(room.ownerHome, '.ssh'))
  writeFileSync(join(room.ownerHome, '.ssh', 'id_ed25519'), 'PRIVATE-KEY')
  writeFileSync(join(room.paths.home, 'daemon.json'), '{"token":"TOKEN-OF-THE-DAEMON"}')
  const still: Step[] = [
    { do: 'write', path: 'b.txt', text: 'WORK-OF-ANOTHER' },
    { do: 'ask', command: 'ssh example.org', yes: [], no: [] },
    { do: 'write', path: 'b.txt', text: 'good\n' },
  ]
  await room.add(plan([task('b', still)]), repository)
  const waiting = await room.until((view) => view.openAsks > 0)
  const sibling = taskOf(waiting, 'b').task.worktree!
  expect(read(join(sibling, 'b.txt'))).toBe('WORK-OF-ANOTHER')
  const targets = [
    join(room.paths.home, 'daemon.json'),
    room.paths.databaseFile,
    join(sibling, 'b.txt'),
    join(room.ownerHome, '.ssh', 'id_ed25519'),
    '/root/.bash_history',
    '/etc/shadow',
  ]
  const steps: Step[] = [
    ...targets.map((path, n): Step => ({ do: 'read', path, to: `got/${n}.txt` })),
    { do: 'run', command: 'mkdir -p got; cat /proc/*/environ > got/environ.txt 2>/dev/null; true' },
    ...[
      join(room.paths.home, 'planted'),
      join(room.ownerHome, 'planted'),
      join(sibling, 'planted'),
      join(repository, 'planted'),
    ].map((path): Step => ({ do: 'run', command: `echo x > '${path}' || true` })),
    { do: 'write', path: 'c.txt', text: 'good\n' },
  ]
  await room.add(
    plan([task('c', [{ do: 'run', command: 'mkdir got' }, ...steps], { footprint: ['c.txt', 'got/**'] })]),
    repository,
  )
  const view = await room.until(({ goal }) => goal.state !== 'open', '2')
  expect(view.goal.state).toBe('met')
  for (const n of targets.keys()) {
    expect(fileAt(repository, 'main', `got/${n}.txt`), targets[n]).toMatch(/^cannot read: (ENOENT|EACCES|EPERM)$|^$/)
  }
  const seen = fileAt(repository, 'main', 'got/environ.txt') ?? ''
  for (const never of ['TOKEN-OF-THE-DAEMON', 'PRIVATE-KEY', 'WORK-OF-ANOTHER']) expect(seen).not.toContain(never)
  for (const place of [room.paths.home, room.ownerHome, sibling, repository]) {
    expect(existsSync(join(place, 'planted')), place).toBe(false)
  }
  expect(readFileSync(join(sibling, 'b.txt'), 'utf8')).toBe('WORK-OF-ANOTHER')
})
