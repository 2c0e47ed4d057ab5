import { expect, test } from 'vitest'
import { HOUR, MINUTE } from '../../core/clock.ts'
import { makeRepository } from '../fakes/repositories.ts'
import type { Step } from '../fakes/scripted-agent.ts'
import { type DaemonRoom, fileAt, openRoom, plan, task, taskOf } from './daemon-room.ts'
import { createSkippingClock } from './skipping-clock.ts'

const README = { 'README.md': '# Hello\n' }
const GOOD: Step = { do: 'write', path: 'a.txt', text: 'good\n' }
const BAD: Step = { do: 'write', path: 'a.txt', text: 'bad\n' }

/** Lets waits pass until nothing is left to wait for: a goal that ended, or a question. */
async function overWaits(room: DaemonRoom, clock: ReturnType<typeof createSkippingClock>, stepMs = 30_000) {
  for (let n = 0; n < 40; n++) {
    const view = await room.settled()
    if (view.goal.state !== 'open' || view.openAsks > 0) return view
    clock.skip(stepMs)
  }
  throw new Error(`the goal is still ${(await room.settled()).words}`)
}

test('work that fails goes back with its real output in the same session, then in a fresh one, then to another agent, then to the owner', async () => {
  const room = await openRoom({ agents: ['first', 'second'] })
  const repository = makeRepository(README)
  const tell = (n: number): Step => ({
    do: 'when',
    contains: 'the word is missing',
    yes: [{ do: 'write', path: 'a.txt', text: `told ${n}\n` }],
    no: [{ do: 'write', path: 'a.txt', text: `never told ${n}\n` }],
  })
  const checks = [
    {
      command: 'grep -q good a.txt || { echo the word is missing; cat a.txt; exit 3; }',
      kind: 'fails-before' as const,
    },
  ]
  await room.add(plan([task('a', { turns: [[BAD], [tell(1)], [tell(2)], [tell(3)]] }, { checks })]), repository)
  const view = await room.settled()
  const { runs, task: row, proofs } = taskOf(view, 'a')
  expect(runs.map(({ agent, attempt, outcome }) => [agent, attempt, outcome])).toEqual([
    ['first', 1, 'done'],
    ['first', 2, 'done'],
    ['first', 3, 'done'],
    ['second', 4, 'done'],
  ])
  expect(runs[1]!.sessionId).toBe(runs[0]!.sessionId)
  expect(runs[2]!.sessionId).not.toBe(runs[1]!.sessionId)
  expect(proofs.map(({ passed, results }) => [passed, results[0]?.exitCode])).toEqual(Array(4).fill([false, 3]))
  expect(proofs.map(({ results }) => results[0]!.tail.split('\n')[1])).toEqual(['bad', 'told 1', 'told 2', 'told 3'])
  expect(row).toMatchObject({ state: 'blocked', workFailures: 4 })
  expect(view.asks).toMatchObject([{ kind: 'attempts-spent', detail: expect.stringContaining('told 3') }])

  await room.answer(
    'attempts-spent',
    'retry',
    'write good\n```script\n[{"do":"write","path":"a.txt","text":"good\\n"}]\n```',
  )
  const after = await room.settled()
  expect(after.goal.state).toBe('met')
  expect(taskOf(after, 'a').runs).toHaveLength(5)
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
})

test('a task that the owner gives up takes with it what needs it, and the rest is landed', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  await room.add(plan([task('a', [BAD]), task('b', undefined, { needs: ['a'] }), task('c')]), repository, {
    attemptsMax: 1,
  })
  await room.openAsk('attempts-spent')
  await room.answer('attempts-spent', 'drop-task')
  const view = await room.settled()
  expect(view.taskViews.map(({ task }) => [task.state, task.reason])).toEqual([
    ['failed', 'given up by the owner'],
    ['cancelled', 'it needs 1.1, which failed'],
    ['done', null],
  ])
  expect(view.goal).toMatchObject({ state: 'dropped', outcome: '1 of 3 tasks done, on main' })
  expect(fileAt(repository, 'main', 'c.txt')).toBe('good\n')
  expect((await room.daemon.goals.report('1')).markdown).toContain('given up by the owner')
})

test('crashes are tried again after a while and do not count; too many in a row go to the owner', async () => {
  const clock = createSkippingClock()
  const room = await openRoom({ clock, config: { runs: { softFailuresMax: 3 } } })
  const repository = makeRepository(README)
  const crash: Step = { do: 'crash', code: 7, stderr: 'out of luck' }
  await room.add(plan([task('a', { turns: [[crash], [crash], [crash], [GOOD]] })]), repository, { attemptsMax: 1 })
  const asked = await overWaits(room, clock)
  expect(taskOf(asked, 'a').task).toMatchObject({ state: 'blocked', workFailures: 0, softFailures: 3 })
  expect(taskOf(asked, 'a').runs.map(({ failure }) => failure)).toEqual(['transport', 'transport', 'transport'])
  expect(taskOf(asked, 'a').runs[0]!.note).toContain('out of luck')
  await room.answer('attempts-spent', 'retry')
  expect((await overWaits(room, clock)).goal.state).toBe('met')
  expect(await room.alive()).toEqual([])
})

test('a provider’s limit is waited for, does not count, and nothing runs or spins meanwhile', async () => {
  const clock = createSkippingClock()
  const room = await openRoom({ clock })
  const repository = makeRepository(README)
  const limited: Step = { do: 'error', message: '429 Too Many Requests: rate limit exceeded, retry after 3600 seconds' }
  await room.add(plan([task('a', { turns: [[limited], [GOOD]] })]), repository, { attemptsMax: 1 })
  const waiting = await room.settled()
  const { task: row, runs } = taskOf(waiting, 'a')
  expect(runs).toMatchObject([{ outcome: 'failed', failure: 'limit' }])
  expect(row).toMatchObject({ state: 'ready', workFailures: 0, softFailures: 0 })
  expect(row.notBefore! - clock.now()).toBeGreaterThan(20_000)
  expect(waiting).toMatchObject({ status: 'waiting', openAsks: 0 })
  // The one job that is left waits for that moment.
  expect(room.query<{ name: string; runAt: number }>('select name, runAt from job')).toEqual([
    { name: 'dispatch', runAt: expect.any(Number) },
  ])
  expect(room.query<{ runAt: number }>('select runAt from job')[0]!.runAt).toBeGreaterThan(clock.now())
  clock.skip(2 * HOUR)
  await room.until(({ goal }) => goal.state === 'met')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
})

test('a silent agent is stopped, though it listens to nothing, and tried again', async () => {
  const clock = createSkippingClock()
  const room = await openRoom({ clock, config: { runs: { silenceSeconds: 600 } } })
  const repository = makeRepository(README)
  await room.add(
    plan([task('a', { turns: [[{ do: 'ignore-term' }, { do: 'say', text: 'hm' }, { do: 'deaf' }], [GOOD]] })]),
    repository,
  )
  await room.heard('hm')
  clock.skip(11 * MINUTE)
  // What it is then given to end its turn, and to answer to TERM, goes by in a hurry.
  clock.hurry(10)
  await room.until((view) => view.taskViews[0]!.runs[0]!.state === 'ended')
  clock.hurry(1)
  const view = await overWaits(room, clock)
  expect(view.goal.state).toBe('met')
  expect(taskOf(view, 'a').runs[0]).toMatchObject({
    failure: 'transport',
    note: expect.stringContaining('no progress'),
  })
  expect(await room.alive()).toEqual([])
})

test('children that left their process group and ignore TERM are gone when the run is over', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  const leave: Step[] = [
    { do: 'ignore-term' },
    { do: 'leave-child' },
    { do: 'leave-child', session: false },
    { do: 'leave-child', cleanEnv: true },
    GOOD,
  ]
  await room.add(plan([task('a', leave)]), repository)
  const view = await room.settled()
  expect(view.goal.state).toBe('met')
  expect(await room.alive()).toEqual([])
})

test('a flood of updates is bounded, and the work still lands', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  await room.add(plan([task('a', [{ do: 'flood', updates: 60_000, bytes: 200 }, GOOD])]), repository)
  const view = await room.settled()
  expect(view.goal.state).toBe('met')
  const updates = (await room.events()).filter(({ type }) => type === 'run.updated')
  expect(updates.length).toBeLessThanOrEqual(25_000)
  const size = room.query<{ page_count: number }>('pragma page_count')[0]!.page_count * 4096
  expect(size).toBeLessThan(40_000_000)
})

test('what policy allows is allowed, the rest waits for the owner, who may refuse it', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  const ask = (command: string, answer: string): Step => ({
    do: 'ask',
    kind: 'execute',
    command,
    yes: [{ do: 'write', path: 'a.txt', text: `good, ${answer} allowed\n`, append: true }],
    no: [{ do: 'write', path: 'a.txt', text: `good, ${answer} refused\n`, append: true }],
  })
  await room.add(
    plan([task('a', [ask('git status', 'status'), ask('ssh example.org', 'ssh'), ask('npm publish', 'publish')])]),
    repository,
  )
  const ssh = await room.openAsk('permission')
  expect(ssh.question).toContain('ssh example.org')
  expect((await room.daemon.goals.show('1')).taskViews[0]!.runs[0]!.state).toBe('waiting')
  await room.daemon.inbox.answer(String(ssh.number), { choice: 'allow', by: 'test' })
  const publish = await room.openAsk('permission')
  expect(publish.question).toContain('npm publish')
  await room.daemon.inbox.answer(String(publish.number), { choice: 'reject', by: 'test' })
  const view = await room.settled()
  expect(view.goal.state).toBe('met')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good, status allowed\ngood, ssh allowed\ngood, publish refused\n')
  await expect(room.daemon.inbox.answer(String(ssh.number), { choice: 'reject', by: 'late' })).rejects.toMatchObject({
    code: 'ask_answered',
  })
})

test('an answer given while the daemon was down serves the question that the resumed session asks again', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  const ask: Step = { do: 'ask', kind: 'execute', command: 'ssh example.org', yes: [GOOD], no: [BAD] }
  await room.add(plan([task('a', [ask])]), repository)
  await room.openAsk('permission')
  await room.restart()
  expect((await room.daemon.inbox.list()).map(({ kind }) => kind)).toEqual(['permission'])
  await room.answer('permission', 'allow')
  const view = await room.until(({ goal }) => goal.state !== 'open')
  expect(view.goal.state).toBe('met')
  expect(view.asks).toHaveLength(1)
  expect(taskOf(view, 'a').runs).toHaveLength(1)
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
})

test('a goal whose minutes are used up stops and asks; more time lets it go on, finishing lands what is done', async () => {
  const clock = createSkippingClock()
  for (const choice of ['raise', 'finish', 'drop'] as const) {
    const room = await openRoom({ clock })
    const repository = makeRepository(README)
    const slow = {
      turns: [
        [
          { do: 'say' as const, text: 'hm' },
          { do: 'sleep' as const, ms: 3_600_000 },
        ],
        [{ do: 'write' as const, path: 'b.txt', text: 'good\n' }],
      ],
    }
    await room.add(plan([task('a'), task('b', slow)]), repository, { minutesMax: 5 })
    await room.until(
      (view) => view.taskViews[0]?.task.state === 'done' && view.taskViews[1]?.runs[0]?.state === 'running',
    )
    clock.skip(6 * MINUTE)
    await room.openAsk('limit')
    const stopped = await room.settled()
    expect(await room.alive()).toEqual([])
    expect(taskOf(stopped, 'b').runs).toMatchObject([{ outcome: 'stopped', note: 'limit' }])
    expect(taskOf(stopped, 'b').task.state).toBe('ready')
    await room.answer('limit', choice)
    const view = await room.settled()
    expect(fileAt(repository, 'main', 'b.txt'), choice).toBe(choice === 'raise' ? 'good\n' : undefined)
    expect(fileAt(repository, 'main', 'a.txt'), choice).toBe(choice === 'drop' ? undefined : 'good\n')
    expect(view.goal.state).toBe(choice === 'raise' ? 'met' : 'dropped')
  }
})
