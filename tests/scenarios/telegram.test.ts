import { once } from 'node:events'
import type { Message, User } from 'grammy/types'
import { expect, test } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { git } from '../fakes/repositories.ts'
import { scriptModel } from '../fakes/script-model.ts'
import { BOT_TOKEN, type SentMessage, startTelegramServer } from '../fakes/telegram-server.ts'
import type { Answer, ModelRequest } from '../model-server/exchange.ts'
import { startModelServer } from '../model-server/model-server.ts'
import { fileAt, plan, task } from './daemon-room.ts'
import { factsOf } from './final-questions.ts'
import { createScene, isEndOf, type Life, openAsks, show } from './harness.ts'

const ANN: User = { id: 7, is_bot: false, first_name: 'Ann' }
const CHAT = { id: 7, type: 'private', first_name: 'Ann' } as Message['chat']

/** Resolves when it is called for the first time. */
function moment() {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { promise, pass: resolve }
}

test('a goal given in Telegram: paired, asked about by buttons, worked on by a real agent, landed and reported, over three kills', async () => {
  await using telegram = await startTelegramServer()
  const talking = moment()
  const working = moment()
  let told = 0
  let worked = 0
  await using model = await startModelServer({
    async script(request: ModelRequest): Promise<Answer | undefined> {
      if (request.system.includes('You are the voice of Claw in a chat')) {
        const isCalled = JSON.stringify(request.messages).includes('# What came of your calls')
        const add = { text: 'Write a.txt', repo: scene.repository, land: 'merge', autonomy: 'ask-plan' }
        if (!isCalled) return { json: { say: '', calls: [{ tool: 'add_goal', input: JSON.stringify(add) }] } }
        if (told++ > 0) return { json: { say: 'Goal 1 is on its way.', calls: [] } }
        talking.pass()
        return { hang: true }
      }
      // Agents offer tools, the planner none.
      if (request.tools.length === 0) {
        const draft = plan([task('a')])
        return { json: { ...draft, tasks: draft.tasks.map((one) => ({ act: null, ...one })) } }
      }
      if (worked++ > 0) return scriptModel(request)
      working.pass()
      return { hang: true }
    },
  })
  await using scene = createScene({
    sandbox: 'auto',
    config: {
      sandbox: { kind: 'auto' },
      agents: { default: 'pi' },
      model: { provider: 'openai-chat', model: 'scripted-model', baseUrl: `${model.url}/v1`, key: 'env:SCENE_KEY' },
      brain: { review: false },
      channels: { telegram: { kind: 'telegram', token: 'env:SCENE_TOKEN', apiRoot: telegram.url } },
    },
    env: { SCENE_KEY: 'key-of-the-scene', SCENE_TOKEN: BOT_TOKEN },
  })
  const begin = async (): Promise<Life> => {
    const life = scene.start()
    expect(await life.ready, life.words()).toBe(true)
    return life
  }
  /** Says where it stood, where a step does not come. */
  const within = async <T>(what: string, step: Promise<T>): Promise<T> => {
    const giveUp = AbortSignal.timeout(45_000)
    const late = once(giveUp, 'abort').then(() => {
      const said = telegram.messages.map(({ text, buttons }) => `${text} ${JSON.stringify(buttons)}`).join('\n---\n')
      const rows = scene
        .rows('select state, note from chat_event')
        .concat(scene.rows('select name, tries, lastError from job'))
      throw new Error(`waited in vain for ${what}\n${said}\n${JSON.stringify(rows)}\n${life.words().slice(-3_000)}`)
    })
    return Promise.race([step, late])
  }
  const shown = (what: string, is: (message: SentMessage) => boolean) => within(what, telegram.shown(is))
  /** Of a message that is on its way when the daemon dies nobody knows whether it arrived: that one is said again. */
  const killBetweenMessages = async () => {
    const onTheirWay = `select id from chat_out where state = 'sending'`
    while (scene.rows(onTheirWay).length > 0) await systemClock.sleep(20)
    await life.kill()
  }
  const say = (text: string) => telegram.say({ from: ANN, chat: CHAT, text })

  let life = await begin()
  say('/start')
  const { text: offer } = await shown('a message', ({ text }) => text.includes('claw pair'))
  const code = /claw pair (\S+)/.exec(offer)![1]!
  await life.request('POST', '/v1/people/pair', { code, name: 'Ann' })
  say('Please write a.txt with the word good')

  // The model was told that the goal was added, and its words never came.
  await within('the first words', talking.promise)
  await shown('progress', ({ text }) => text.startsWith('#1 Write a.txt'))
  await shown('the question', ({ buttons }) => buttons.length > 0)
  await killBetweenMessages()
  life = await begin()
  await shown('a message', ({ text }) => text.startsWith('Goal 1 is on its way.'))

  // The question is there, and is answered while nobody listens.
  const ask = await shown('a message', ({ buttons }) => buttons.length > 0)
  expect(ask.text).toContain('Carry out this plan of 1 task')
  await killBetweenMessages()
  telegram.press(ask.messageId, ask.buttons[0]!.data, ANN, CHAT)
  life = await begin()

  // The agent has begun.
  await within('the agent', working.promise)
  await killBetweenMessages()
  life = await begin()
  const { goal } = await show(life, 1)
  await within('the end', life.until(isEndOf(goal.id)))
  const report = await shown('a message', ({ file }) => file !== undefined)

  expect(report.text).toMatch(/#1 is met/)
  expect(report.file!.data.toString()).toContain('a.txt')
  const view = await show(life, 1)
  expect(view.goal.state, view.words).toBe('met')
  expect(view.taskViews[0]!.runs.map(({ agent }) => agent)).toContain('pi')
  expect(fileAt(scene.repository, git(scene.repository, 'rev-parse', 'main').trim(), 'a.txt')).toBe('good\n')
  await shown('a message', ({ text }) => text.startsWith('#1 Write a.txt') && text.includes('met'))
  await shown('a message', ({ text }) => text.includes('(by telegram:Ann)'))

  // Nothing twice, nothing lost.
  const count = (pattern: RegExp) => telegram.messages.filter(({ text }) => pattern.test(text)).length
  expect(count(/^Goal 1 is on its way/)).toBe(1)
  expect(count(/^\? 1 /)).toBe(1)
  expect(count(/^#1 Write a\.txt/)).toBe(1)
  expect(count(/#1 is met/)).toBe(1)
  expect(count(/claw pair/)).toBe(1)
  expect(telegram.messages).toHaveLength(5)
  expect(ask.buttons).toEqual([])
  expect(scene.rows('select number from goal')).toEqual([{ number: 1 }])
  expect(scene.rows(`select count(*) as n from event where type = 'ask.answered'`)).toEqual([{ n: 1 }])
  expect(scene.rows(`select count(*) as n from chat_event where state = 'new'`)).toEqual([{ n: 0 }])
  expect(await openAsks(life)).toEqual([])
  expect(factsOf(scene)).toBeDefined()
  expect(scene.kills()).toBe(3)
})
