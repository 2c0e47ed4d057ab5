import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git, makeRepository, temporaryFolder } from '../fakes/repositories.ts'
import { branchesOf, type DaemonRoom, openRoom, plan, task } from './daemon-room.ts'

const GOOD = plan([task('a')])

interface Case {
  name: string
  input: Record<string, unknown>
  code: string
  /** What the message or the hint names. */
  names: string
}

/** Everything in the home that a goal could have left. */
function leftovers(room: DaemonRoom): string[] {
  const { repositoriesDir, worktreesDir, workspacesDir, runsDir, verifyDir } = room.paths
  const rows = ['goal', 'plan', 'repository', 'job', 'event'].flatMap((table) =>
    room.query<{ type?: string }>(`select * from ${table}`).map((row) => `${table} ${row.type ?? ''}`),
  )
  const files = [repositoriesDir, worktreesDir, workspacesDir, runsDir, verifyDir]
    .filter(existsSync)
    .flatMap((dir) => readdirSync(dir).map((name) => join(dir, name)))
  return [...rows.filter((row) => row !== 'event daemon.reconciled'), ...files]
}

test('what cannot be right is refused, naming it, before anything is made', async () => {
  const room = await openRoom()
  const repository = makeRepository({ 'README.md': '# Hello\n', 'src/a.js': 'a\n' })
  git(repository, 'branch', 'develop')
  const plain = temporaryFolder('claw-plain')
  const file = join(plain, 'file')
  writeFileSync(file, 'x')
  const empty = join(plain, 'empty')
  mkdirSync(empty)
  git(empty, 'init', '-q', '--template=', '-b', 'trunk')
  const before = branchesOf(repository)
  const cases: Case[] = [
    {
      name: 'a folder that is not there',
      input: { repo: '/nowhere/at/all' },
      code: 'repository_not_found',
      names: '/nowhere/at/all',
    },
    { name: 'a folder without a repository', input: { repo: plain }, code: 'repository_not_found', names: plain },
    { name: 'a file', input: { repo: file }, code: 'repository_not_found', names: file },
    {
      name: 'a URL that answers to nobody',
      input: { repo: 'http://127.0.0.1:9/x.git' },
      code: 'repository_unreadable',
      names: '127.0.0.1:9',
    },
    {
      name: 'a branch with a slip',
      input: { repo: repository, branch: 'develp' },
      code: 'branch_not_found',
      names: 'develop',
    },
    {
      name: 'a branch of an empty repository',
      input: { repo: empty, branch: 'main' },
      code: 'branch_not_found',
      names: 'main',
    },
    {
      name: 'a branch without a repository',
      input: { repo: null, branch: 'nope' },
      code: 'branch_not_found',
      names: 'nope',
    },
    {
      name: 'an agent with a slip',
      input: { repo: repository, agent: 'scriptd' },
      code: 'agent_not_found',
      names: 'scripted',
    },
    {
      name: 'a plan of a circle',
      input: { repo: repository, plan: plan([task('a', undefined, { needs: ['a'] })]) },
      code: 'plan_invalid',
      names: 'a needs a',
    },
    {
      name: 'a plan with a need that is not there',
      input: { repo: repository, plan: plan([task('a', undefined, { needs: ['bb'] })]) },
      code: 'plan_invalid',
      names: '"bb"',
    },
    {
      name: 'a plan without a check',
      input: { repo: repository, plan: plan([task('a', undefined, { checks: [] })]) },
      code: 'plan_invalid',
      names: 'Task "a"',
    },
    {
      name: 'a plan whose check proves nothing',
      input: { repo: repository, plan: plan([task('a', undefined, { checks: [{ command: 'true' }] })]) },
      code: 'plan_invalid',
      names: 'true',
    },
    {
      name: 'a plan that leaves the repository',
      input: { repo: repository, plan: plan([task('a', undefined, { footprint: ['../x'] })]) },
      code: 'plan_invalid',
      names: '../x',
    },
    {
      name: 'a plan for an agent that is unknown',
      input: { repo: repository, plan: plan([task('a', undefined, { agent: 'scriptd' })]) },
      code: 'plan_invalid',
      names: 'scripted',
    },
    {
      name: 'two tasks in one place side by side',
      input: {
        repo: repository,
        plan: plan([
          task('a', undefined, { footprint: ['src/**'] }),
          task('b', undefined, { footprint: ['src/a.js'] }),
        ]),
      },
      code: 'plan_invalid',
      names: 'src/a.js',
    },
  ]
  for (const { name, input, code, names } of cases) {
    const error = await room.daemon.goals.add({ text: 'Do it', plan: GOOD, ...input } as never).then(
      () => undefined,
      (caught: unknown) => caught as { code?: string; message: string; hint?: string },
    )
    expect(error?.code, `${name}: ${error?.message}`).toBe(code)
    expect(`${error?.message} ${error?.hint}`, name).toContain(names)
    await room.daemon.idle()
    expect(leftovers(room), name).toEqual([])
  }
  for (const input of [
    { text: '   ' },
    { text: 'x', minutesMax: -1 },
    { text: 'x', attemptsMax: 0 },
    { text: 'x', land: 'sideways' },
    { text: 'x', colour: 'red' },
  ]) {
    await expect(room.daemon.goals.add(input as never), JSON.stringify(input)).rejects.toThrow()
    expect(leftovers(room)).toEqual([])
  }
  expect(branchesOf(repository)).toBe(before)
})

test('what is refused leaves a clone alone that another goal uses', async () => {
  const room = await openRoom()
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  await room.add(GOOD, repository, { autonomy: 'ask-plan' })
  await room.settled()
  await expect(room.add(GOOD, repository, { branch: 'nope' })).rejects.toMatchObject({ code: 'branch_not_found' })
  await room.answer('plan-approval', 'yes')
  expect((await room.settled()).goal.state).toBe('met')
})

test('names of goals, tasks and asks that are not there, and moves that cannot be, are refused in one sentence', async () => {
  const room = await openRoom()
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  await room.add(GOOD, repository)
  await room.settled()
  const { goals, inbox } = room.daemon
  const refused: [string, () => Promise<unknown>, string][] = [
    ['goal_not_found', () => goals.show('9'), '9'],
    ['goal_not_found', () => goals.show('nine'), 'nine'],
    ['goal_not_found', () => goals.show('goal_x'), 'goal_x'],
    ['task_not_found', () => goals.showTask('1.9'), 'goal #1 has no task 9; it has 1 to 1'],
    ['task_not_found', () => goals.showTask('9.1'), '9.1'],
    ['task_not_found', () => goals.take('one', 'test'), 'one'],
    ['ask_not_found', () => inbox.answer('99', { choice: 'yes', by: 'test' }), '99'],
    ['move_refused', () => goals.steer('1', 'more', 'test'), '#1 is met'],
    ['move_refused', () => goals.pause('1', 'test'), '#1 is met'],
    ['move_refused', () => goals.resume('1', 'test'), '#1 is met'],
    ['move_refused', () => goals.cancel('1', 'test'), '#1 is met'],
    ['move_refused', () => goals.accept('1', 'test'), 'nothing of goal #1'],
    ['move_refused', () => goals.reject('1.1', 'no', 'test'), 'nothing of task 1.1'],
    ['move_refused', () => goals.take('1.1', 'test'), '#1 is met'],
    ['move_refused', () => goals.give('1.1', 'test'), '1.1 is not in your hands'],
  ]
  for (const [code, call, words] of refused) {
    await expect(call(), `${code} ${words}`).rejects.toMatchObject({ code, message: expect.stringContaining(words) })
  }
})
