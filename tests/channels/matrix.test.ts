import { expect, test } from 'vitest'
import { MatrixConfig } from '../../config/channels.ts'
import { systemClock } from '../../core/clock.ts'
import { silentLog } from '../../core/world.ts'
import type { Channel, ChannelMemory, InboundEvent } from '../../daemon/channels/channel.ts'
import { createMatrixChannel } from '../../daemon/channels/matrix/matrix-channel.ts'
import { type FakeEvent, type MatrixServer, startMatrixServer } from '../fakes/matrix-server.ts'
import { PUBLISHED } from '../fakes/matrix-words.ts'
import { channelContract, type Stage } from './channel-contract.ts'

const ME = '@claw:example.org'
const TOKEN = 'syt_claw'
const PEOPLE = { ann: '@ann:example.org', ben: '@ben:example.org' }
const DIRECT = '!direct:example.org'
const GROUP = '!group:example.org'

function openOn(server: MatrixServer, memory: ChannelMemory, token = TOKEN): Channel {
  const config = MatrixConfig.parse({ kind: 'matrix', homeserver: server.url, token: 'env:TOKEN' })
  const world = { clock: systemClock, log: silentLog }
  return createMatrixChannel(config, { name: 'matrix', world, secret: () => token, memory })
}

function createMemory(): ChannelMemory {
  const values = new Map<string, string>()
  return { get: async (key) => values.get(key), set: async (key, value) => void values.set(key, value) }
}

async function startServer(): Promise<MatrixServer> {
  const server = await startMatrixServer({ user: ME, token: TOKEN })
  server.addRoom(DIRECT, [ME, PEOPLE.ann])
  server.addRoom(GROUP, [ME, PEOPLE.ann, PEOPLE.ben])
  return server
}

channelContract('Matrix', async (): Promise<Stage> => {
  const server = await startServer()
  const memory = createMemory()
  return {
    open: async () => openOn(server, memory),
    openWrong: async () => openOn(server, createMemory(), 'syt_wrong'),
    direct: { id: DIRECT, kind: 'direct' },
    group: { id: GROUP, kind: 'group' },
    async say({ chat, text, from = 'ann', mention = false, file, forwardedFrom, replyTo }) {
      const mentions = { 'm.mentions': mention ? { user_ids: [ME] } : {} }
      const relation = replyTo ? { 'm.relates_to': { 'm.in_reply_to': { event_id: replyTo } } } : {}
      // There is no mark for it: people write whose words they are.
      const body = forwardedFrom ? `${forwardedFrom} wrote: ${text}` : text
      const content = file
        ? {
            msgtype: 'm.file',
            body,
            filename: file.name,
            url: server.keepMedia(file.data),
            info: { mimetype: file.mime, size: file.data.byteLength },
          }
        : { msgtype: 'm.text', body }
      server.put(chat.id, PEOPLE[from], 'm.room.message', { ...content, ...mentions, ...relation })
    },
    async react(chat, messageId, emoji) {
      const relation = { rel_type: 'm.annotation', event_id: messageId, key: `${emoji}\uFE0F` }
      server.put(chat.id, PEOPLE.ann, 'm.reaction', { 'm.relates_to': relation })
    },
    shown: async (chat) => shown(server, chat.id),
    limitOnce: server.limitOnce,
    async cut() {
      await server.close()
      return server.listen
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
})

/** As a client shows it: an edit takes the place of what it replaces. */
function shown(server: MatrixServer, room: string) {
  const mine = server.rooms.get(room)!.events.filter(({ sender, type }) => sender === ME && type === 'm.room.message')
  const replaced = (event: FakeEvent) =>
    mine.findLast((other) => {
      const relation = other.content['m.relates_to'] as { rel_type?: string; event_id?: string } | undefined
      return relation?.rel_type === 'm.replace' && relation.event_id === event.event_id
    })?.content['m.new_content'] as Record<string, unknown> | undefined
  return mine
    .filter((event) => !(event.content['m.new_content'] as unknown))
    .map((event) => {
      const content = replaced(event) ?? event.content
      const url = content['url'] as string | undefined
      return {
        messageId: event.event_id,
        text: String(content['body']),
        buttons: [],
        file: url ? { name: String(content['filename']), data: server.media(url)! } : undefined,
      }
    })
}

async function heardOn(server: MatrixServer, memory = createMemory()) {
  const channel = openOn(server, memory)
  const heard: InboundEvent[] = []
  await channel.start(
    async (events) => void heard.push(...events),
    () => {},
  )
  return { channel, heard, texts: () => heard.map((event) => (event.type === 'message' ? event.text : event.type)) }
}

const word = (body: string, more = {}) => ({ msgtype: 'm.text', body, ...more })

test('more than a sync brings, said while nobody listened, is fetched from history', async () => {
  await using server = await startServer()
  const memory = createMemory()
  const first = await heardOn(server, memory)
  server.put(DIRECT, PEOPLE.ann, 'm.room.message', word('first'))
  await expect.poll(first.texts).toEqual(['first'])
  await first.channel[Symbol.asyncDispose]()
  for (let n = 0; n < 250; n++) server.put(n % 2 ? DIRECT : GROUP, PEOPLE.ann, 'm.room.message', word(`${n}`))
  const second = await heardOn(server, memory)
  await using _ = second.channel
  await expect.poll(() => new Set(second.texts()).size, { timeout: 10_000 }).toBe(250)
  expect(second.heard.map(({ eventId }) => eventId)).toHaveLength(250)
})

test('what was said before the channel was set up is not taken for a wish', async () => {
  await using server = await startServer()
  server.put(DIRECT, PEOPLE.ann, 'm.room.message', word('long ago'), Date.now() - 3_600_000)
  const { channel, texts } = await heardOn(server)
  await using _ = channel
  server.put(DIRECT, PEOPLE.ann, 'm.room.message', word('now'))
  await expect.poll(texts).toEqual(['now'])
})

test('an invitation is taken, and the room listened to', async () => {
  await using server = await startServer()
  server.addRoom('!new:example.org', [PEOPLE.ann])
  const { channel, texts } = await heardOn(server)
  await using _ = channel
  server.invite('!new:example.org')
  await expect.poll(() => server.rooms.get('!new:example.org')!.members).toContain(ME)
  server.put('!new:example.org', PEOPLE.ann, 'm.room.message', word('hello'))
  await expect.poll(texts).toEqual(['hello'])
})

test('in a group: an answer to ours is for us, to another’s is not, and quotes of old clients are left out', async () => {
  await using server = await startServer()
  const { channel, heard } = await heardOn(server)
  await using _ = channel
  const { messageId } = await channel.send({ id: GROUP, kind: 'group' }, { text: 'Go on?', key: 'k' })
  const other = server.put(GROUP, PEOPLE.ben, 'm.room.message', word('Lunch?'))
  const answer = (event_id: string) => ({ 'm.relates_to': { 'm.in_reply_to': { event_id } } })
  server.put(GROUP, PEOPLE.ann, 'm.room.message', word('> <@claw:example.org> Go on?\n\nyes', answer(messageId)))
  server.put(GROUP, PEOPLE.ann, 'm.room.message', word('no', answer(other)))
  server.put(GROUP, PEOPLE.ann, 'm.room.message', word('claw: status'))
  await expect.poll(() => heard.length).toBe(4)
  expect(heard.map((event) => event.type === 'message' && [event.text, event.isForUs])).toEqual([
    ['Lunch?', false],
    ['yes', true],
    ['no', false],
    ['claw: status', true],
  ])
})

test('edits, notices of other bots and broken events are no words of a person’s', async () => {
  await using server = await startServer()
  const { channel, texts } = await heardOn(server)
  await using _ = channel
  server.put(DIRECT, PEOPLE.ann, 'm.room.message', { msgtype: 'm.notice', body: 'I am a bot' })
  server.put(
    DIRECT,
    PEOPLE.ann,
    'm.room.message',
    word('* b', { 'm.relates_to': { rel_type: 'm.replace', event_id: '$1' } }),
  )
  server.put(DIRECT, PEOPLE.ann, 'm.room.message', { msgtype: 7 })
  server.put(DIRECT, PEOPLE.ann, 'm.reaction', {})
  server.put(DIRECT, PEOPLE.ann, 'm.room.encrypted', { algorithm: 'm.megolm.v1.aes-sha2' })
  server.put(DIRECT, PEOPLE.ann, 'm.room.message', word('a'))
  await expect.poll(texts).toEqual(['a'])
})

test('a token that was withdrawn is trouble that does not pass by itself, told once it happens', async () => {
  await using server = await startServer()
  const channel = openOn(server, createMemory(), 'syt_old')
  await using _ = channel
  const troubles: unknown[] = []
  await channel.start(
    async () => {},
    (trouble) => troubles.push(trouble),
  )
  await expect
    .poll(() => troubles[0])
    .toMatchObject({ mayPass: false, words: expect.stringContaining('M_UNKNOWN_TOKEN') })
})

test('Markdown goes as plain words and as HTML in which nothing of the words is markup', async () => {
  await using server = await startServer()
  const channel = openOn(server, createMemory())
  await using _ = channel
  const chat = { id: DIRECT, kind: 'direct' as const }
  const text = '**bold** `a<b` [site](https://example.org)\n<script>x</script>\n```ts\nlet a\n```'
  const { messageId } = await channel.send(chat, { text, key: 'k' })
  const content = () => server.rooms.get(DIRECT)!.events.at(-1)!.content
  expect(content()).toMatchObject({
    body: 'bold a<b site (https://example.org)\n<script>x</script>\nlet a',
    format: 'org.matrix.custom.html',
    formatted_body:
      '<strong>bold</strong> <code>a&lt;b</code> <a href="https://example.org">site</a><br>' +
      '&lt;script&gt;x&lt;/script&gt;<br><pre><code class="language-ts">let a</code></pre>',
  })
  await channel.edit(chat, messageId, { text: '*done*', key: 'k2' })
  expect(content()['m.new_content']).toMatchObject({ body: 'done', formatted_body: '<em>done</em>' })
  await channel.send(chat, { text: 'plain', key: 'k3' })
  expect(content()).toEqual({ msgtype: 'm.text', body: 'plain' })
})

test('what homeservers would refuse the fake refuses too: it is held to the published description', async () => {
  await using server = await startServer()
  expect(PUBLISHED.source).toMatch(/matrix-spec.*commit [0-9a-f]{40}/)
  const ask = async (method: string, path: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${TOKEN}` }
    const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) }
    const response = await fetch(`${server.url}/_matrix/client/v3${path}`, init)
    return [response.status, ((await response.json()) as { errcode?: string }).errcode]
  }
  const room = `/rooms/${encodeURIComponent(DIRECT)}`
  expect(await ask('GET', '/sync?sinze=s0')).toEqual([400, 'M_BAD_JSON'])
  expect(await ask('GET', `${room}/messages?from=t0`)).toEqual([400, 'M_BAD_JSON'])
  expect(await ask('PUT', `${room}/typing/x`, { timeout: 1 })).toEqual([400, 'M_BAD_JSON'])
  expect(await ask('PUT', `${room}/send/m.room.message/1`, { msgtype: 'm.text' })).toEqual([400, 'M_BAD_JSON'])
  expect(await ask('POST', `${room}/send/m.room.message/1`, {})).toEqual([404, 'M_UNRECOGNIZED'])
  expect(await ask('PUT', `${room}/send/m.room.message/1`, { msgtype: 'm.text', body: 'x' })).toEqual([200, undefined])
})
