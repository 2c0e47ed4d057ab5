import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commitFiles, git, makeRepository } from '../fakes/repositories.ts'
import type { Step } from '../fakes/scripted-agent.ts'
import { fileAt, openRoom, plan, states, task, taskOf } from './daemon-room.ts'

const README = { 'README.md': '# Hello\n', 'list.txt': 'one\ntwo\nthree\nfour\nfive\n' }
/** Writes a part, then asks the owner and thereby stands still. */
const HALF: Step[] = [
  { do: 'write', path: 'half.txt', text: 'half\n' },
  { do: 'ask', command: 'ssh example.org', yes: [], no: [] },
  { do: 'write', path: 'a.txt', text: 'good\n' },
]
const wide = { footprint: ['a.txt', 'half.txt'] }

test('a paused goal stops its agents, keeps what they did, and goes on in the same session when resumed', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  const turns = { turns: [HALF, [{ do: 'write' as const, path: 'a.txt', text: 'good\n' }]] }
  await room.add(plan([task('a', turns, wide)]), repository)
  await room.openAsk('permission')
  await room.daemon.goals.pause('1', 'test')
  const paused = await room.settled()
  expect(paused.status).toBe('paused')
  expect(await room.alive()).toEqual([])
  const [first] = taskOf(paused, 'a').runs
  expect(first).toMatchObject({ outcome: 'stopped' })
  expect(room.clone('show', `refs/claw/preserved/${first!.id}:half.txt`)).toBe('half')
  await room.daemon.goals.resume('1', 'test')
  const view = await room.settled()
  expect(view.goal.state).toBe('met')
  expect(taskOf(view, 'a').runs[1]?.sessionId).toBe(first!.sessionId)
  expect(fileAt(repository, 'main', 'half.txt')).toBe('half\n')
})

test('a cancelled goal leaves no process, no question and no worktree, and its work is preserved', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  await room.add(plan([task('a', HALF, wide), task('b', undefined, { needs: ['a'] })]), repository)
  await room.openAsk('permission')
  await room.daemon.goals.cancel('1', 'test')
  const view = await room.settled()
  expect(view.goal).toMatchObject({ state: 'dropped', outcome: 'cancelled by test' })
  expect(states(view)).toEqual(['cancelled', 'cancelled'])
  expect(view.openAsks).toBe(0)
  expect(await room.alive()).toEqual([])
  const [run] = taskOf(view, 'a').runs
  expect(room.clone('show', `refs/claw/preserved/${run!.id}:half.txt`)).toBe('half')
  expect(existsSync(run!.worktree)).toBe(false)
  expect(git(repository, 'rev-list', '--count', 'main')).toBe('1')
  expect((await room.daemon.goals.report('1')).markdown).toContain('cancelled')
  await expect(room.daemon.goals.resume('1', 'test')).rejects.toMatchObject({ code: 'move_refused' })
})

test('work given back that fails its check goes on to an agent like anyone’s', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  const turns = { turns: [HALF, [{ do: 'write' as const, path: 'a.txt', text: 'good\n' }]] }
  await room.add(plan([task('a', turns, wide)]), repository)
  await room.openAsk('permission')
  await room.daemon.goals.take('1.1', 'ada')
  expect(await room.alive()).toEqual([])
  expect(await room.daemon.inbox.list()).toEqual([])
  await room.daemon.goals.give('1.1', 'ada')
  const view = await room.settled()
  const { runs, proofs, task: row } = taskOf(view, 'a')
  expect(runs.map(({ agent }) => agent)).toEqual(['scripted', 'owner', 'scripted'])
  expect(proofs.map(({ kind, passed }) => [kind, passed])).toEqual([
    ['task', false],
    ['task', true],
    ['landing', true],
  ])
  expect(row.workFailures).toBe(1)
  expect(view.goal.state).toBe('met')
})

test('what the owner did in the worktree lands with a proof and the owner’s name', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  await room.add(plan([task('a', HALF, wide)]), repository)
  await room.openAsk('permission')
  const { worktree } = await room.daemon.goals.take('1.1', 'ada')
  expect(await room.daemon.goals.take('1.1', 'ada')).toEqual({ worktree })
  writeFileSync(join(worktree, 'a.txt'), 'good, by hand\n')
  await room.daemon.goals.give('1.1', 'ada')
  const view = await room.settled()
  expect(view.goal.state).toBe('met')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good, by hand\n')
  const { task: row, runs, proofs } = taskOf(view, 'a')
  expect(runs.at(-1)).toMatchObject({ agent: 'owner', outcome: 'done' })
  expect(proofs.map(({ passed }) => passed)).toEqual([true, true])
  expect(git(repository, 'log', '-1', '--format=%b', row.commit!)).not.toContain('Co-authored-by')
  await expect(room.daemon.goals.give('1.1', 'ada')).rejects.toMatchObject({ code: 'move_refused' })
  await expect(room.daemon.goals.take('1.1', 'ada')).rejects.toMatchObject({ code: 'move_refused' })
})

test('taking over a task whose run does not live in this process leaves one writer: the owner', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  await room.add(plan([task('a', HALF, wide)]), repository)
  await room.openAsk('permission')
  let worktree = ''
  await room.restart(async () => {
    worktree = (await room.daemon.goals.take('1.1', 'ada')).worktree
  })
  const view = await room.settled()
  const open = taskOf(view, 'a').runs.filter((run) => run.state !== 'ended')
  expect(open.map(({ agent }) => agent)).toEqual(['owner'])
  expect(await room.alive()).toEqual([])
  writeFileSync(join(worktree, 'a.txt'), 'good, by hand\n')
  await room.daemon.goals.give('1.1', 'ada')
  expect((await room.settled()).goal.state).toBe('met')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good, by hand\n')
})

test('cancelling while the owner has the work ends that run too and preserves what lies there', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  await room.add(plan([task('a', HALF, wide)]), repository)
  await room.openAsk('permission')
  const { worktree } = await room.daemon.goals.take('1.1', 'ada')
  writeFileSync(join(worktree, 'a.txt'), 'by hand\n')
  await room.daemon.goals.cancel('1', 'ada')
  const view = await room.settled()
  const { runs } = taskOf(view, 'a')
  expect(runs.map(({ state, outcome }) => [state, outcome])).toEqual([
    ['ended', 'stopped'],
    ['ended', 'stopped'],
  ])
  expect(room.clone('show', `refs/claw/preserved/${runs.at(-1)!.id}:a.txt`)).toBe('by hand')
})

test('a proof can be made again, on the same commit, and says the same', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  await room.add(plan([task('a')]), repository)
  await room.settled()
  const { recorded, again } = await room.daemon.goals.reprove('1.1')
  expect(recorded.passed).toBe(true)
  expect(again).toMatchObject({ passed: true, tree: recorded.tree })
  expect(again.results.map(({ outputDigest }) => outputDigest)).toEqual(
    recorded.results.map(({ outputDigest }) => outputDigest),
  )
})

test('undo takes back exactly what the goal brought, whatever came after, and only once', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  await room.add(plan([task('a')], { checks: [{ command: 'grep -q Hello README.md' }] }), repository)
  await room.settled()
  commitFiles(repository, { 'later.txt': 'later\n' })
  const { branch } = await room.daemon.goals.undo('1', 'ada')
  expect(branch).toBe('main')
  expect(fileAt(repository, 'main', 'a.txt')).toBeUndefined()
  expect(fileAt(repository, 'main', 'later.txt')).toBe('later\n')
  expect(existsSync(join(repository, 'a.txt'))).toBe(false)
  expect(git(repository, 'status', '--porcelain')).toBe('')
  const head = git(repository, 'rev-parse', 'main')
  await expect(room.daemon.goals.undo('1', 'ada')).rejects.toMatchObject({ code: 'move_refused' })
  expect(git(repository, 'rev-parse', 'main')).toBe(head)
})

test('undo is refused, and moves nothing, where later commits changed the same lines or need the work', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  const edit = task('a', [{ do: 'write', path: 'list.txt', text: 'one\ntwo\ngood\nfour\nfive\n' }], {
    footprint: ['list.txt'],
    checks: [{ command: 'grep -q good list.txt', kind: 'fails-before' }],
  })
  await room.add(plan([edit], { checks: [{ command: 'test ! -f needs-list || grep -q good list.txt' }] }), repository)
  await room.settled()
  const needing = commitFiles(repository, { 'needs-list': '' })
  await expect(room.daemon.goals.undo('1', 'ada')).rejects.toMatchObject({
    code: 'move_refused',
    message: expect.stringContaining('something that came after needs it'),
  })
  expect(git(repository, 'rev-parse', 'main')).toBe(needing)
  const same = commitFiles(repository, { 'list.txt': 'one\ntwo\nbetter\nfour\nfive\n' })
  await expect(room.daemon.goals.undo('1', 'ada')).rejects.toMatchObject({
    code: 'move_refused',
    message: expect.stringContaining('list.txt'),
  })
  expect(git(repository, 'rev-parse', 'main')).toBe(same)
})

test('undo leaves a checkout with uncommitted changes alone', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  await room.add(plan([task('a')]), repository)
  await room.settled()
  writeFileSync(join(repository, 'README.md'), 'in the middle of something\n')
  const head = git(repository, 'rev-parse', 'main')
  await expect(room.daemon.goals.undo('1', 'ada')).rejects.toMatchObject({ code: 'worktree_dirty' })
  expect(git(repository, 'rev-parse', 'main')).toBe(head)
})
