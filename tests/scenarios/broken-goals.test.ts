import { rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { HOUR, MINUTE } from '../../core/clock.ts'
import { makeRepository } from '../fakes/repositories.ts'
import type { Step } from '../fakes/scripted-agent.ts'
import { fileAt, openRoom, plan, task, taskOf } from './daemon-room.ts'
import { createSkippingClock } from './skipping-clock.ts'

const FILES = { 'README.md': '# Hello\n' }
const HELD: Step[] = [
  { do: 'ask', command: 'ssh example.org', yes: [], no: [] },
  { do: 'write', path: 'a.txt', text: 'good\n' },
]

/** Every way in which a row of goal 1 can be so wrong that `advance` throws. */
const HARM: [string, string][] = [
  [
    'a task row that is no JSON',
    `update task set spec = '{"key":' where goalId = (select id from goal where number = 1)`,
  ],
  [
    'a task row of the wrong shape',
    `update task set spec = '{}' where goalId = (select id from goal where number = 1)`,
  ],
  [
    'a plan row without a draft',
    `update plan set draft = null, state = 'proposed' where goalId = (select id from goal where number = 1)`,
  ],
  [
    'an ask row of the wrong shape',
    `update ask set choices = '7' where goalId = (select id from goal where number = 1)`,
  ],
  ['a run row of the wrong shape', `update run set usage = 'x' where goalId = (select id from goal where number = 1)`],
  ['a goal row of the wrong shape', `update goal set limits = '[]' where number = 1`],
]

test.each(HARM)('%s quarantines its goal, is shown once, and another goal goes on', async (_name, harm) => {
  const room = await openRoom()
  const repository = makeRepository(FILES)
  await room.add(plan([task('a', HELD)]), repository)
  await room.openAsk('permission')
  room.sql(harm)
  await room.restart()
  await room.add(plan([task('b')]), repository)
  await room.until(({ goal }) => goal.state === 'met', '2')
  expect(fileAt(repository, 'main', 'b.txt')).toBe('good\n')

  await room.inboxHas('quarantine')
  await room.restart()
  await room.inboxHas('quarantine')
  expect((await room.daemon.inbox.list()).filter(({ kind }) => kind === 'quarantine')).toHaveLength(1)
  const listed = (await room.daemon.goals.list()).map(({ goal, status }) => [goal.number, status])
  expect(listed).toContainEqual([2, 'met'])
  if (!harm.startsWith('update goal')) expect(listed).toContainEqual([1, 'stuck'])
  await room.daemon.goals.show('1').catch((error) => {
    expect(error).toMatchObject({ code: 'goal_unreadable', message: expect.stringContaining('goal 1 are damaged') })
  })

  // It cannot be mended, so trying again asks again; dropping it works all the same.
  await room.answer('quarantine', 'retry')
  await room.inboxHas('quarantine')
  await room.answer('quarantine', 'drop')
  await room.daemon.idle()
  expect(room.query('select state from goal where number = 1')).toEqual([{ state: 'dropped' }])
  expect(await room.daemon.inbox.list()).toEqual([])
  expect(await room.alive()).toEqual([])
})

test('a quarantined goal whose rows were mended goes on when resumed', async () => {
  const room = await openRoom()
  const repository = makeRepository(FILES)
  await room.add(plan([task('a', HELD)]), repository)
  await room.openAsk('permission')
  room.sql(`update plan set state = 'proposed', draft = null`)
  await room.answer('permission', 'reject')
  await room.inboxHas('quarantine')
  const [{ draft }] = [{ draft: JSON.stringify(plan([task('a', HELD)])) }]
  room.sql(`update plan set state = 'active', draft = ?`, draft)
  await room.daemon.goals.resume('1', 'test')
  const view = await room.until(({ goal }) => goal.state !== 'open')
  expect(view.goal.state).toBe('met')
  expect(view.asks.map(({ kind, state }) => [kind, state])).toEqual([
    ['permission', 'answered'],
    ['quarantine', 'moot'],
  ])
})

test('a step that fails again and again becomes one question, and goes on once the place is mended', async () => {
  const clock = createSkippingClock()
  const room = await openRoom({ clock })
  const repository = makeRepository(FILES)
  await room.add(plan([task('a', HELD)]), repository)
  await room.openAsk('permission')
  // Nothing can be checked out for a proof while a file is in that folder's place.
  rmSync(room.paths.verifyDir, { recursive: true, force: true })
  writeFileSync(room.paths.verifyDir, 'in the way')
  await room.answer('permission', 'reject')
  for (let n = 0; n < 12 && (await room.daemon.inbox.list()).length === 0; n++) {
    await room.daemon.idle()
    clock.skip(MINUTE)
  }
  const stuck = await room.settled()
  expect(stuck.asks.filter(({ state }) => state === 'open')).toMatchObject([{ kind: 'quarantine' }])
  expect(stuck).toMatchObject({ status: 'stuck', goal: { state: 'open' } })
  expect(taskOf(stuck, 'a').task.state).toBe('proving')
  rmSync(room.paths.verifyDir)
  await room.answer('quarantine', 'retry')
  const view = await room.until(({ goal }) => goal.state !== 'open')
  expect(view.goal.state).toBe('met')
  expect(taskOf(view, 'a').runs).toHaveLength(1)
})

test('a clock that is set back or forward loses nothing, repeats nothing and holds nothing up', async () => {
  for (const jump of [-2 * HOUR, 2 * HOUR]) {
    const clock = createSkippingClock()
    const room = await openRoom({ clock })
    const repository = makeRepository(FILES)
    await room.add(plan([task('a', HELD), task('b', undefined, { needs: ['a'] })]), repository, {
      autonomy: 'ask-land',
      minutesMax: 600,
    })
    await room.openAsk('permission')
    clock.jump(jump)
    await room.answer('permission', 'reject')
    await room.openAsk('land-approval')
    clock.jump(jump)
    await room.answer('land-approval', 'accept')
    const view = await room.settled()
    expect(view.goal.state, view.words).toBe('met')
    expect(view.landings.map(({ state }) => state)).toEqual(['landed', 'landed', 'landed'])
    expect(view.asks.map(({ kind }) => kind)).toEqual(['permission', 'land-approval'])
    expect(fileAt(repository, 'main', 'b.txt')).toBe('good\n')
  }
})
