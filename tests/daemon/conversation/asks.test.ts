import { expect, test } from 'vitest'
import { DAY, HOUR, MINUTE } from '../../../core/clock.ts'
import { createFakeServer } from '../../fakes/fake-channel.ts'
import { makeRepository } from '../../fakes/repositories.ts'
import { plan, task } from '../../scenarios/daemon-room.ts'
import { createSkippingClock } from '../../scenarios/skipping-clock.ts'
import { type ChatRoom, type ChatRoomOptions, openChatRoom } from './chat-room.ts'

/** A goal of the owner's, from the command line, whose plan waits for approval. */
async function withAsk(options: ChatRoomOptions = {}, people: readonly string[] = ['ann']): Promise<ChatRoom> {
  const chat = await openChatRoom(options)
  for (const who of people) await chat.pair(who, 'owner')
  await chat.room.add(plan([task('a')]), makeRepository({ 'README.md': '# Hello\n' }), { autonomy: 'ask-plan' })
  return chat
}

const isAsk = ({ text, buttons }: { text: string; buttons: unknown[] }) =>
  /^\*\*\? 1\*\*/.test(text) && buttons.length > 0

test('of two owners who press at once on two channels the first wins, the other is told, and both messages say so', async () => {
  const chat = await openChatRoom()
  const other = createFakeServer()
  await chat.open(other, { name: 'other' })
  await chat.pair('ann', 'owner')
  await chat.pair('bob', 'owner', other)
  await chat.room.add(plan([task('a')]), null, { autonomy: 'ask-plan' })
  const [here, there] = [await chat.shown(isAsk), await chat.shown(isAsk, other)]
  chat.press('ann', here, here.buttons[0]!.label)
  chat.press('bob', there, there.buttons[0]!.label, other)
  const isTold = ({ text }: { text: string }) => /was answered already/.test(text)
  await Promise.any([chat.shown(isTold), chat.shown(isTold, other)])
  await chat.shown(/\(by (fake:ann|other:bob)\)/)
  await chat.shown(/\(by (fake:ann|other:bob)\)/, other)
  await chat.quiet()
  const { answer } = await chat.room.daemon.inbox.get('1')
  expect(['fake:ann', 'other:bob']).toContain(answer!.by)
  for (const message of [here, there]) {
    expect(message).toMatchObject({ buttons: [], text: expect.stringContaining(`(by ${answer!.by})`) })
  }
  const told = [...chat.server.messages, ...other.messages].filter(isTold)
  expect(told).toHaveLength(1)
  expect(told[0]!.text).toContain(`by ${answer!.by}`)
  expect(chat.events('ask.answered')).toHaveLength(1)
})

test('an ask that is answered at the machine, or needs no answer any more, says so in every chat', async () => {
  const chat = await withAsk({}, ['ann', 'bob'])
  const shown = [
    await chat.shown((m) => isAsk(m) && m.chatId === 'ann'),
    await chat.shown((m) => isAsk(m) && m.chatId === 'bob'),
  ]
  await chat.room.answer('plan-approval', (await chat.room.daemon.inbox.get('1')).choices[0]!.id)
  await chat.room.add(plan([task('b')]), null, { autonomy: 'ask-plan' })
  const second = await chat.shown(/^\*\*\? 2\*\*/)
  await chat.room.daemon.goals.cancel('2', 'test')
  await chat.shown((message) => message === second && /Needs no answer any more/.test(message.text))
  await chat.quiet()
  for (const message of shown)
    expect(message).toMatchObject({ buttons: [], text: expect.stringContaining('(by test)') })
  // The conversation at the machine had it too.
  const keys = chat.room.query<{ key: string }>(
    `select chat_out.key from chat_out join chat on chat.id = chat_out.chatId where channel = 'terminal'`,
  )
  expect(keys.filter(({ key }) => key.startsWith('ask:'))).toHaveLength(2)
})

test('without buttons the choices stand in words, and !yes, a reaction or an answer to the message takes one', async () => {
  const words = await withAsk({ channel: { capabilities: { buttons: false, reactions: false } } })
  const { text } = await words.shown(/^\*\*\? 1\*\*/)
  expect(text).toMatch(/1\. .*`!answer 1 \S+`/)
  expect(text).toContain('Short: `!yes 1`, `!no 1 why`')
  words.say('ann', '!yes 1')
  await words.shown(/\(by fake:ann\)/)

  const thumbs = await withAsk({ channel: { capabilities: { buttons: false } } })
  const message = await thumbs.shown(/Or react with 👍/)
  thumbs.react('ann', message, '🤷')
  thumbs.react('ann', message, '👍')
  await thumbs.shown(/\(by fake:ann\)/)

  const reply = await withAsk()
  const asked = await reply.shown(isAsk)
  reply.say('ann', 'yes', { replyTo: asked.messageId })
  await reply.shown(/\(by fake:ann\)/)
  for (const chat of [words, thumbs, reply]) {
    const { answer, choices } = await chat.room.daemon.inbox.get('1')
    expect(answer).toMatchObject({ choice: choices[0]!.id, by: 'fake:ann' })
  }
})

test('approvals are the owner’s: a member is not asked and cannot answer, but answers questions about their own goal', async () => {
  const chat = await openChatRoom({
    plan: [plan([task('a')], { questions: ['Which colour?'] }), plan([task('a')])],
    brain: () => ({ say: '?' }),
  })
  await chat.pair('ann', 'owner')
  await chat.pair('mia', 'member')
  await chat.pair('gus', 'guest')
  chat.say('mia', '/goal paint it')
  const question = await chat.shown((message) => message.chatId === 'mia' && /Which colour\?/.test(message.text))
  chat.say('mia', 'blue', { replyTo: question.messageId })
  await chat.shown((message) => message.chatId === 'mia' && /Taken: blue/.test(message.text))
  await chat.room.until(({ asks }) => asks.some(({ kind, state }) => kind === 'plan-approval' && state === 'open'))
  const approval = await chat.shown((message) => message.chatId === 'ann' && /Carry out this plan/.test(message.text))
  const number = /\? (\d+)/.exec(approval.text)![1]!
  chat.say('mia', `!yes ${number}`)
  await chat.shown(
    (message) => message.chatId === 'mia' && /is a decision that only an owner may take/.test(message.text),
  )
  chat.say('gus', `!yes ${number}`)
  await chat.shown((message) => message.chatId === 'gus' && /may not/.test(message.text))
  // Whoever learned what a button says cannot press it either.
  chat.press('mia', { ...approval, chatId: 'mia' }, approval.buttons[0]!.label)
  await chat.quiet()
  expect((await chat.room.daemon.inbox.get(number)).state).toBe('open')
  expect(chat.messages(/^\*\*\? \d+\*\*[\s\S]*Carry out this plan/, 'mia')).toEqual([])
  expect(chat.messages(/\*\*\? /, 'gus')).toEqual([])
  expect(chat.events('chat.refused').map(({ by, role }) => `${by} ${role}`)).toEqual(
    expect.arrayContaining(['fake:mia member', 'fake:gus guest']),
  )
})

test('an ask that was open before somebody was let in reaches them', async () => {
  const chat = await withAsk({}, [])
  await chat.room.openAsk('plan-approval')
  await chat.pair('ann', 'owner')
  await chat.shown((message) => isAsk(message) && message.chatId === 'ann')
  await chat.pair('mia', 'guest')
  await chat.quiet()
  expect(chat.messages(/^\*\*\? 1/, 'mia')).toEqual([])
  await chat.room.daemon.chat.people.setRole('mia', 'owner', 'test')
  await chat.shown((message) => isAsk(message) && message.chatId === 'mia')
})

test('nobody answers: reminders, so many and no more, and after the days set for it the goal is set aside once', async () => {
  const clock = createSkippingClock()
  const chat = await withAsk({ clock, config: { chat: { remindHours: 8, remindMax: 2, expireDays: 2 } } })
  const ask = await chat.shown(isAsk)
  clock.skip(8 * HOUR + 6 * MINUTE)
  await chat.shown(/^Still waiting for you: \? 1/)
  clock.skip(8 * HOUR)
  await chat.shown(() => chat.messages(/^Still waiting/).length === 2)
  clock.skip(8 * HOUR)
  clock.skip(6 * MINUTE)
  await chat.quiet()
  expect(chat.messages(/^Still waiting/)).toHaveLength(2)
  clock.skip(2 * DAY)
  await chat.room.until(({ goal }) => goal.state === 'paused')
  await chat.shown(/No answer for 2 days: the goal was paused/)
  expect(ask.buttons).toEqual([])
  await chat.room.daemon.goals.resume('1', 'test')
  clock.skip(6 * MINUTE)
  clock.skip(6 * MINUTE)
  chat.say('ann', 'status')
  await chat.shown(/1 open/)
  expect((await chat.room.daemon.goals.show('1')).goal.state).toBe('open')
  // It can still be answered.
  chat.say('ann', '!yes 1')
  await chat.shown(/\(by fake:ann\)/)
})

test('in quiet hours nothing is said unasked; it comes afterwards, and what was settled meanwhile never', async () => {
  const clock = createSkippingClock()
  const at = (ms: number) => new Date(clock.now() + ms).toISOString().slice(11, 16)
  const quietHours = `${at(-HOUR)}-${at(2 * HOUR)}`
  const chat = await withAsk({ clock, config: { chat: { quietHours } } })
  await chat.room.openAsk('plan-approval')
  await chat.room.add(plan([task('b')]), null, { autonomy: 'ask-plan' })
  await chat.room.openAsk('plan-approval', '2')
  chat.say('ann', 'status')
  await chat.shown(/2 open, 2 waiting on you/)
  expect(chat.messages(/^\*\*\?/)).toEqual([])
  await chat.room.daemon.goals.cancel('2', 'test')
  await chat.room.until(({ asks }) => asks[0]?.state === 'moot', '2')
  clock.skip(2 * HOUR + 5 * MINUTE)
  await chat.shown(isAsk)
  await chat.quiet()
  expect(chat.messages(/^\*\*\? 2/)).toEqual([])
})

test('what happened while a channel was away is told when it is back: open asks and reports, once', async () => {
  const chat = await openChatRoom()
  await chat.pair('ann', 'owner')
  const { channels } = chat.room.daemon.chat
  await channels.close('fake')
  const back = Promise.withResolvers<void>()
  const channel = chat.server.open()
  const opening = channels.addLocal({
    ...channel,
    async check() {
      await back.promise
      return { account: '@claw', words: [] }
    },
  })
  await chat.room.add(plan([task('a')]), null, { autonomy: 'ask-plan' })
  await chat.room.add(plan([task('b')]), null)
  await chat.room.until(({ goal }) => goal.reportFile !== null, '2')
  // The herald has passed both by.
  const told = `select key from chat_out join chat on chat.id = chat_out.chatId where channel = 'terminal'`
  while (!/ask:.*report:/s.test(JSON.stringify(chat.room.query(told))))
    await new Promise((resolve) => setTimeout(resolve, 20))
  expect(chat.messages(/^\*\*\? 1|is met/)).toEqual([])
  back.resolve()
  await opening
  await chat.shown(isAsk)
  await chat.shown(/#2 is met/)
  await channels.close('fake')
  await chat.open(chat.server)
  chat.say('ann', 'status')
  await chat.shown(/1 open/)
  await chat.quiet()
  expect(chat.messages(/^\*\*\? 1/)).toHaveLength(1)
  expect(chat.messages(/#2 is met/)).toHaveLength(1)
})
