import { expect, test } from 'vitest'
import { git, makeRepository } from '../fakes/repositories.ts'
import { branchesOf, fileAt, openRoom, plan, states, task, taskOf } from './daemon-room.ts'
import { aBrain, told } from './scripted-brain.ts'

const README = { 'README.md': '# Hello\n' }

test('with autonomy ask-plan nothing starts before the owner says yes', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  await room.add(plan([task('a')]), repository, { autonomy: 'ask-plan' })
  const waiting = await room.settled()
  expect(waiting).toMatchObject({ status: 'waiting on you', openAsks: 1 })
  expect(waiting.taskViews).toEqual([])
  const [ask] = await room.daemon.inbox.list()
  expect(ask).toMatchObject({ kind: 'plan-approval' })
  expect(ask!.detail).toContain('grep -q good a.txt')
  await room.answer('plan-approval', 'yes')
  expect((await room.settled()).goal.state).toBe('met')
})

test('a plan that the owner refuses is drafted anew with the comment; dropping it ends the goal', async () => {
  const brain = await aBrain(plan([task('a')]), plan([task('b')]))
  const room = await openRoom(brain.options)
  const repository = makeRepository(README)
  await room.add(null, repository, { autonomy: 'ask-plan' })
  await room.settled()
  await room.answer('plan-approval', 'no', 'call it b, not a')
  const second = await room.settled()
  expect(told(brain.server, 1)).toContain('call it b, not a')
  expect(second.versions.map(({ state }) => state)).toEqual(['replaced', 'proposed'])
  expect((await room.daemon.inbox.list()).map(({ detail }) => detail)).toEqual([expect.stringContaining('b.txt')])
  await room.answer('plan-approval', 'drop')
  const dropped = await room.settled()
  expect(dropped.goal).toMatchObject({ state: 'dropped', outcome: 'dropped by the owner' })
  expect(await room.daemon.inbox.list()).toEqual([])
  expect((await room.daemon.goals.report('1')).markdown).toContain('dropped by the owner')
})

test('questions of the planner are asked first, and the answers go into the next version', async () => {
  const brain = await aBrain(plan([task('a')], { questions: ['Which name?', 'Which place?'] }), plan([task('b')]))
  const room = await openRoom(brain.options)
  const repository = makeRepository(README)
  await room.add(null, repository)
  await room.settled()
  const [name, place] = await room.daemon.inbox.list()
  await room.daemon.inbox.answer(name!.id, { text: 'b, please', by: 'test' })
  expect((await room.settled()).versions).toHaveLength(1)
  await room.daemon.inbox.answer(place!.id, { text: 'at the top', by: 'test' })
  const view = await room.settled()
  expect(view.goal.state).toBe('met')
  expect(told(brain.server, 1)).toContain('You asked: Which name? The owner answered: b, please')
  expect(told(brain.server, 1)).toContain('at the top')
  expect(fileAt(repository, 'main', 'b.txt')).toBe('good\n')
})

test('questions in a ready plan need no brain: the answers go into its briefs', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  await room.add(plan([task('a')], { questions: ['Which colour?'] }), repository)
  await room.settled()
  const [colour] = await room.daemon.inbox.list()
  expect(colour).toMatchObject({ kind: 'plan-question', question: 'Which colour?' })
  await room.daemon.inbox.answer(colour!.id, { text: 'blue', by: 'test' })
  const view = await room.settled()
  expect(view.goal.state).toBe('met')
  expect(view.versions).toMatchObject([{ state: 'replaced' }, { state: 'active', author: 'owner' }])
  expect(view.plan!.draft!.tasks[0]!.brief).toMatch(/decided:\n- Which colour\? blue$/)
})

test('with autonomy ask-land the target stays until the owner accepts', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  const before = branchesOf(repository)
  await room.add(plan([task('a')]), repository, { autonomy: 'ask-land' })
  await room.settled()
  expect(branchesOf(repository)).toBe(before)
  const review = await room.daemon.goals.review('1')
  expect(review.asks).toHaveLength(1)
  expect(review.diff).toContain('+good')
  expect(review.proof).toMatchObject({ kind: 'landing', passed: true })
  await room.daemon.goals.accept('1', 'test')
  expect((await room.settled()).goal.state).toBe('met')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
})

test('work that the owner rejects at the end is followed up, proven, and asked about again', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  const steps = { turns: [[{ do: 'write' as const, path: 'a.txt', text: 'good\n' }]] }
  await room.add(plan([task('a', steps)]), repository, { autonomy: 'ask-land' })
  await room.settled()
  const comment = 'also say better\n```script\n[{"do":"write","path":"a.txt","text":"good and better\\n"}]\n```'
  await room.daemon.goals.reject('1', comment, 'test')
  const again = await room.settled()
  expect(states(again)).toEqual(['done', 'done'])
  expect(taskOf(again, 'follow-up-2').task.spec.checks.map(({ kind }) => kind)).toEqual(['holds'])
  expect(again).toMatchObject({ status: 'waiting on you' })
  await room.answer('land-approval', 'accept')
  expect((await room.settled()).goal.state).toBe('met')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good and better\n')
})

test('finished work can be left as a branch instead', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  const before = git(repository, 'rev-parse', 'main')
  await room.add(plan([task('a')]), repository, { autonomy: 'ask-land' })
  await room.settled()
  await room.answer('land-approval', 'branch')
  const view = await room.settled()
  expect(view.goal).toMatchObject({ state: 'met', land: 'branch' })
  expect(git(repository, 'rev-parse', 'main')).toBe(before)
  expect(fileAt(repository, view.goal.branch, 'a.txt')).toBe('good\n')
})

test('words to the planner give a new plan that keeps what is finished', async () => {
  const held = [
    { do: 'ask' as const, command: 'ssh example.org', yes: [], no: [] },
    { do: 'write' as const, path: 'b.txt', text: 'good\n' },
  ]
  const brain = await aBrain(plan([task('c')]))
  const room = await openRoom(brain.options)
  const repository = makeRepository(README)
  await room.add(plan([task('a'), task('b', held)]), repository)
  await room.until((view) => taskOf2(view, 'a') === 'done' && view.openAsks === 1)
  expect(await room.daemon.goals.steer('1', 'and c instead of b', 'test')).toBe('planner')
  const view = await room.settled()
  expect(view.goal.state, view.words).toBe('met')
  expect(told(brain.server, 0)).toContain('and c instead of b')
  expect(states(view)).toEqual(['done', 'cancelled', 'done'])
  expect(view.asks.map(({ kind, state }) => [kind, state])).toEqual([['permission', 'moot']])
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
  expect(fileAt(repository, 'main', 'b.txt')).toBeUndefined()
  expect(fileAt(repository, 'main', 'c.txt')).toBe('good\n')
  expect(taskOf(view, 'a').runs).toHaveLength(1)
  expect(await room.alive()).toEqual([])
})

test('words that no plan can be made of leave the choice to go on with the plan there is', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  const held = [
    { do: 'ask' as const, command: 'ssh example.org', yes: [], no: [] },
    { do: 'write' as const, path: 'a.txt', text: 'good\n' },
  ]
  await room.add(plan([task('a', held)]), repository)
  await room.openAsk('permission')
  await room.daemon.goals.steer('1', 'make it nicer', 'test')
  const ask = await room.openAsk('plan-refused')
  expect(ask.choices.map(({ id }) => id)).toEqual(['retry', 'keep', 'drop'])
  await room.answer('permission', 'reject')
  expect((await room.settled()).goal.state).toBe('open')
  await room.answer('plan-refused', 'keep')
  const view = await room.settled()
  expect(view.goal.state, view.words).toBe('met')
  expect(states(view)).toEqual(['done'])
})

test('words to a running task reach its agent in the same session', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  const turns = {
    turns: [
      [
        { do: 'write' as const, path: 'a.txt', text: 'good\n' },
        { do: 'ask' as const, command: 'ssh example.org', yes: [], no: [] },
      ],
      [
        {
          do: 'when' as const,
          contains: 'in capitals',
          yes: [{ do: 'write' as const, path: 'a.txt', text: 'good GOOD\n' }],
        },
      ],
    ],
  }
  await room.add(plan([task('a', turns)]), repository)
  await room.openAsk('permission')
  expect(await room.daemon.goals.steer('1.1', 'in capitals', 'test')).toBe('run')
  await room.answer('permission', 'reject')
  const view = await room.settled()
  expect(view.goal.state).toBe('met')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good GOOD\n')
  expect(taskOf(view, 'a').runs).toMatchObject([{ outcome: 'done', turns: 2 }])
})

test('words to a task that is being proven are not lost: it goes back to its agent first', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  const turns = {
    turns: [
      [{ do: 'write' as const, path: 'a.txt', text: 'good\n' }],
      [
        {
          do: 'when' as const,
          contains: 'in capitals',
          yes: [{ do: 'write' as const, path: 'a.txt', text: 'good GOOD\n' }],
        },
      ],
    ],
  }
  await room.add(plan([task('a', turns)]), repository)
  await room.until((view) => taskOf2(view, 'a') === 'proving')
  expect(await room.daemon.goals.steer('1.1', 'in capitals', 'test')).toBe('next-run')
  const view = await room.settled()
  expect(view.goal.state).toBe('met')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good GOOD\n')
})

function taskOf2(view: Parameters<typeof states>[0], key: string) {
  return view.taskViews.find(({ task }) => task.spec.key === key)?.task.state
}
