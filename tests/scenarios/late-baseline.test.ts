import { expect, test } from 'vitest'
import { makeRepository } from '../fakes/repositories.ts'
import { fileAt, openRoom, plan, states, task, taskOf } from './daemon-room.ts'

const README = { 'README.md': '# Hello\n' }
/** Its check asks for what the first task brings: on the base that it gets, it passes before any work. */
const needless = task('b', undefined, {
  needs: ['a'],
  checks: [{ command: 'grep -q good a.txt', kind: 'fails-before' }],
})

test('a task whose check passes already on the base it really gets is asked about before an agent is paid for it', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  await room.add(plan([task('a'), needless]), repository)
  const view = await room.settled()
  expect(states(view)).toEqual(['done', 'blocked'])
  const [ask] = await room.daemon.inbox.list()
  expect(ask).toMatchObject({ kind: 'guard', detail: expect.stringContaining('check 1') })
  expect(taskOf(view, 'b').runs).toMatchObject([{ outcome: 'stopped', sessionId: null }])

  await room.answer('guard', 'accept')
  const end = await room.settled()
  expect(end.goal.state).toBe('met')
  expect(fileAt(repository, 'main', 'b.txt')).toBe('good\n')
})

test('given up, it leaves what was done', async () => {
  const room = await openRoom()
  const repository = makeRepository(README)
  await room.add(plan([task('a'), needless]), repository)
  await room.settled()
  await room.answer('guard', 'drop-task')
  const end = await room.settled()
  expect(states(end)).toEqual(['done', 'failed'])
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
  expect(fileAt(repository, 'main', 'b.txt')).toBeUndefined()
})
