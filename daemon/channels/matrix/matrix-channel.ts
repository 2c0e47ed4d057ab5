import type { MatrixConfig } from '../../../config/channels.ts'
import { MINUTE, SECOND } from '../../../core/clock.ts'
import { Fault, isFault } from '../../../core/fault.ts'
import type { Channel, ChannelDeps, Chat, InboundEvent, Outgoing, Receive, Trouble } from '../channel.ts'
import { escapeHtml, toHtml, toPlain } from '../markdown-html.ts'
import { createMatrixApi } from './matrix-api.ts'
import { type RoomEvent, replyTarget, type Sync, toInbound } from './matrix-events.ts'

const POLL_MS = 30 * SECOND
const BACKOFF_MS = { first: 500, max: MINUTE }
/** How far a homeserver's clock may be behind ours when the first messages are told from history. */
const SKEW_MS = MINUTE
const MESSAGES = encodeURIComponent(
  JSON.stringify({ presence: { types: [] }, account_data: { types: [] }, room: { ephemeral: { types: [] } } }),
)
const CURSOR = 'since'
const BORN = 'born'

/**
 * Plain rooms over Matrix. The cursor of `/sync` is kept only when what it brought is on the disk, and every message
 * goes out under its key as transaction id, so that neither way anything is lost or doubled by a crash.
 *
 * Encrypted rooms are not read: their words never reach us, which is said in the log.
 */
export function createMatrixChannel(config: MatrixConfig, deps: ChannelDeps): Channel {
  const { world, memory } = deps
  const token = deps.secret(config.token)
  const api = createMatrixApi({ world, homeserver: config.homeserver, token })
  const closing = new AbortController()
  const kinds = new Map<string, Chat['kind']>()
  let loop: Promise<void> = Promise.resolve()
  let account: Promise<string> | undefined

  const whoAmI = (signal?: AbortSignal): Promise<string> => {
    account ??= api.request<{ user_id: string }>('GET', '/_matrix/client/v3/account/whoami', { signal }).then(
      ({ user_id }) => user_id,
      (error) => {
        account = undefined
        throw error
      },
    )
    return account
  }
  const room = (id: string) => `/_matrix/client/v3/rooms/${encodeURIComponent(id)}`

  /** Two in it: a conversation with one person. Looked up again when somebody comes or goes. */
  async function chatOf(roomId: string): Promise<Chat> {
    let kind = kinds.get(roomId)
    if (!kind) {
      const { joined } = await api.request<{ joined: Record<string, unknown> }>(
        'GET',
        `${room(roomId)}/joined_members`,
        {
          signal: closing.signal,
        },
      )
      kind = Object.keys(joined).length <= 2 ? 'direct' : 'group'
      kinds.set(roomId, kind)
    }
    return { id: roomId, kind }
  }

  async function poll(receive: Receive): Promise<void> {
    const me = await whoAmI(closing.signal)
    if ((await memory.get(BORN)) === undefined) await memory.set(BORN, String(world.clock.now()))
    const since = await memory.get(CURSOR)
    const sync = await api.request<Sync>('GET', '/_matrix/client/v3/sync', {
      query: {
        timeout: since === undefined ? '0' : String(POLL_MS),
        filter: decodeURIComponent(MESSAGES),
        ...(since ? { since } : {}),
      },
      timeoutMs: 2 * POLL_MS,
      signal: closing.signal,
    })
    for (const id of Object.keys(sync.rooms?.invite ?? {})) await join(id)
    const events: InboundEvent[] = []
    for (const [id, { timeline }] of Object.entries(sync.rooms?.join ?? {})) {
      const found = [...(await missed(id, timeline, since)), ...(timeline?.events ?? [])]
      events.push(...(await readRoom(id, found, me, since === undefined)))
    }
    if (events.length > 0) await receive(events.sort((a, b) => a.at - b.at))
    await memory.set(CURSOR, sync.next_batch)
  }

  /** A server leaves out the beginning where much was said while nobody listened. */
  async function missed(
    id: string,
    timeline: { limited?: boolean; prev_batch?: string } | undefined,
    since: string | undefined,
  ): Promise<RoomEvent[]> {
    if (!timeline?.limited || !timeline.prev_batch || since === undefined) return []
    const events: RoomEvent[] = []
    for (let from: string | undefined = timeline.prev_batch; from !== undefined; ) {
      const page: { chunk: RoomEvent[]; end?: string } = await api.request('GET', `${room(id)}/messages`, {
        query: { dir: 'b', from, to: since, limit: '100' },
        signal: closing.signal,
      })
      events.unshift(...page.chunk.toReversed())
      from = page.chunk.length === 0 ? undefined : page.end
    }
    return events
  }

  async function readRoom(
    id: string,
    events: readonly RoomEvent[],
    me: string,
    isFirst: boolean,
  ): Promise<InboundEvent[]> {
    if (events.some((event) => event.type === 'm.room.member')) kinds.delete(id)
    const born = Number(await memory.get(BORN))
    const read: InboundEvent[] = []
    for (const event of events) {
      if (event.sender === me || (isFirst && event.origin_server_ts < born - SKEW_MS)) continue
      if (event.type === 'm.room.encrypted') world.log.warn({ channel: deps.name, room: id }, 'encrypted, not read')
      const inbound = toInbound(event, { chat: await chatOf(id), me, isReplyToMe: await isReplyTo(id, event, me) })
      if (inbound) read.push(inbound)
    }
    return read
  }

  async function isReplyTo(id: string, event: RoomEvent, me: string): Promise<boolean> {
    const target = replyTarget(event)
    if (target === undefined || (await chatOf(id)).kind === 'direct') return false
    const path = `${room(id)}/event/${encodeURIComponent(target)}`
    const answered = await api
      .request<RoomEvent>('GET', path, { signal: closing.signal })
      .catch((error) => (isFault(error, 'channel_refused') ? undefined : Promise.reject(error)))
    return answered?.sender === me
  }

  async function join(id: string): Promise<void> {
    await api
      .request('POST', `/_matrix/client/v3/join/${encodeURIComponent(id)}`, { json: {}, signal: closing.signal })
      .catch((error) => world.log.warn({ err: error, channel: deps.name, room: id }, 'invitation not taken'))
  }

  async function listen(receive: Receive, onTrouble: (trouble: Trouble | undefined) => void): Promise<void> {
    let wait = BACKOFF_MS.first
    let isTroubled = false
    while (!closing.signal.aborted) {
      try {
        await poll(receive)
        if (isTroubled) onTrouble(undefined)
        isTroubled = false
        wait = BACKOFF_MS.first
      } catch (error) {
        if (closing.signal.aborted) return
        isTroubled = true
        onTrouble({
          words: error instanceof Error ? error.message : String(error),
          mayPass: !isFault(error, 'channel_refused'),
        })
        const retryAt = error instanceof Fault ? Number(error.details?.['retryAt'] ?? 0) - world.clock.now() : 0
        await world.clock.sleep(Math.max(wait, retryAt), closing.signal).catch(() => {})
        wait = Math.min(wait * 2, BACKOFF_MS.max)
      }
    }
  }

  async function put(chat: Chat, type: string, key: string, content: unknown, signal?: AbortSignal): Promise<string> {
    const path = `${room(chat.id)}/send/${type}/${encodeURIComponent(key)}`
    const { event_id } = await api.request<{ event_id: string }>('PUT', path, { json: content, signal })
    return event_id
  }

  async function upload({ name, mime, data }: NonNullable<Outgoing['file']>, signal?: AbortSignal): Promise<string> {
    const { content_uri } = await api.request<{ content_uri: string }>('POST', '/_matrix/media/v3/upload', {
      query: { filename: name },
      body: { data, type: mime },
      signal,
    })
    return content_uri
  }

  return {
    name: deps.name,
    kind: 'matrix',
    capabilities: {
      buttons: false,
      reactions: true,
      edits: true,
      typing: true,
      files: true,
      idempotent: true,
      markdown: true,
    },
    limits: {
      // An event has 65,536 bytes at most, and a UTF-16 unit takes up to three of them (twice for an edit).
      textMax: 8_000,
      buttonDataMax: 0,
      buttonsMax: 0,
      fileMaxBytes: 50 * 1024 * 1024,
      attachAbove: 8_000,
      perChatMs: SECOND,
      overallMs: 200,
    },
    async check(signal) {
      const me = await whoAmI(signal)
      const { joined_rooms } = await api.request<{ joined_rooms: string[] }>('GET', '/_matrix/client/v3/joined_rooms', {
        signal,
      })
      const rooms = joined_rooms.length === 1 ? 'one room' : `${joined_rooms.length} rooms`
      return {
        account: me,
        words: [`It is in ${rooms}. Invite ${me} into a room without encryption and write to it.`],
      }
    },
    async start(receive, onTrouble) {
      loop = listen(receive, onTrouble)
    },
    async send(chat, { text, file, replyTo, key }, signal) {
      const relation = replyTo ? { 'm.relates_to': { 'm.in_reply_to': { event_id: replyTo } } } : {}
      const content = file
        ? {
            msgtype: 'm.file',
            ...(text === '' ? { body: file.name } : wordsOf(text)),
            filename: file.name,
            url: await upload(file, signal),
            info: { mimetype: file.mime, size: file.data.byteLength },
          }
        : { msgtype: 'm.text', ...wordsOf(text) }
      return { messageId: await put(chat, 'm.room.message', key, { ...content, ...relation }, signal) }
    },
    async edit(chat, messageId, { text, key }, signal) {
      const content = {
        msgtype: 'm.text',
        body: `* ${toPlain(text)}`,
        'm.new_content': { msgtype: 'm.text', ...wordsOf(text) },
        'm.relates_to': { rel_type: 'm.replace', event_id: messageId },
      }
      await put(chat, 'm.room.message', key, content, signal)
    },
    async react(chat, messageId, emoji) {
      const content = { 'm.relates_to': { rel_type: 'm.annotation', event_id: messageId, key: emoji } }
      // The homeserver refuses a second one of the same kind, which is as good.
      await put(chat, 'm.reaction', `${messageId}-${emoji}`, content).catch(() => {})
    },
    async typing(chat) {
      const path = `${room(chat.id)}/typing/${encodeURIComponent(await whoAmI())}`
      await api.request('PUT', path, { json: { typing: true, timeout: 10 * SECOND } }).catch(() => {})
    },
    async download({ ref, name, bytes }, bytesMax, signal) {
      if (bytes !== null && bytes > bytesMax)
        throw new Fault('channel_refused', `${name} has more than ${bytesMax} bytes`)
      const path = ref
        .replace(/^mxc:\/\//, '')
        .split('/')
        .map(encodeURIComponent)
        .join('/')
      return api.bytes(`/_matrix/client/v1/media/download/${path}`, bytesMax, signal)
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await loop
    },
  }
}

/** What a homeserver takes as one event is 65,536 bytes; the words twice and what is around them must fit. */
const HTML_MAX = 30_000

/** Plain words for clients that show no more, and the same with what Markdown says of them. */
function wordsOf(markdown: string): { body: string; format?: string; formatted_body?: string } {
  const body = toPlain(markdown)
  const html = toHtml(markdown)
  const isPlain = html === escapeHtml(body)
  if (isPlain || Buffer.byteLength(JSON.stringify(html)) > HTML_MAX) return { body }
  return { body, format: 'org.matrix.custom.html', formatted_body: html }
}
