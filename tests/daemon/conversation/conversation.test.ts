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
  const asked = chat.model!.requests.length
  chat.say('ann', '/diff 1.1')
  expect((await chat.shown(/```diff/)).text).toContain('+good')
  chat.say('ann', '/proof 1.1')
  expect((await chat.shown(/^proof_/)).text).toMatch(/passed, on commit .*\n- check 1 `grep -q good a\.txt`: passed/)
  chat.say('ann', '/report 1')
  await chat.shown(({ file }) => file?.name === 'goal-1.md')
  chat.say('ann', '/diff 9')
  await chat.shown(/there is no goal 9/i)
  expect(chat.model!.requests.length).toBe(asked)
  expect(chat.events('chat.acted')).toMatchObject([
    { by: 'fake:ann', role: 'owner', action: 'add_goal' },
    { by: 'fake:ann', role: 'owner', action: 'answer' },
  ])
  expect(chat.events('chat.said')[0]).toMatchObject({ by: 'fake:ann', text: 'please write a' })
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

test('a brain steers, explains, recalls, remembers, schedules, pauses and cancels, each once', async () => {
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  const calls: Record<string, [string, object]> = {
    explain: ['show_plan', { goal: '1' }],
    steer: ['steer_goal', { goal: '1', text: 'mind the tests' }],
    remember: ['remember', { text: 'The tests run with make check.', kind: 'fact' }],
    recall: ['recall', { query: 'tests make check' }],
    schedule: ['add_schedule', { when: 'every day at 9', text: 'update the dependencies' }],
    pause: ['pause_goal', { goal: '1' }],
    cancel: ['cancel_goal', { goal: '1' }],
  }
  const chat = await openChatRoom({
    plan: plan([task('a')]),
    config: { memory: { model: null, index: 'sqlite' } },
    brain: (prompt) => {
      const word = Object.keys(calls).findLast(
        (one) => prompt.includes(`"text":"${one} `) && !prompt.includes(`did ${one}`),
      )
      if (!word) return { say: 'What?' }
      const [, came] = prompt.split('# What came of your calls')
      return came === undefined ? { calls: [calls[word]!] } : { say: `did ${word}: ${came.slice(0, 400)}` }
    },
  })
  await chat.pair('ann', 'owner')
  await chat.room.add(plan([task('a')]), repository, { autonomy: 'ask-plan' })
  await chat.room.openAsk('plan-approval')
  const say = async (word: string) => {
    chat.say('ann', `${word} it`)
    return (await chat.shown(({ text }) => text.startsWith(`did ${word}`) && !text.endsWith(' …'))).text
  }
  await say('steer')
  await say('remember')
  await say('schedule')
  await say('pause')
  expect(await say('recall')).toContain('make check')
  expect(await say('explain')).toContain('Plan 2 of goal #1')
  // From here on words of others are in the conversation: what changes something is confirmed first.
  expect(await say('cancel')).toContain('Not done yet')
  const confirm = await chat.shown(/\*\*Confirm 1\*\*: .*goal: 1/)
  expect((await chat.room.daemon.goals.show('1')).goal.state).toBe('paused')
  chat.press('ann', confirm, 'Do it')
  await chat.room.until(({ goal }) => goal.state === 'dropped')
  await chat.quiet()
  expect(confirm).toMatchObject({ buttons: [], text: expect.stringContaining('✔ confirmed (fake:ann)') })
  expect(chat.room.query('select text, by from steer')).toEqual([{ text: 'mind the tests', by: 'fake:ann' }])
  expect((await chat.room.daemon.schedules.list({ state: 'open' })).map(({ schedule }) => schedule.words)).toEqual([
    'every day at 9',
  ])
  expect(chat.events('chat.acted').map(({ action }) => action)).toEqual([
    'steer_goal',
    'remember',
    'add_schedule',
    'pause_goal',
    'cancel_goal',
  ])
})

test('older turns reach the brain as a summary, and the record keeps every one of them', async () => {
  const summarised: string[] = []
  const chat = await openChatRoom({
    config: { chat: { turnsMax: 4 } },
    brain: (_, nth) => ({ say: `answer ${nth}` }),
    summary: (prompt) => {
      summarised.push(prompt)
      return 'They counted; the word is heron.'
    },
  })
  await chat.pair('ann', 'owner')
  for (let n = 1; n <= 8; n++) {
    chat.say('ann', `number ${n}`)
    await chat.shown(new RegExp(`^answer ${n}$`))
  }
  const last = chat.prompts().at(-1)!
  expect(last).toContain('# Earlier, in short\nThey counted; the word is heron.')
  expect(last).not.toContain('number 1"')
  expect(last).toContain('number 7')
  expect(summarised[0]).toContain('number 1')
  const turns = chat.room.query<{ text: string }>('select text from chat_turn order by id')
  expect(turns.map(({ text }) => text)).toEqual(
    Array.from({ length: 8 }, (_, n) => [`number ${n + 1}`, `answer ${n + 1}`]).flat(),
  )
})

test('a summary that does not come off holds nobody up', async () => {
  const chat = await openChatRoom({
    config: { chat: { turnsMax: 4 } },
    brain: (_, nth) => ({ say: `answer ${nth}` }),
    summary: () => 7 as never,
  })
  await chat.pair('ann', 'owner')
  for (let n = 1; n <= 6; n++) {
    chat.say('ann', `number ${n}`)
    await chat.shown(new RegExp(`^answer ${n}$`))
  }
  await chat.room.logged(/older turns were not summarised/)
  expect(chat.prompts().at(-1)).toContain('number 3')
})

test('messages that came while the brain was busy are answered together, once', async () => {
  const chat = await openChatRoom({
    brain: (_, nth) => (nth === 1 ? { json: { say: 'one', calls: [] }, delayMs: 700 } : { say: `answer ${nth}` }),
  })
  await chat.pair('ann', 'owner')
  chat.say('ann', 'first')
  while (chat.prompts().length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  for (const text of ['second', 'third', 'fourth']) chat.say('ann', text)
  await chat.shown(/answer 2/)
  await chat.quiet()
  expect(chat.prompts()).toHaveLength(2)
  for (const text of ['second', 'third', 'fourth']) expect(chat.prompts()[1]).toContain(text)
  expect(chat.messages(/^answer/)).toHaveLength(1)
})

test('files become attachments of the goal that they came with, or of the next one', async () => {
  const repository = makeRepository({ 'README.md': '# Hello\n' })
  const reads = task('a', [
    { do: 'run', command: 'cat ~/attachments/spec.md ~/attachments/more.txt > a.txt; echo good >> a.txt' },
  ])
  const chat = await openChatRoom({ plan: plan([reads]), brain: () => ({ say: 'never' }) })
  await chat.pair('ann', 'owner')
  const spec = chat.server.keepFile({ name: 'spec.md', mime: 'text/markdown', data: Buffer.from('say hello\n') })
  const more = chat.server.keepFile({ name: '../more.txt', mime: 'text/plain', data: Buffer.from('and more\n') })
  chat.say('ann', '', { files: [spec] })
  await chat.shown(/Kept spec.md/)
  chat.say('ann', `/goal --repo ${repository} --land merge --autonomy auto Write a as in the file`, { files: [more] })
  const report = await chat.shown(({ file }) => file !== undefined)
  expect(report.text).toContain('is met')
  expect(fileAt(repository, 'main', 'a.txt')).toBe('say hello\nand more\ngood\n')
  const { goal } = await chat.room.daemon.goals.show('1')
  expect(goal.text).toContain('~/attachments/spec.md (text/markdown, 10 bytes)')
  expect(chat.room.query('select name, goalId from attachment order by name')).toEqual([
    { name: 'more.txt', goalId: goal.id },
    { name: 'spec.md', goalId: goal.id },
  ])
  chat.say('ann', '', { files: [{ ...spec, bytes: 21 * 1024 * 1024 }] })
  await chat.shown(/spec.md is larger than 20 MB/)
})

test('a file that comes with words makes a goal only after a yes, and the goal has the file', async () => {
  const chat = await openChatRoom({
    brain: (prompt) =>
      prompt.includes('# What came of your calls')
        ? { say: 'Please confirm.' }
        : { calls: [['add_goal', { text: 'As in the file' }]] },
  })
  await chat.pair('ann', 'owner')
  const spec = chat.server.keepFile({ name: 'spec.md', mime: 'text/markdown', data: Buffer.from('say hello\n') })
  chat.say('ann', 'do what the file says', { files: [spec] })
  const confirm = await chat.shown(/\*\*Confirm 1\*\*: Add a goal \(text: As in the file\)/)
  expect(chat.prompts()[0]).toContain('<untrusted-data name="file spec.md">\nsay hello\n')
  chat.press('ann', confirm, 'Do it')
  await chat.shown(/^Added\. #1/)
  const { goal } = await chat.room.daemon.goals.show('1')
  expect(goal.text).toContain('~/attachments/spec.md')
  expect(chat.room.query('select goalId from attachment')).toEqual([{ goalId: goal.id }])
})

test('voice is turned into words only where a program for it is configured', async () => {
  const mute = await openChatRoom()
  await mute.pair('ann', 'owner')
  const note = (chat: typeof mute) =>
    chat.server.keepFile({ name: 'v.ogg', mime: 'audio/ogg', data: Buffer.from('status') }, 'voice')
  mute.say('ann', '', { files: [note(mute)] })
  await mute.shown(/I cannot listen: no program for it is configured/)
  expect(mute.room.query('select * from attachment')).toEqual([])

  const chat = await openChatRoom({ config: { chat: { transcribe: ['cat', '{file}'] } } })
  await chat.pair('ann', 'owner')
  chat.say('ann', '', { files: [note(chat)] })
  await chat.shown(/0 open, 0 waiting on you/)

  const broken = await openChatRoom({ config: { chat: { transcribe: ['false'] } } })
  await broken.pair('ann', 'owner')
  broken.say('ann', '', { files: [note(broken)] })
  await broken.shown(/the program that listens to voice notes ended with 1/)
})

test('what a brain says is shown while it says it, in one message that the answer replaces', async () => {
  const words = Array.from({ length: 60 }, (_, n) => `word${n}`).join(' ')
  const chat = await openChatRoom({ brain: () => ({ json: { say: words, calls: [] }, slowMs: 60 }) })
  await chat.pair('ann', 'owner')
  chat.say('ann', 'talk')
  const message = await chat.shown(/^word0 .* …$/)
  expect(message.text.length).toBeLessThan(words.length)
  await chat.shown((one) => one.text === words)
  await chat.quiet()
  expect(message.text).toBe(words)
  expect(chat.messages(/word0/)).toHaveLength(1)
})

test('a daemon that goes away in the middle of a call goes on from there: nothing is done or said twice', async () => {
  const inside = Promise.withResolvers<void>()
  const chat = await openChatRoom({
    brain: (prompt) => {
      if (!prompt.includes('# What came of your calls')) return { calls: [['add_goal', { text: 'Only once' }]] }
      inside.resolve()
      return prompt.includes('again')
        ? { say: 'Goal added.' }
        : { json: { say: 'Goal added.', calls: [] }, delayMs: 1_500 }
    },
  })
  await chat.pair('ann', 'owner')
  chat.say('ann', 'add it')
  await inside.promise
  await chat.room.restart(async () => {
    await chat.open(chat.server)
  })
  await chat.shown(/Goal added/)
  await chat.quiet()
  expect(chat.messages(/Goal added/)).toHaveLength(1)
  expect(chat.room.query('select number from goal')).toEqual([{ number: 1 }])
  expect(chat.room.query(`select kind from chat_turn where kind = 'call'`)).toHaveLength(1)
})

test('a brain answers an ask with the person’s own words, and what it may not do comes back to it as words', async () => {
  const chat = await openChatRoom({
    brain: (prompt) => {
      const came = prompt.split('# What came of your calls')[1]
      if (came) return { say: came.includes('already') ? 'It was answered before.' : 'I answered it.' }
      return { calls: [['answer_ask', { ask: '1', choice: 'yes' }]] }
    },
  })
  await chat.pair('ann', 'owner')
  await chat.room.add(plan([task('a')]), null, { autonomy: 'ask-plan' })
  await chat.room.openAsk('plan-approval')
  chat.say('ann', 'yes, carry out the plan of goal 1')
  await chat.shown(/I answered it/)
  expect((await chat.room.daemon.inbox.get('1')).answer).toMatchObject({ choice: 'yes', by: 'fake:ann' })
  chat.say('ann', 'carry it out again')
  await chat.shown(/It was answered before/)
  expect(chat.events('ask.answered')).toHaveLength(1)
})
