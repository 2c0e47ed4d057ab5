import type { KnownBlock } from '@slack/types'
import { expect, onTestFinished, test } from 'vitest'
import { SlackConfig } from '../../config/channels.ts'
import { systemClock } from '../../core/clock.ts'
import { silentLog } from '../../core/world.ts'
import type {
  Channel,
  ChannelMemory,
  Chat,
  InboundEvent,
  MessageEvent,
  Trouble,
} from '../../daemon/channels/channel.ts'
import { createSlackChannel } from '../../daemon/channels/slack/slack-channel.ts'
import { fromSlack, toSlack } from '../../daemon/channels/slack/slack-text.ts'
import { APP_TOKEN, BOT_TOKEN, BOT_USER, type SlackServer, startSlackServer } from '../fakes/slack-server.ts'
import { plainOf, whyNotBlocks } from '../fakes/slack-words.ts'
import { channelContract, type Stage } from './channel-contract.ts'

const PEOPLE = { ann: 'UANN', ben: 'UBEN' }
const DIRECT: Chat = { id: 'D1', kind: 'direct' }
const THREAD = '1700000000.000001'
const GROUP: Chat = { id: `C1/${THREAD}`, kind: 'group' }

function openOn(server: SlackServer, memory: ChannelMemory, botToken = BOT_TOKEN, appToken = APP_TOKEN): Channel {
  const config = SlackConfig.parse({ kind: 'slack', botToken: 'env:B', appToken: 'env:A', apiRoot: server.apiRoot })
  return createSlackChannel(config, {
    name: 'slack',
    world: { clock: systemClock, log: silentLog },
    secret: (reference) => (reference === 'env:B' ? botToken : appToken),
    memory,
  })
}

function createMemory(): ChannelMemory {
  const values = new Map<string, string>()
  return { get: async (key) => values.get(key), set: async (key, value) => void values.set(key, value) }
}

channelContract('Slack', async (): Promise<Stage> => {
  const server = await startSlackServer()
  const memory = createMemory()
  return {
    open: async () => openOn(server, memory),
    openWrong: async () => openOn(server, createMemory(), 'xoxb-wrong'),
    direct: DIRECT,
    group: GROUP,
    async say({ chat, text, from = 'ann', mention = false, file, forwardedFrom }) {
      const [channel = '', thread] = chat.id.split('/')
      server.say({
        channel,
        user: PEOPLE[from],
        text: forwardedFrom ? '' : `${mention ? `<@${BOT_USER}> ` : ''}${escaped(text)}`,
        ...(thread ? { thread } : {}),
        ...(file ? { file } : {}),
        ...(forwardedFrom ? { shared: { author: forwardedFrom, text: escaped(text) } } : {}),
      })
    },
    press: async ({ id }, messageId, data) => server.press(id, messageId, data, PEOPLE.ann),
    react: async ({ id }, messageId) => server.react(id, messageId, '+1::skin-tone-2', PEOPLE.ann),
    shown: async (chat) => shown(server, chat),
    limitOnce: (ms) => server.limitOnce(ms / 1000),
    cut: () => server.cut(),
    remove: async ({ id }, messageId) => server.remove(id, messageId),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
})

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

function shown(server: SlackServer, { id }: Chat) {
  const [channel, thread] = id.split('/')
  return server.messages
    .filter((one) => one.channel === channel && one.user === BOT_USER && one.thread === thread)
    .map((one) => {
      const { text, buttons } = plainOf(one.blocks)
      return { messageId: one.ts, text, buttons: buttons.map(({ label }) => label), file: server.fileOf(one) }
    })
}

async function aServer(): Promise<SlackServer> {
  const server = await startSlackServer()
  onTestFinished(() => server[Symbol.asyncDispose]())
  return server
}

async function listening(server: SlackServer, options: { memory?: ChannelMemory; fail?: () => boolean } = {}) {
  const channel = openOn(server, options.memory ?? createMemory())
  onTestFinished(() => channel[Symbol.asyncDispose]())
  const events: InboundEvent[] = []
  const troubles: (Trouble | undefined)[] = []
  await channel.start(
    async (batch) => {
      if (options.fail?.()) throw new Error('the disk is full')
      events.push(...batch)
    },
    (trouble) => troubles.push(trouble),
  )
  await expect.poll(() => server.connections()).toBe(1)
  const messages = () => events.filter((event): event is MessageEvent => event.type === 'message')
  return { channel, events, messages, troubles }
}

test('the check names the team, and each right that the app lacks', async () => {
  const server = await aServer()
  server.scopes.delete('files:write')
  const channel = openOn(server, createMemory())
  onTestFinished(() => channel[Symbol.asyncDispose]())
  const { account, words } = await channel.check(AbortSignal.timeout(10_000))
  expect(account).toBe('@claw (Team)')
  expect(words.join('\n')).toMatch(/lacks files:write:/)
})

test('two tokens that were given the wrong way round are refused with what each begins with', async () => {
  const server = await aServer()
  const channel = openOn(server, createMemory(), APP_TOKEN, BOT_TOKEN)
  onTestFinished(() => channel[Symbol.asyncDispose]())
  await expect(channel.check(AbortSignal.timeout(10_000))).rejects.toMatchObject({
    code: 'channel_refused',
    hint: expect.stringMatching(/xoxb-.*xapp-/),
  })
})

test('an envelope that was not taken is not acknowledged, and comes again with the same id', async () => {
  const server = await aServer()
  let failures = 0
  const { messages } = await listening(server, { fail: () => failures++ === 0 })
  server.say({ channel: 'D1', user: PEOPLE.ann, text: 'hello' })
  await expect.poll(() => failures).toBe(1)
  server.resend()
  await expect.poll(() => messages().map(({ text }) => text)).toEqual(['hello'])
  server.resend()
  server.say({ channel: 'D1', user: PEOPLE.ann, text: 'more' })
  await expect.poll(() => messages().map(({ text }) => text)).toEqual(['hello', 'more'])
})

test('Slack’s own closing of the connection is no trouble, and nothing is lost by it', async () => {
  const server = await aServer()
  const { messages, troubles } = await listening(server)
  server.refresh()
  server.say({ channel: 'D1', user: PEOPLE.ann, text: 'in between' })
  await expect.poll(() => new Set(messages().map(({ text }) => text))).toEqual(new Set(['in between']))
  await expect.poll(() => server.connections()).toBe(1)
  expect(troubles).toEqual([])
})

test('direct messages that Slack gave up on are read from the history, page by page, once', async () => {
  const server = await aServer()
  const memory = createMemory()
  const first = await listening(server, { memory })
  server.say({ channel: 'D1', user: PEOPLE.ann, text: 'seen' })
  await expect.poll(() => first.messages().length).toBe(1)
  await expect.poll(() => memory.get('seen')).toBeDefined()
  await first.channel[Symbol.asyncDispose]()
  for (let n = 0; n < 10; n++) server.say({ channel: n % 2 ? 'D1' : 'D2', user: PEOPLE.ben, text: `missed ${n}` })
  server.forgetUnsent()
  const second = await listening(server, { memory })
  await expect.poll(() => second.messages().length).toBe(10)
  expect(new Set(second.messages().map(({ text }) => text)).size).toBe(10)
  expect(second.messages().some(({ text }) => text === 'seen')).toBe(false)
})

test('what was said before the channel was set up is not taken for a wish', async () => {
  const server = await aServer()
  server.say({ channel: 'D1', user: PEOPLE.ann, text: 'long ago' })
  server.forgetUnsent()
  const { messages } = await listening(server)
  server.say({ channel: 'D1', user: PEOPLE.ann, text: 'now' })
  await expect.poll(() => messages().map(({ text }) => text)).toEqual(['now'])
})

test('a mention outside a thread begins one, and the answer goes there', async () => {
  const server = await aServer()
  const { channel, messages } = await listening(server)
  const ts = server.say({ channel: 'C1', user: PEOPLE.ann, text: `<@${BOT_USER}> status` })
  await expect.poll(() => messages().length).toBe(1)
  const [asked] = messages()
  expect(asked).toMatchObject({ chat: { id: `C1/${ts}`, kind: 'group' }, text: 'status', isForUs: true })
  await channel.send(asked!.chat, { text: 'well', key: 'k', replyTo: asked!.messageId })
  expect(server.messages.at(-1)).toMatchObject({ channel: 'C1', thread: ts })
})

test('an answer in a thread of a direct conversation names what it answers, and is answered in that thread', async () => {
  const server = await aServer()
  const { channel, messages } = await listening(server)
  const { messageId } = await channel.send(DIRECT, { text: 'Go on?', key: 'k' })
  server.say({ channel: 'D1', user: PEOPLE.ann, text: 'yes', thread: messageId })
  await expect.poll(() => messages().length).toBe(1)
  const [answer] = messages()
  expect(answer).toMatchObject({ chat: DIRECT, replyTo: messageId })
  await channel.send(DIRECT, { text: 'Taken', key: 'k2', replyTo: answer!.messageId })
  expect(server.messages.at(-1)).toMatchObject({ thread: messageId })
})

test('other bots, edits, joins and empty events are no words of a person’s', async () => {
  const server = await aServer()
  const { messages } = await listening(server)
  const odd = [{ bot_id: 'B9' }, { subtype: 'message_changed' }, { subtype: 'channel_join' }, { user: undefined }]
  for (const more of odd) server.say({ channel: 'D1', user: PEOPLE.ben, text: 'noise', more })
  server.say({ channel: 'D1', user: PEOPLE.ann, text: 'me' })
  await expect.poll(() => messages().map(({ text }) => text)).toEqual(['me'])
})

test('a voice note is known as one', async () => {
  const server = await aServer()
  const { messages } = await listening(server)
  const file = { name: 'note.m4a', mime: 'audio/mp4', data: Uint8Array.of(1), subtype: 'slack_audio' }
  server.say({ channel: 'D1', user: PEOPLE.ann, text: '', file })
  await expect.poll(() => messages()[0]?.files[0]?.kind).toBe('voice')
})

test('the token goes to no other host, whatever is said of a file’s place, and a missing right is named', async () => {
  const server = await aServer()
  const { channel, messages } = await listening(server)
  const data = Uint8Array.of(1, 2, 3)
  server.say({ channel: 'D1', user: PEOPLE.ann, text: 'see', file: { name: 'x', mime: 'text/plain', data } })
  await expect.poll(() => messages().length).toBe(1)
  const file = messages()[0]!.files[0]!
  server.keepFilesAt('https://docs.example.com')
  await expect(channel.download(file, 100)).rejects.toThrow(/docs\.example\.com, not at Slack/)
  server.keepFilesAt(server.apiRoot.replace('/api/', ''))
  server.scopes.delete('files:read')
  await expect(channel.download(file, 100)).rejects.toThrow(/files:read/)
})

test('a token that was withdrawn is trouble that does not pass by itself', async () => {
  const server = await aServer()
  const channel = openOn(server, createMemory(), BOT_TOKEN, 'xapp-old')
  onTestFinished(() => channel[Symbol.asyncDispose]())
  const troubles: (Trouble | undefined)[] = []
  await channel.start(
    async () => {},
    (trouble) => troubles.push(trouble),
  )
  await expect.poll(() => troubles[0]).toMatchObject({ mayPass: false, words: expect.stringMatching(/invalid_auth/) })
})

test('words full of marks go as they are where their styles would be more than Slack takes', () => {
  const text = '*a* '.repeat(750)
  const { blocks } = toSlack({ text })
  expect(whyNotBlocks(blocks)).toBeUndefined()
  expect(plainOf(blocks).text).toBe('a '.repeat(750))
})

test('bold, links and code are runs with a style, and a fence is a block of its own', () => {
  const { blocks } = toSlack({ text: '**bold** [site](https://example.org)\n```ts\nlet a\n```\nend `x`' })
  const block = blocks[0] as Extract<KnownBlock, { type: 'rich_text' }>
  expect(block.elements).toEqual([
    {
      type: 'rich_text_section',
      elements: [
        { type: 'text', text: 'bold', style: { bold: true } },
        { type: 'text', text: ' ' },
        { type: 'link', url: 'https://example.org', text: 'site' },
        { type: 'text', text: '\n' },
      ],
    },
    { type: 'rich_text_preformatted', elements: [{ type: 'text', text: 'let a' }] },
    {
      type: 'rich_text_section',
      elements: [
        { type: 'text', text: 'end ' },
        { type: 'text', text: 'x', style: { code: true } },
      ],
    },
  ])
})

test('what a person wrote is read without Slack’s marks, and no mark can be faked by words', () => {
  const nameOf = (user: string) => (user === 'UANN' ? 'Ann' : undefined)
  const read = (text: string) => fromSlack(text, nameOf)
  expect(read('<@UANN> and <@UX> in <#C1|general>, <!here>')).toBe('@Ann and @UX in #general, @here')
  expect(read('<https://a.example/x?y&amp;z|docs> <https://b.example> <mailto:a@b.c|a@b.c>')).toBe(
    'docs (https://a.example/x?y&z) https://b.example a@b.c',
  )
  expect(read('&lt;@UANN&gt; a &amp;lt; b')).toBe('<@UANN> a &lt; b')
})
