/**
 * The Matrix adapter against a real Synapse. Opt-in, for Debian has it in sid only: make a folder with
 * `mmdebstrap --variant=minbase --include=matrix-synapse,ca-certificates sid FOLDER` and name it in CLAW_SYNAPSE_ROOT.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MatrixConfig } from '../../config/channels.ts'
import { systemClock } from '../../core/clock.ts'
import { silentLog } from '../../core/world.ts'
import type { Channel, ChannelMemory, Chat } from '../../daemon/channels/channel.ts'
import { createMatrixChannel } from '../../daemon/channels/matrix/matrix-channel.ts'
import { type Synapse, startSynapse } from '../fakes/synapse.ts'
import { channelContract, type Shown, type Stage } from './channel-contract.ts'

const ROOT = process.env['CLAW_SYNAPSE_ROOT']

interface Account {
  id: string
  token: string
}

interface RoomEvent {
  type: string
  event_id: string
  sender: string
  content: Record<string, unknown>
}

describe.skipIf(!ROOT)('against Synapse', { timeout: 120_000 }, () => {
  let synapse: Synapse
  let stages = 0
  beforeAll(async () => {
    synapse = await startSynapse(ROOT!)
  }, 120_000)
  afterAll(() => synapse?.[Symbol.asyncDispose]())

  channelContract('Matrix', async (): Promise<Stage> => {
    const n = ++stages
    const [me, ann, ben] = await Promise.all(['claw', 'ann', 'ben'].map((name) => synapse.register(`${name}${n}`)))
    const people = { ann: ann!, ben: ben! }
    const direct: Chat = { id: await aRoom(synapse, [people.ann, me!]), kind: 'direct' }
    const group: Chat = { id: await aRoom(synapse, [people.ann, people.ben, me!]), kind: 'group' }
    const memory = createMemory()
    const put = (by: Account, room: string, type: string, content: unknown) =>
      synapse.request(by.token, 'PUT', `${roomPath(room)}/send/${type}/${randomUUID()}`, content)
    return {
      open: async () => openOn(synapse, memory, me!.token),
      openWrong: async () => openOn(synapse, createMemory(), 'syt_wrong'),
      direct,
      group,
      async say({ chat, text, from = 'ann', mention = false, file, forwardedFrom, replyTo }) {
        const body = forwardedFrom ? `${forwardedFrom} wrote: ${text}` : text
        const url = file && (await upload(synapse, people[from], file))
        await put(people[from], chat.id, 'm.room.message', {
          ...(file
            ? {
                msgtype: 'm.file',
                body,
                filename: file.name,
                url,
                info: { mimetype: file.mime, size: file.data.length },
              }
            : { msgtype: 'm.text', body }),
          'm.mentions': mention ? { user_ids: [me!.id] } : {},
          ...(replyTo ? { 'm.relates_to': { 'm.in_reply_to': { event_id: replyTo } } } : {}),
        })
      },
      async react(chat, messageId, emoji) {
        const relation = { rel_type: 'm.annotation', event_id: messageId, key: `${emoji}\uFE0F` }
        await put(people.ann, chat.id, 'm.reaction', { 'm.relates_to': relation })
      },
      shown: (chat) => shown(synapse, people.ann, me!.id, chat.id),
      cut: () => synapse.cut(),
      async [Symbol.asyncDispose]() {},
    }
  })

  test('an invitation is taken, and a limit is told with its moment', async () => {
    const [me, ann] = await Promise.all([synapse.register('claw'), synapse.register('ann')])
    const admin = await synapse.register('admin', { isAdmin: true })
    await using channel = openOn(synapse, createMemory(), me.token)
    const heard: string[] = []
    await channel.start(
      async (events) => void heard.push(...events.map((event) => (event.type === 'message' ? event.text : event.type))),
      () => {},
    )
    const path = '/_matrix/client/v3/createRoom'
    const { room_id: id } = await synapse.request<{ room_id: string }>(ann.token, 'POST', path, { invite: [me.id] })
    const members = () =>
      synapse
        .request<{ joined: Record<string, unknown> }>(ann.token, 'GET', `${roomPath(id)}/joined_members`)
        .then(({ joined }) => Object.keys(joined))
    await expect.poll(members, { timeout: 20_000 }).toContain(me.id)
    const hello = { msgtype: 'm.text', body: 'hello' }
    await synapse.request(ann.token, 'PUT', `${roomPath(id)}/send/m.room.message/1`, hello)
    await expect.poll(() => heard, { timeout: 20_000 }).toEqual(['hello'])

    const limit = { messages_per_second: 1, burst_count: 1 }
    const override = `/_synapse/admin/v1/users/${encodeURIComponent(me.id)}/override_ratelimit`
    await synapse.request(admin.token, 'POST', override, limit)
    const faults: { code?: string; details?: { retryAt?: number } }[] = []
    for (let n = 0; n < 5 && faults.length === 0; n++) {
      await channel
        .send({ id, kind: 'direct' }, { text: `${n}`, key: `limit-${n}` })
        .catch((error) => faults.push(error))
    }
    expect(faults[0]).toMatchObject({ code: 'channel_limited' })
    expect(faults[0]!.details!.retryAt).toBeGreaterThan(Date.now() - 5_000)
  })
})

function openOn(synapse: Synapse, memory: ChannelMemory, token: string): Channel {
  const config = MatrixConfig.parse({ kind: 'matrix', homeserver: synapse.url, token: 'env:TOKEN' })
  const world = { clock: systemClock, log: silentLog }
  return createMatrixChannel(config, { name: 'matrix', world, secret: () => token, memory })
}

function createMemory(): ChannelMemory {
  const values = new Map<string, string>()
  return { get: async (key) => values.get(key), set: async (key, value) => void values.set(key, value) }
}

const roomPath = (room: string) => `/_matrix/client/v3/rooms/${encodeURIComponent(room)}`

/** The first makes it, the others are invited and come. */
async function aRoom(synapse: Synapse, [first, ...others]: Account[]): Promise<string> {
  const invite = others.map(({ id }) => id)
  const path = '/_matrix/client/v3/createRoom'
  const { room_id } = await synapse.request<{ room_id: string }>(first!.token, 'POST', path, { invite })
  for (const { token } of others)
    await synapse.request(token, 'POST', `/_matrix/client/v3/join/${encodeURIComponent(room_id)}`, {})
  return room_id
}

async function upload(synapse: Synapse, by: Account, file: { name: string; data: Uint8Array }): Promise<string> {
  const path = `/_matrix/media/v3/upload?filename=${encodeURIComponent(file.name)}`
  return (await synapse.request<{ content_uri: string }>(by.token, 'POST', path, file.data)).content_uri
}

/** As a client shows it: an edit takes the place of what it replaces. */
async function shown(synapse: Synapse, ann: Account, me: string, room: string): Promise<Shown[]> {
  const path = `${roomPath(room)}/messages?dir=b&limit=100`
  const { chunk } = await synapse.request<{ chunk: RoomEvent[] }>(ann.token, 'GET', path)
  const mine = chunk.reverse().filter(({ sender, type }) => sender === me && type === 'm.room.message')
  const relation = ({ content }: RoomEvent) =>
    (content['m.relates_to'] ?? {}) as { rel_type?: string; event_id?: string }
  const first = mine.filter((event) => relation(event).rel_type !== 'm.replace')
  return Promise.all(
    first.map(async ({ event_id, content }) => {
      const edit = mine.findLast((event) => relation(event).event_id === event_id)
      const last = (edit?.content['m.new_content'] ?? content) as Record<string, unknown>
      const url = last['url'] as string | undefined
      return {
        messageId: event_id,
        text: String(last['body']),
        buttons: [],
        file: url ? { name: String(last['filename']), data: await download(synapse, ann, url) } : undefined,
      }
    }),
  )
}

async function download(synapse: Synapse, by: Account, uri: string): Promise<Uint8Array> {
  const path = `/_matrix/client/v1/media/download/${uri.replace('mxc://', '')}`
  const response = await fetch(synapse.url + path, { headers: { authorization: `Bearer ${by.token}` } })
  expect(response.status).toBe(200)
  return new Uint8Array(await response.arrayBuffer())
}
