import { expect, test } from 'vitest'
import { makeRepository } from '../../fakes/repositories.ts'
import { fileAt, plan, task } from '../../scenarios/daemon-room.ts'
import { openChatRoom } from './chat-room.ts'

test('a goal given in words is planned, asked about by buttons, landed, and reported with the file', async () => {
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  const chat = await openChatRoom({
    plan: plan([task('a')]),
    brain: (_, nth) =>
      nth === 1
        ? { calls: [['add_goal', { text: 'Write a', repo: repository, land: 'merge', autonomy: 'ask-plan' }]] }
        : { say: 'I added **goal 1**.' },
  })
  await chat.pair('ann', 'owner')
  chat.say('ann', 'please write a')
  await chat.shown(/I added \*\*goal 1\*\*/)
  const ask = await chat.shown((message) => message.buttons.length > 0)
  expect(ask.text).toContain('goal #1')
  chat.press('ann', ask, ask.buttons[0]!.label)
  const report = await chat.shown(({ file }) => file !== undefined)
  expect(report.text).toMatch(/\*\*#1 is met\*\*.*\n[\s\S]*1 of 1 tasks done, on main at/)
  expect(report.file!.name).toBe('goal-1.md')
  expect(Buffer.from(report.file!.data).toString()).toContain('# ')
  expect(report.text.split('\n').length).toBeLessThanOrEqual(5)
  expect(fileAt(repository, 'main', 'a.txt')).toBe('good\n')
  await chat.quiet()
  // The ask says who decided, and cannot be pressed again.
  expect(ask).toMatchObject({ buttons: [], text: expect.stringContaining('(by fake:ann)') })
  // One message of progress, edited as the goal went on.
  const progress = chat.messages(/^\*\*#1\*\* Write a/)
  expect(progress).toHaveLength(1)
  expect(progress[0]!.text).toContain('met · 1/1')
  expect(progress[0]!.edits).toBeGreaterThan(0)
  const { goal } = await chat.room.daemon.goals.show('1')
  expect(goal.source.surface).toBe('chat')
  expect(chat.events('chat.acted')).toMatchObject([
    { by: 'fake:ann', role: 'owner', action: 'add_goal' },
    { by: 'fake:ann', role: 'owner', action: 'answer' },
  ])
  expect(chat.events('chat.said')).toMatchObject([{ by: 'fake:ann', text: 'please write a' }])
})

test('status, inbox, help and all other commands ask no model anything', async () => {
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  const chat = await openChatRoom({ plan: plan([task('a')]), brain: () => ({ say: 'I was asked.' }) })
  await chat.pair('ann', 'owner')
  const added = await chat.room.add(plan([task('a')]), repository, { autonomy: 'ask-plan' })
  await chat.room.openAsk('plan-approval')
  const before = chat.model!.requests.length
  const say = async (text: string, answer: RegExp) => {
    chat.say('ann', text)
    return (await chat.shown(answer)).text
  }
  await say('status?', /1 open, 1 waiting on you/)
  await say('Status', /1 open, 1 waiting on you/)
  await say('/help', /You are ann \(owner\)/)
  await say('inbox', /^\? 1 /)
  await say('/goals', /^#1 Do what the plan says: waiting on you/)
  await say('/show 1', /Write a/)
  await say('/plan 1', /A plan of a test/)
  await say('/proof 1', /There is no proof of 1 yet/)
  await say('/diff 1', /nothing has changed|no/)
  await say('/pause 1', /paused/i)
  await say('/resume 1', /Goal 1|resumed|#1/)
  await say('/tell 1 mind the tests', /planner|Passed|told/i)
  await say('/schedule every day at 9: update the dependencies', /every day at 9/)
  await say('/schedules', /update the dependencies/)
  await say('/cancel 1', /cancel|dropped/i)
  await say('/cancel', /Write it like this: `\/cancel 12`/)
  await chat.quiet()
  expect(added.goal.number).toBe(1)
  expect(chat.messages(/I was asked/)).toEqual([])
  expect(chat.model!.requests.length).toBe(before)
  expect(chat.events('chat.acted').map(({ action }) => action)).toEqual([
    'pause',
    'resume',
    'tell',
    'schedule',
    'cancel',
  ])
})
