import type { Message, User } from 'grammy/types'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { silentLog } from '../../core/world.ts'
import type { ChannelDeps, Chat, InboundEvent } from '../../daemon/channels/channel.ts'
import { createTelegramChannel } from '../../daemon/channels/telegram-channel.ts'
import { toTelegram } from '../../daemon/channels/telegram-text.ts'
import { readMethods } from '../fakes/telegram-methods.ts'
import { BOT, BOT_TOKEN, startTelegramServer, type TelegramServer } from '../fakes/telegram-server.ts'
import { channelContract, type Stage } from './channel-contract.ts'

const ANN: User = { id: 7, is_bot: false, first_name: 'Ann', last_name: 'Owner' }
const BEN: User = { id: 8, is_bot: false, first_name: 'Ben' }
const DIRECT = { id: 7, type: 'private', first_name: 'Ann' } as Message['chat']
const GROUP = { id: -100, type: 'supergroup', title: 'Team' } as Message['chat']
const chat = (of: Message['chat']): Chat => ({ id: String(of.id), kind: of.type === 'private' ? 'direct' : 'group' })

function openChannel(server: TelegramServer, token = BOT_TOKEN) {
  const memory = new Map<string, string>()
  const deps: ChannelDeps = {
    name: 'telegram',
    world: { clock: systemClock, log: silentLog },
    secret: () => token,
    memory: { get: async (key) => memory.get(key), set: async (key, value) => void memory.set(key, value) },
  }
  return createTelegramChannel({ kind: 'telegram', token: 'env:T', apiRoot: server.url }, deps)
}

channelContract('telegram', async (): Promise<Stage> => {
  const server = await startTelegramServer()
  return {
    open: async () => openChannel(server),
    openWrong: async () => openChannel(server, '1:wrong'),
    direct: chat(DIRECT),
    group: chat(GROUP),
    async say({ chat, text, from = 'ann', mention = false, file, forwardedFrom }) {
      const words = mention ? `@${BOT.username} ${text}` : text
      server.say({
        from: from === 'ann' ? ANN : BEN,
        chat: chat.kind === 'direct' ? DIRECT : GROUP,
        ...(file
          ? {
              caption: words,
              document: {
                file_id: server.keepFile(file.name, file.data),
                file_unique_id: 'u',
                file_name: file.name,
                mime_type: file.mime,
                file_size: file.data.byteLength,
              },
            }
          : { text: words }),
        ...(mention ? { entities: [{ type: 'mention' as const, offset: 0, length: BOT.username.length + 1 }] } : {}),
        ...(forwardedFrom
          ? { forward_origin: { type: 'hidden_user' as const, sender_user_name: forwardedFrom, date: 1 } }
          : {}),
      } as never)
    },
    press: async (_, messageId, data) => server.press(Number(messageId), data, ANN, DIRECT),
    react: async (_, messageId, emoji) => server.react(Number(messageId), emoji, ANN, DIRECT),
    async shown({ id }) {
      return server.messages
        .filter(({ chatId }) => chatId === id)
        .map(({ messageId, text, buttons, file }) => ({
          messageId: String(messageId),
          text,
          buttons: buttons.map((button) => button.text),
          file,
        }))
    },
    limitOnce: (ms) => server.limitOnce(ms / 1000),
    cut: () => server.cut(),
    remove: async (_, messageId) => server.remove(Number(messageId)),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
})

async function aServer(): Promise<TelegramServer> {
  const server = await startTelegramServer()
  onTestFinished(() => server[Symbol.asyncDispose]())
  return server
}

async function listening(server: TelegramServer) {
  const channel = openChannel(server)
  onTestFinished(() => channel[Symbol.asyncDispose]())
  const troubles: string[] = []
  const events: InboundEvent[] = []
  const told = Promise.withResolvers<void>()
  await channel.start(
    async (batch) => void events.push(...batch),
    (trouble) => {
      if (trouble) troubles.push(trouble.words)
      told.resolve()
    },
  )
  return { channel, troubles, events, told: told.promise }
}

test('the fake is held to the published description: every method that is used is in there', () => {
  const methods = readMethods()
  expect(methods.size).toBeGreaterThan(150)
  expect(methods.get('getUpdates')?.optional).toEqual(['offset', 'limit', 'timeout', 'allowed_updates'])
  expect(methods.get('sendMessage')?.required).toEqual(['chat_id', 'text'])
})

test('of two pollers the older one is told, says so, and does not fight', async () => {
  const server = await aServer()
  const first = await listening(server)
  await until(() => server.calls.some(({ method }) => method === 'getUpdates'))
  await listening(server)
  await first.told
  expect(first.troubles[0]).toMatch(/terminated by other getUpdates/)
  const polls = () => server.calls.filter(({ method }) => method === 'getUpdates').length
  const before = polls()
  await systemClock.sleep(300)
  expect(polls()).toBe(before)
})

test('a webhook that is in the way is taken away', async () => {
  const server = await aServer()
  server.setWebhook('https://example.org/hook')
  const { events } = await listening(server)
  server.say({ from: ANN, chat: DIRECT, text: 'hello' } as never)
  await until(() => events.length > 0)
  expect(server.calls.map(({ method }) => method)).toContain('deleteWebhook')
})

test('a short limit is waited out in the call', async () => {
  const server = await aServer()
  const channel = openChannel(server)
  onTestFinished(() => channel[Symbol.asyncDispose]())
  server.limitOnce(1)
  await channel.send(chat(DIRECT), { text: 'soon', key: 'k' })
  expect(server.messages.map(({ text }) => text)).toEqual(['soon'])
})

test('a command for another bot, a bot’s words and a channel’s posts are not for us', async () => {
  const server = await aServer()
  const { events } = await listening(server)
  const command = (text: string) => ({
    text,
    entities: [{ type: 'bot_command' as const, offset: 0, length: text.length }],
  })
  server.say({ from: ANN, chat: GROUP, ...command('/status@other_bot') } as never)
  server.say({ from: { ...BEN, is_bot: true }, chat: GROUP, ...command('/status') } as never)
  server.say({ from: ANN, chat: { id: -5, type: 'channel', title: 'News' } as never, text: 'news' } as never)
  server.say({ from: ANN, chat: GROUP, sender_chat: GROUP, ...command('/status') } as never)
  server.say({ from: ANN, chat: GROUP, ...command(`/status@${BOT.username}`) } as never)
  await until(() => events.length >= 3)
  expect(events.map((event) => event.type === 'message' && [event.isForUs, event.sender.isVerified])).toEqual([
    [false, true],
    [true, false],
    [true, true],
  ])
})

test('a topic of a group is a conversation of its own', async () => {
  const server = await aServer()
  const { channel, events } = await listening(server)
  server.say({ from: ANN, chat: GROUP, text: 'x', message_thread_id: 9, is_topic_message: true } as never)
  await until(() => events.length > 0)
  expect(events[0]!.chat).toEqual({ id: '-100/9', kind: 'group' })
  await channel.send(events[0]!.chat, { text: 'y', key: 'k' })
  expect(server.messages[0]!.chatId).toBe('-100/9')
})

test('Markdown becomes entities whose places are right, also behind characters of two units', () => {
  const { text, entities } = toTelegram('😀 **bold _both_** `a_b` [site](https://example.org)\n```ts\nlet a\n```')
  expect(text).toBe('😀 bold both a_b site\nlet a')
  expect(entities.map(({ type, offset, length }) => [type, text.slice(offset, offset + length)])).toEqual([
    ['bold', 'bold '],
    ['bold', 'both'],
    ['italic', 'both'],
    ['code', 'a_b'],
    ['text_link', 'site'],
    ['pre', 'let a'],
  ])
})

test('what is no complete mark stays as it was typed', () => {
  for (const words of ['snake_case_name', '2 * 3 * 4', '**open', '[a](javascript:x)', '_', '``', 'a_ _b']) {
    expect(toTelegram(words)).toEqual({ text: words, entities: [] })
  }
})

async function until(is: () => boolean): Promise<void> {
  while (!is()) await systemClock.sleep(5)
}
