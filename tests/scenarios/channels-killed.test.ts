/**
 * Every channel in a real daemon that is killed with -9 around its messages: what was written arrives, also what was
 * written while no daemon lived, and is answered; a second copy, where the other side cannot tell, says that it is one.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Message } from 'grammy/types'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { HOST, hasMailServers, type MailRoom, PASSWORD, startMailRoom } from '../fakes/mail-room.ts'
import { startMatrixServer } from '../fakes/matrix-server.ts'
import { APP_TOKEN, BOT_TOKEN, BOT_USER, startSlackServer } from '../fakes/slack-server.ts'
import { plainOf } from '../fakes/slack-words.ts'
import { startTelegramServer, BOT_TOKEN as TELEGRAM_TOKEN } from '../fakes/telegram-server.ts'
import { createScene, type Life, STEP_MS_MAX } from './harness.ts'

interface Side extends AsyncDisposable {
  config: Record<string, unknown>
  secrets: Record<string, string>
  account: string
  say(text: string): Promise<void>
  said(): Promise<string[]>
}

const ROUNDS = 2

async function slack(): Promise<Side> {
  const server = await startSlackServer()
  return {
    config: { kind: 'slack', apiRoot: server.apiRoot },
    secrets: { botToken: BOT_TOKEN, appToken: APP_TOKEN },
    account: '@claw (Team)',
    say: async (text) => void server.say({ channel: 'D1', user: 'UANN', text }),
    said: async () => server.messages.filter(({ user }) => user === BOT_USER).map(({ blocks }) => plainOf(blocks).text),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

async function matrix(): Promise<Side> {
  const [me, ann, room] = ['@claw:example.org', '@ann:example.org', '!direct:example.org']
  const server = await startMatrixServer({ user: me, token: 'syt_claw' })
  server.addRoom(room, [me, ann])
  return {
    config: { kind: 'matrix', homeserver: server.url },
    secrets: { token: 'syt_claw' },
    account: me,
    say: async (body) => void server.put(room, ann, 'm.room.message', { msgtype: 'm.text', body }),
    said: async () =>
      server.rooms
        .get(room)!
        .events.filter(({ sender }) => sender === me)
        .map(({ content }) => String(content['body'])),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

async function telegram(): Promise<Side> {
  const server = await startTelegramServer()
  const from = { id: 7, is_bot: false, first_name: 'Ann' }
  const chat = { id: 7, type: 'private', first_name: 'Ann' } as Message['chat']
  return {
    config: { kind: 'telegram', apiRoot: server.url },
    secrets: { token: TELEGRAM_TOKEN },
    account: '@',
    say: async (text) => void server.say({ from, chat, text } as never),
    said: async () => server.messages.map(({ text }) => text),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

async function email(room: MailRoom): Promise<Side> {
  const [claw, ann] = ['claw@claw.test', 'ann@claw.test']
  return {
    config: {
      kind: 'email',
      address: claw,
      imap: `imap://127.0.0.1:${room.imapPort}`,
      smtp: `smtp://127.0.0.1:${room.smtpPort}`,
      trust: HOST,
    },
    secrets: { password: PASSWORD },
    account: claw,
    say: (text) => room.send({ from: ann, to: claw, subject: '', text }),
    said: async () => (await room.inbox(ann)).map(({ text }) => text),
    async [Symbol.asyncDispose]() {},
  }
}

async function shown(side: Side, is: RegExp): Promise<string> {
  const giveUp = AbortSignal.timeout(STEP_MS_MAX)
  for (;;) {
    const found = (await side.said()).map((text) => is.exec(text)).find((one) => one !== null)
    if (found) return found[1] ?? found[0]
    if (giveUp.aborted) throw new Error(`nothing like ${is} in\n${(await side.said()).join('\n---\n')}`)
    await systemClock.sleep(50)
  }
}

async function holds(openSide: () => Promise<Side>): Promise<void> {
  await using side = await openSide()
  await using scene = createScene()
  let life: Life = scene.start()
  await life.ready
  const config = readFileSync(scene.paths.configFile, 'utf8')
  const [key = ''] = Object.keys(side.secrets)
  const wrong = { name: 'there', config: side.config, secrets: { ...side.secrets, [key]: 'wrong' } }
  await expect(life.request('POST', '/v1/channels', wrong)).rejects.toThrow(/channel_refused/)
  expect(readFileSync(scene.paths.configFile, 'utf8')).toBe(config)
  const secrets = join(scene.dir, 'claw', 'secrets')
  expect(existsSync(secrets) ? readdirSync(secrets) : []).toEqual([])

  const added = await life.request<{ account: string }>('POST', '/v1/channels', { ...wrong, secrets: side.secrets })
  expect(added.account).toContain(side.account)
  await side.say('hello')
  await life.request('POST', '/v1/people/pair', { code: await shown(side, /claw pair (\S{9})/) })

  const numbers: string[] = []
  const say = async (number: number) => {
    numbers.push(String(number))
    await side.say(`/plan ${number}`)
  }
  for (let round = 0; round < ROUNDS; round++) {
    await say(700_000 + round)
    await systemClock.sleep(Math.random() * 300)
    await life.kill()
    await say(710_000 + round)
    life = scene.start()
    await life.ready
  }
  for (const number of numbers) await shown(side, new RegExp(number))
  // What waits for its turn would come now.
  await expect
    .poll(
      () => scene.rows<{ n: number }>(`select count(*) as n from chat_out where state in ('due', 'sending')`)[0]!.n,
      {
        timeout: STEP_MS_MAX,
      },
    )
    .toBe(0)
  const said = await side.said()
  for (const number of numbers) {
    const copies = said.filter((text) => text.includes(number))
    const silent = copies.filter((text) => !/see it twice/.test(text))
    expect([number, copies.length > 0, silent.length < 2]).toEqual([number, true, true])
  }
  const events = scene.rows<{ state: string; n: number }>('select state, count(*) as n from chat_event group by state')
  expect(events).toEqual([
    { state: 'done', n: 2 * ROUNDS },
    { state: 'ignored', n: 1 },
  ])
}

describe('kill -9 around messages', { timeout: 240_000 }, () => {
  test('Slack: all arrive, each is answered', () => holds(slack))
  test('Matrix: all arrive, each is answered', () => holds(matrix))
  test('Telegram: all arrive, each is answered', () => holds(telegram))

  describe.skipIf(!hasMailServers)('with mail servers', () => {
    let room: MailRoom
    beforeAll(async () => {
      room = await startMailRoom()
    })
    afterAll(() => room[Symbol.asyncDispose]())
    test('e-mail: all arrive, each is answered', () => holds(() => email(room)))
  })
})
