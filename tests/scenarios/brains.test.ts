import { expect, test } from 'vitest'
import { HOUR, MINUTE } from '../../core/clock.ts'
import { makeRepository } from '../fakes/repositories.ts'
import { type DaemonRoom, fileAt, openRoom, plan, states, task } from './daemon-room.ts'
import { aBrain, told } from './scripted-brain.ts'
import { createSkippingClock, type SkippingClock } from './skipping-clock.ts'

const FILES = { 'README.md': '# Hello\n' }
const GOOD = plan([task('a')])

async function overWaits(room: DaemonRoom, clock: SkippingClock) {
  for (let n = 0; n < 40; n++) {
    const view = await room.settled()
    if (view.goal.state !== 'open' || view.openAsks > 0) return view
    clock.skip(10 * MINUTE)
  }
  throw new Error(`still waiting\n${room.picture()}`)
}

test('a model that limits us is waited for, as long as it takes, and the goal is planned then', async () => {
  const clock = createSkippingClock()
  const limited = { error: { status: 429, retryAfter: 7200, body: { error: { message: 'rate limit' } } } }
  const brain = await aBrain(limited, { error: { status: 529, body: { error: { message: 'overloaded' } } } }, GOOD)
  const room = await openRoom({ ...brain.options, clock })
  const repository = makeRepository(FILES)
  await room.add(null, repository)
  const waiting = await room.settled()
  expect(waiting).toMatchObject({ openAsks: 0, goal: { state: 'open' } })
  expect(waiting.versions.map(({ state }) => state)).toEqual(['drafting'])
  clock.skip(3 * HOUR)
  const view = await overWaits(room, clock)
  expect(view.goal.state, view.words).toBe('met')
  expect(view.versions).toHaveLength(1)
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
})

test('a model that refuses what it is asked goes to the owner at once, who can try again', async () => {
  const brain = await aBrain(
    { error: { status: 400, body: { error: { message: 'no such model: scripted-model' } } } },
    GOOD,
  )
  const room = await openRoom(brain.options)
  const repository = makeRepository(FILES)
  await room.add(null, repository)
  const asked = await room.settled()
  expect(asked.asks).toMatchObject([{ kind: 'plan-refused', question: expect.stringContaining('no such model') }])
  await room.answer('plan-refused', 'retry')
  expect((await room.settled()).goal.state).toBe('met')
})

test('a model that answers nonsense is asked again, then the owner is; nothing is lost', async () => {
  const clock = createSkippingClock()
  const brain = await aBrain({ garbage: true })
  const room = await openRoom({ ...brain.options, clock })
  const repository = makeRepository(FILES)
  await room.add(null, repository)
  const asked = await overWaits(room, clock)
  expect(asked.asks).toMatchObject([{ kind: 'plan-refused' }])
  expect(asked.goal.state).toBe('open')
  await room.answer('plan-refused', 'drop')
  expect((await room.settled()).goal.state).toBe('dropped')
})

test('a plan that does not hold goes back with the reasons twice, then to the owner with them', async () => {
  const circle = plan([task('a', undefined, { needs: ['b'] }), task('b', undefined, { needs: ['a'] })])
  const vacuous = plan([task('a', undefined, { checks: [{ command: 'true', kind: 'fails-before' }] })])
  const already = plan([
    task('a', undefined, { checks: [{ command: 'grep -q Hello README.md', kind: 'fails-before' }] }),
  ])
  const brain = await aBrain(circle, vacuous, already, GOOD)
  const room = await openRoom(brain.options)
  const repository = makeRepository(FILES)
  await room.add(null, repository)
  const asked = await room.settled()
  expect(asked.versions.map(({ state }) => state)).toEqual(['refused', 'refused', 'refused'])
  expect(told(brain.server, 1)).toContain('in a circle')
  expect(told(brain.server, 2)).toContain('passes whatever was done')
  expect(asked.asks).toMatchObject([
    { kind: 'plan-refused', detail: expect.stringContaining('passes on the base already') },
  ])
  expect(states(asked)).toEqual([])
  await room.answer('plan-refused', 'retry', 'just write a')
  const view = await room.settled()
  expect(view.goal.state, view.words).toBe('met')
  expect(told(brain.server, 3)).toContain('just write a')
})

test('an owner’s plan that cannot be carried out goes to the owner, not to the brain', async () => {
  const brain = await aBrain(GOOD)
  const room = await openRoom(brain.options)
  const repository = makeRepository(FILES)
  const already = plan([
    task('a', undefined, { checks: [{ command: 'grep -q Hello README.md', kind: 'fails-before' }] }),
  ])
  await room.add(already, repository)
  const asked = await room.settled()
  expect(asked.asks).toMatchObject([
    { kind: 'plan-refused', question: 'The plan cannot be carried out as it is. What now?' },
  ])
  expect(brain.server.requests).toEqual([])
  await room.answer('plan-refused', 'retry')
  expect((await room.settled()).goal.state).toBe('met')
})

test('a brain that hangs holds up nobody else, and is let go of with the goal', async () => {
  const brain = await aBrain({ hang: true })
  const room = await openRoom(brain.options)
  const repository = makeRepository(FILES)
  await room.add(null, repository)
  await room.add(GOOD, repository)
  await room.until(({ goal }) => goal.state === 'met', '2')
  expect((await room.daemon.goals.show('1')).status).toBe('planning')
  await room.daemon.goals.cancel('1', 'test')
  expect((await room.daemon.goals.show('1')).goal.state).toBe('dropped')
  await room.restart()
  expect((await room.settled()).goal.state).toBe('dropped')
})

test('with a reviewer, its wishes go back once and its questions to the owner', async () => {
  const review = (findings: { class: string; path: null; detail: string }[]) => ({
    json: { summary: 'Read.', findings },
  })
  const brain = await aBrain(
    review([{ class: 'fix', path: null, detail: 'say it twice' }]),
    review([
      { class: 'fix', path: null, detail: 'say it thrice' },
      { class: 'ask', path: null, detail: 'is the name right?' },
    ]),
  )
  const room = await openRoom({
    ...brain.options,
    config: { brain: { ...(brain.options.config as { brain: object }).brain, review: true } },
  })
  const repository = makeRepository(FILES)
  const twice = {
    turns: [
      [{ do: 'write' as const, path: 'a.txt', text: 'good\n' }],
      [
        {
          do: 'when' as const,
          contains: 'say it twice',
          yes: [{ do: 'write' as const, path: 'a.txt', text: 'good good\n' }],
        },
      ],
    ],
  }
  await room.add(plan([task('a', twice)]), repository)
  const asked = await room.settled()
  expect(asked.asks).toMatchObject([{ kind: 'review', detail: expect.stringContaining('is the name right?') }])
  await room.daemon.goals.accept('1.1', 'ada')
  const view = await room.settled()
  expect(view.goal.state).toBe('met')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good good\n')
})

const reviewing = (brain: { options: { config?: object } }) => ({
  brain: { ...(brain.options.config as { brain: object }).brain, review: true },
})

test.each([
  ['answers nonsense', { garbage: true }, 2, /answered 2 times with something that does not fit/],
  ['does not exist', { error: { status: 404, body: { error: { message: 'no such model' } } } }, 1, /no such model/],
] as const)(
  'a reviewer that %s loses no work and waves none through: the owner decides',
  async (_, answer, times, why) => {
    const brain = await aBrain(answer)
    const room = await openRoom({ ...brain.options, config: reviewing(brain) })
    const repository = makeRepository(FILES)
    await room.add(GOOD, repository)
    const asked = await room.settled()
    expect(asked.goal).toMatchObject({ state: 'open', quarantine: null })
    expect(asked.asks).toMatchObject([
      {
        kind: 'review',
        question: 'Task 1.1 passes its checks, and its reviewer leaves the rest to you. Accept it?',
        detail: expect.stringMatching(/Nobody has read this change: /),
      },
    ])
    expect(asked.asks[0]!.detail).toMatch(why)
    expect(brain.server.requests).toHaveLength(times)
    expect(fileAt(repository, 'main', 'a.txt')).toBeUndefined()
    expect(asked.proofs.filter(({ kind }) => kind === 'task')).toMatchObject([
      { passed: true, review: { reviewer: 'nobody' } },
    ])
    await room.answer('review', 'accept')
    expect((await room.settled()).goal.state, room.picture()).toBe('met')
    expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
  },
)

test('a reviewer that cannot be reached is asked again a few times, then the owner is', async () => {
  const clock = createSkippingClock()
  const brain = await aBrain({ error: { status: 503, body: { error: { message: 'down for today' } } } })
  const room = await openRoom({ ...brain.options, config: reviewing(brain), clock })
  await room.add(GOOD, makeRepository(FILES))
  const asked = await overWaits(room, clock)
  expect(asked.goal).toMatchObject({ state: 'open', quarantine: null })
  expect(asked.asks).toMatchObject([{ kind: 'review', detail: expect.stringContaining('Nobody has read') }])
})
