/**
 * Slack on loopback, as it is where it hurts: tokens of two kinds, rights that are missing, 429 with Retry-After,
 * arguments and blocks that are refused, files in three steps whose message is told late, and a socket whose
 * envelopes come again until they are acknowledged, also to the next connection. See slack-words.ts for what holds
 * it to the published types.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type {
  AppMentionEvent,
  FileShareMessageEvent,
  GenericMessageEvent,
  KnownBlock,
  ReactionAddedEvent,
} from '@slack/types'
import { SLACK_MANIFEST } from '../../daemon/channels/slack/slack-manifest.ts'
import { type AnswerTo, METHODS, type Method, plainOf, whyNotBlocks } from './slack-words.ts'
import { acceptSocket, type ServerSocket } from './web-socket.ts'

export const BOT_TOKEN = 'xoxb-1-claw'
export const APP_TOKEN = 'xapp-1-claw'
export const BOT_USER = 'UCLAW'

export interface FakeMessage {
  channel: string
  ts: string
  thread: string | undefined
  user: string
  text: string
  blocks: KnownBlock[]
  file: string | undefined
  at: number
}

interface FakeFile {
  id: string
  name: string
  mime: string
  data: Uint8Array
  /** Where it was shared, told only after it was asked for once. */
  share: { channel: string; ts: string } | undefined
  asked: number
}

export interface SlackServer extends AsyncDisposable {
  readonly apiRoot: string
  readonly messages: FakeMessage[]
  readonly calls: { method: string; args: Record<string, string> }[]
  /** The app's rights; taken away ones are refused. */
  readonly scopes: Set<string>
  /** A person writes; in channels only mentions are told. */
  say(said: {
    channel: string
    user: string
    text: string
    thread?: string
    file?: { name: string; mime: string; data: Uint8Array; subtype?: string }
    shared?: { author: string; text: string }
    more?: Record<string, unknown>
  }): string
  press(channel: string, ts: string, value: string, user: string): void
  react(channel: string, ts: string, name: string, user: string): void
  remove(channel: string, ts: string): void
  /** The file that a message of ours carries. */
  fileOf(message: FakeMessage): { name: string; data: Uint8Array } | undefined
  limitOnce(seconds: number): void
  /** Files are said to be kept at another host. */
  keepFilesAt(origin: string): void
  /** Every envelope that nobody acknowledged comes again. */
  resend(): void
  /** As Slack does every few hours. */
  refresh(): void
  /** Nothing that happened without a connection is told, as when Slack has given up. */
  forgetUnsent(): void
  connections(): number
  cut(): Promise<() => Promise<void>>
}

interface Envelope {
  envelope_id: string
  type: 'events_api' | 'interactive'
  accepts_response_payload: boolean
  payload: unknown
  retry_attempt?: number
  retry_reason?: string
}

export async function startSlackServer(): Promise<SlackServer> {
  const messages: FakeMessage[] = []
  const files = new Map<string, FakeFile>()
  const calls: SlackServer['calls'] = []
  const unacknowledged = new Map<string, Envelope>()
  const sockets = new Set<ServerSocket>()
  const scopes = new Set(SLACK_MANIFEST.oauth_config.scopes.bot)
  const tickets = new Set<string>()
  let limitedFor: number | undefined
  let filesAt: string | undefined
  let ids = 0
  let micros = 0
  let port = 0
  const origin = () => `http://127.0.0.1:${port}`
  const newTs = () => {
    micros = Math.max(micros + 1, Date.now() * 1_000)
    return `${Math.floor(micros / 1e6)}.${String(micros % 1e6).padStart(6, '0')}`
  }

  // ---- the socket ------------------------------------------------------------------------

  function tell(type: Envelope['type'], payload: unknown): void {
    const envelope_id = `envelope-${++ids}`
    const envelope: Envelope = { envelope_id, type, accepts_response_payload: type === 'interactive', payload }
    unacknowledged.set(envelope_id, envelope)
    const [socket] = sockets
    socket?.send(
      JSON.stringify({ ...envelope, ...(type === 'events_api' ? { retry_attempt: 0, retry_reason: '' } : {}) }),
    )
  }

  function resend(): void {
    const [socket] = sockets
    for (const envelope of unacknowledged.values()) {
      const retry_attempt = (envelope.retry_attempt ?? 0) + 1
      Object.assign(envelope, { retry_attempt, retry_reason: 'timeout' })
      socket?.send(JSON.stringify(envelope))
    }
  }

  function onText(text: string): void {
    const { envelope_id } = JSON.parse(text) as { envelope_id?: string }
    if (envelope_id) unacknowledged.delete(envelope_id)
  }

  const event = (body: GenericMessageEvent | AppMentionEvent | FileShareMessageEvent | ReactionAddedEvent) =>
    tell('events_api', {
      token: 'x',
      team_id: 'T1',
      api_app_id: 'A1',
      event: body,
      type: 'event_callback',
      event_id: `Ev${++ids}`,
      event_time: Math.floor(Date.now() / 1000),
    })

  // ---- the methods -----------------------------------------------------------------------

  type Args = Record<string, string>
  const answers: { [M in Method]: (args: Args) => AnswerTo<M> | string } = {
    'apps.connections.open': () => {
      const ticket = `ticket-${++ids}`
      tickets.add(ticket)
      return { ok: true, url: `ws://127.0.0.1:${port}/link/?ticket=${ticket}` }
    },
    'auth.test': () => ({ ok: true, user: 'claw', user_id: BOT_USER, bot_id: 'B1', team: 'Team', team_id: 'T1' }),
    'chat.postMessage': ({ channel = '', text = '', blocks, thread_ts }) => {
      const read = JSON.parse(blocks ?? '[]') as KnownBlock[]
      if (text === '' && read.length === 0) return 'no_text'
      const why = whyNotBlocks(read)
      if (why) return why
      const ts = put({ channel, user: BOT_USER, text, blocks: read, thread: thread_ts })
      return { ok: true, channel, ts, message: { ts, text } }
    },
    'chat.update': ({ channel = '', ts, text = '', blocks }) => {
      const found = messages.find((message) => message.channel === channel && message.ts === ts)
      if (!found) return 'message_not_found'
      if (found.user !== BOT_USER) return 'cant_update_message'
      const read = JSON.parse(blocks ?? '[]') as KnownBlock[]
      const why = whyNotBlocks(read)
      if (why) return why
      Object.assign(found, { text, blocks: read })
      return { ok: true, channel, ts: found.ts, text }
    },
    'conversations.history': ({ channel, oldest = '0', limit = '100', cursor }) => {
      const all = messages.filter(
        (message) => message.channel === channel && !message.thread && Number(message.ts) > Number(oldest),
      )
      const newestFirst = all.toReversed()
      const from = Number(cursor ?? 0)
      // Slack gives fewer than it is asked for as it likes; so do we.
      const page = newestFirst.slice(from, from + Math.min(Number(limit), 3))
      const end = from + page.length
      const has_more = end < newestFirst.length
      return {
        ok: true,
        has_more,
        messages: page.map(asLine) as NonNullable<AnswerTo<'conversations.history'>['messages']>,
        ...(has_more ? { response_metadata: { next_cursor: String(end) } } : {}),
      }
    },
    'files.getUploadURLExternal': ({ filename = '', length }) => {
      if (!(Number(length) > 0)) return 'invalid_arguments'
      const id = `F${++ids}`
      files.set(id, { id, name: filename, mime: '', data: new Uint8Array(), share: undefined, asked: 0 })
      return { ok: true, file_id: id, upload_url: `${origin()}/upload/v1/${id}` }
    },
    'files.completeUploadExternal': ({ files: given = '[]', channel_id, thread_ts, blocks, initial_comment = '' }) => {
      const [first] = JSON.parse(given) as { id: string }[]
      const file = files.get(first?.id ?? '')
      if (!file || file.data.byteLength === 0) return 'file_not_found'
      const read = JSON.parse(blocks ?? '[]') as KnownBlock[]
      if (channel_id) {
        const ts = put({
          channel: channel_id,
          user: BOT_USER,
          text: initial_comment,
          blocks: initial_comment ? [] : read,
          thread: thread_ts,
          file: file.id,
        })
        file.share = { channel: channel_id, ts }
      }
      return { ok: true, files: [{ id: file.id, title: file.name }] }
    },
    'files.info': ({ file: id = '' }) => {
      const file = files.get(id)
      if (!file) return 'file_not_found'
      const isTold = file.share && file.asked++ > 0
      const url = `${filesAt ?? origin()}/files-pri/${id}`
      return {
        ok: true,
        file: {
          id,
          name: file.name,
          size: file.data.byteLength,
          url_private: url,
          url_private_download: url,
          shares: isTold ? { private: { [file.share!.channel]: [{ ts: file.share!.ts }] } } : {},
        } as NonNullable<AnswerTo<'files.info'>['file']>,
      }
    },
    'reactions.add': ({ channel, timestamp }) =>
      messages.some((message) => message.channel === channel && message.ts === timestamp)
        ? { ok: true }
        : 'message_not_found',
    'users.conversations': ({ types }) => ({
      ok: true,
      channels: [...new Set(messages.map(({ channel }) => channel))]
        .filter((id) => types !== 'im' || id.startsWith('D'))
        .map((id) => ({ id })),
      response_metadata: { next_cursor: '' },
    }),
    'users.info': ({ user = '' }) => ({ ok: true, user: { id: user, name: user.toLowerCase(), profile: {} } }),
  }

  const asLine = ({ ts, user, text, thread, file }: FakeMessage) => ({
    type: 'message',
    ts,
    user,
    text,
    ...(user === BOT_USER ? { bot_id: 'B1' } : {}),
    ...(thread ? { thread_ts: thread } : {}),
    ...(file ? { files: [describe(files.get(file)!)] } : {}),
  })

  function put(message: Omit<FakeMessage, 'ts' | 'file' | 'at'> & { file?: string }): string {
    const ts = newTs()
    messages.push({ file: undefined, ...message, ts, at: Date.now() })
    return ts
  }

  const describe = ({ id, name, mime, data }: FakeFile) => ({
    id,
    name,
    title: name,
    mimetype: mime,
    size: data.byteLength,
    mode: 'hosted',
    url_private: `${origin()}/files-pri/${id}`,
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url!, 'http://x').pathname
    const body = await read(request)
    const upload = /^\/upload\/v1\/(F\d+)$/.exec(path)
    if (upload) {
      files.get(upload[1]!)!.data = body
      response.writeHead(200).end(`OK - ${body.byteLength}`)
      return
    }
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    const download = /^\/files-pri\/(F\d+)$/.exec(path)
    if (download) {
      const isSeen = token === BOT_TOKEN && scopes.has('files:read')
      response.writeHead(200, { 'content-type': isSeen ? 'application/octet-stream' : 'text/html; charset=utf-8' })
      response.end(isSeen ? files.get(download[1]!)!.data : '<html>Sign in</html>')
      return
    }
    const method = path.replace(/^\/api\//, '') as Method
    const args = Object.fromEntries(new URLSearchParams(body.toString('utf8')))
    const { status, headers, json } = replyTo(token ?? args['token'], method, args)
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(json))
  }

  interface Reply {
    status: number
    headers: Record<string, string>
    json: object
  }

  function replyTo(bearer: string | undefined, method: Method, args: Args): Reply {
    const no = (error: string, more: object = {}): Reply => ({
      status: 200,
      headers: {},
      json: { ok: false, error, ...more },
    })
    calls.push({ method, args })
    const words = METHODS[method] as { required: string[]; optional: string[]; scope: string | null } | undefined
    if (!words) return no('unknown_method')
    const token = args['token'] ?? bearer
    if (token !== (method === 'apps.connections.open' ? APP_TOKEN : BOT_TOKEN)) {
      return no(token === APP_TOKEN || token === BOT_TOKEN ? 'not_allowed_token_type' : 'invalid_auth')
    }
    if (words.scope && !scopes.has(words.scope))
      return no('missing_scope', { needed: words.scope, provided: [...scopes].join(',') })
    const known = [...words.required, ...words.optional, 'token']
    const wrong =
      Object.keys(args).find((key) => !known.includes(key)) ?? words.required.find((key) => args[key] === undefined)
    if (wrong) return no('invalid_arguments', { response_metadata: { messages: [`[ERROR] ${wrong}`] } })
    if (limitedFor !== undefined && method.startsWith('chat.')) {
      const wait = String(limitedFor)
      limitedFor = undefined
      return { status: 429, headers: { 'retry-after': wait }, json: { ok: false, error: 'ratelimited' } }
    }
    const found = answers[method](args)
    if (typeof found === 'string') return no(found)
    return { status: 200, headers: { 'x-oauth-scopes': [...scopes].join(',') }, json: found }
  }

  const server = createServer((request, response) => {
    void answer(request, response).catch((error) => response.writeHead(500).end(String(error)))
  })
  server.on('upgrade', (request, socket) => {
    const ticket = new URL(request.url!, 'http://x').searchParams.get('ticket') ?? ''
    if (!tickets.delete(ticket)) return void socket.end('HTTP/1.1 408 Request Timeout\r\n\r\n')
    const accepted = acceptSocket(request, socket, { text: onText, gone: () => sockets.delete(accepted) })
    sockets.add(accepted)
    accepted.send(JSON.stringify({ type: 'hello', num_connections: sockets.size, connection_info: { app_id: 'A1' } }))
    resend()
  })
  const listen = () =>
    new Promise<void>((resolve) =>
      server.listen(port, '127.0.0.1', () => {
        port = (server.address() as AddressInfo).port
        resolve()
      }),
    )
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
      server.closeAllConnections()
    })
  await listen()

  return {
    apiRoot: `${origin()}/api/`,
    messages,
    calls,
    scopes,
    say({ channel, user, text, thread, file, shared, more = {} }) {
      let kept: FakeFile | undefined
      if (file) {
        kept = { id: `F${++ids}`, name: file.name, mime: file.mime, data: file.data, share: undefined, asked: 0 }
        files.set(kept.id, kept)
      }
      const ts = put({ channel, user, text, blocks: [], thread, ...(kept ? { file: kept.id } : {}) })
      const isDirect = channel.startsWith('D')
      const isMention = text.includes(`<@${BOT_USER}>`)
      if (!isDirect && !isMention) return ts
      event({
        type: isDirect ? 'message' : 'app_mention',
        ...(kept && isDirect ? { subtype: 'file_share' } : {}),
        channel,
        ...(isDirect ? { channel_type: 'im' } : {}),
        user,
        text,
        ts,
        event_ts: ts,
        ...(thread ? { thread_ts: thread } : {}),
        ...(kept ? { files: [{ ...describe(kept), ...(file?.subtype ? { subtype: file.subtype } : {}) }] } : {}),
        ...(shared ? { attachments: [{ is_share: true, author_name: shared.author, text: shared.text }] } : {}),
        ...more,
      } as unknown as GenericMessageEvent | AppMentionEvent | FileShareMessageEvent)
      return ts
    },
    press(channel, ts, value, user) {
      const message = messages.find((one) => one.channel === channel && one.ts === ts)
      const button = message && plainOf(message.blocks).buttons.find((one) => one.value === value)
      if (!message || !button) throw new Error(`no button ${value} at ${ts}`)
      tell('interactive', {
        type: 'block_actions',
        user: { id: user, username: user.toLowerCase(), name: user.toLowerCase(), team_id: 'T1' },
        container: { type: 'message', message_ts: ts, channel_id: channel, is_ephemeral: false },
        channel: { id: channel, name: 'directmessage' },
        message: { type: 'message', ts, ...(message.thread ? { thread_ts: message.thread } : {}) },
        trigger_id: `trigger-${++ids}`,
        actions: [{ type: 'button', action_id: button.id, block_id: 'b', value, action_ts: newTs() }],
      })
    },
    react(channel, ts, reaction, user) {
      const event_ts = newTs()
      event({
        type: 'reaction_added',
        user,
        reaction,
        item_user: BOT_USER,
        item: { type: 'message', channel, ts },
        event_ts,
      })
    },
    remove(channel, ts) {
      const at = messages.findIndex((message) => message.channel === channel && message.ts === ts)
      if (at >= 0) messages.splice(at, 1)
    },
    fileOf: ({ file }) => (file === undefined ? undefined : files.get(file)),
    limitOnce(value) {
      limitedFor = value
    },
    keepFilesAt(value) {
      filesAt = value
    },
    resend,
    refresh() {
      for (const socket of sockets) {
        socket.send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested', debug_info: {} }))
      }
    },
    forgetUnsent: () => unacknowledged.clear(),
    connections: () => sockets.size,
    async cut() {
      await close()
      return listen
    },
    [Symbol.asyncDispose]: close,
  }
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts)
}
