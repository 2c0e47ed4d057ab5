import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git, makeRepository } from '../fakes/repositories.ts'
import { branchesOf, fileAt, openRoom, plan, states, task } from './daemon-room.ts'

const README = { 'README.md': '# Hello\n' }

test('a goal of three tasks becomes proven work on the target branch, in order', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  const before = git(repository, 'rev-parse', 'HEAD')
  const made = plan([task('a'), task('b'), task('c', undefined, { needs: ['a', 'b'] })], {
    checks: [{ name: 'readme', command: 'grep -q Hello README.md' }],
  })
  await room.add(made, repository)
  const view = await room.settled()

  expect(view.goal, view.words).toMatchObject({ state: 'met', outcome: '3 tasks done and proven, on main' })
  expect(states(view)).toEqual(['done', 'done', 'done'])
  for (const name of ['a.txt', 'b.txt', 'c.txt']) expect(readFileSync(join(repository, name), 'utf8')).toBe('good\n')
  expect(git(repository, 'status', '--porcelain')).toBe('')
  // Only forward, and exactly to a commit that has a landing proof.
  const head = git(repository, 'rev-parse', 'HEAD')
  expect(git(repository, 'merge-base', before, head)).toBe(before)
  const proof = view.proofs.findLast((one) => one.kind === 'landing' && one.commit === head)
  expect(proof?.passed).toBe(true)
  // The last task's merged tree had to pass everything.
  expect(proof?.results.map((result) => result.command)).toEqual([
    'grep -q Hello README.md',
    'grep -q good a.txt',
    'grep -q good b.txt',
    'grep -q good c.txt',
  ])
  for (const { task: row, proofs } of view.taskViews) {
    expect(proofs.map(({ kind, passed }) => [kind, passed])).toEqual([
      ['task', true],
      ['landing', true],
    ])
    expect(row.worktree).toBeNull()
  }
  const message = git(repository, 'log', '-1', '--format=%an <%ae>%n%B', view.taskViews[0]!.task.commit!)
  expect(message).toContain('Ada Owner <ada@example.org>')
  for (const line of ['Claw-Goal: #1', 'Claw-Task: 1.1', 'Claw-Run: run_', 'Co-authored-by: scripted']) {
    expect(message).toContain(line)
  }
  const report = await room.daemon.goals.report('1')
  expect(report.markdown).toContain('3 tasks done and proven')
  expect(existsSync(report.file)).toBe(true)
  expect(await room.alive()).toEqual([])
})

test('landed as a branch, the target stays where it was', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  const before = git(repository, 'rev-parse', 'main')
  await room.add(plan([task('a')]), repository, { land: 'branch', text: 'Write a' })
  const view = await room.settled()
  expect(view.goal).toMatchObject({ state: 'met', branch: 'claw/1-write-a' })
  expect(git(repository, 'rev-parse', 'main')).toBe(before)
  expect(fileAt(repository, 'claw/1-write-a', 'a.txt')).toBe('good\n')
  expect(branchesOf(repository).split('\n')).toHaveLength(2)
})

test('a goal without a repository gets a workspace of its own, and ends with its files there', async () => {
  const room = await openRoom()
  await room.add(plan([task('a')]), null, { land: null })
  const view = await room.settled()
  expect(view.goal.state).toBe('met')
  expect(readFileSync(join(view.repository!, 'a.txt'), 'utf8')).toBe('good\n')
})
