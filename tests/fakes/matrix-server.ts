import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Operation, operationFor, whyNotAnswered, whyNotAsked, whyNotContent } from './matrix-words.ts'

/**
 * A homeserver on loopback that does what matters to a client as the client-server API says, and takes and gives
 * nothing that its published description does not have (matrix-words.ts): a true long
 * poll with `since`, limited timelines with `/messages`, transaction ids that make one message of two requests,
 * M_LIMIT_EXCEEDED with its moment, M_UNKNOWN_TOKEN, media that need a token.
 */
export interface MatrixServer extends AsyncDisposable {
  readonly url: string
  readonly rooms: Map<string, FakeRoom>
  addRoom(id: string, members: string[]): void
  /** A person's event; answers its id. */
  put(room: string, sender: string, type: string, content: Record<string, unknown>, at?: number): string
  keepMedia(data: Uint8Array): string
  media(uri: string): Uint8Array | undefined
  invite(room: string): void
  /** The next request to send is refused once. */
  limitOnce(retryAfterMs: number): void
  /** Requests that had a path beginning so. */
  count(path: string): number
  close(): Promise<void>
  listen(): Promise<void>
}

export interface FakeEvent {
  type: string
  event_id: string
  sender: string
  origin_server_ts: number
  content: Record<string, unknown>
  state_key?: string
}
interface FakeRoom {
  members: string[]
  events: FakeEvent[]
}

/** Events of one room that a `/sync` brings at most; what is more makes the timeline limited. */
const TIMELINE_MAX = 10

export async function startMatrixServer({ user, token }: { user: string; token: string }): Promise<MatrixServer> {
  const rooms = new Map<string, FakeRoom>()
  const invites = new Set<string>()
  /** All events in the order in which they came; a position in it is a sync token. */
  const order: { room: string; event: FakeEvent }[] = []
  const byTransaction = new Map<string, string>()
  const files = new Map<string, Uint8Array>()
  const waiting = new Set<() => void>()
  const seen: string[] = []
  let limitedFor: number | undefined
  let ids = 0

  function put(room: string, sender: string, type: string, content: Record<string, unknown>, at = Date.now()): string {
    const event = { type, event_id: `$event-${++ids}`, sender, origin_server_ts: at, content }
    rooms.get(room)!.events.push(event)
    order.push({ room, event })
    for (const wake of waiting) wake()
    return event.event_id
  }

  function syncFrom(since: number, isFirst: boolean) {
    const join: Record<string, unknown> = {}
    for (const [id, room] of rooms) {
      if (!room.members.includes(user)) continue
      const fresh = order.slice(since).flatMap(({ room: other, event }) => (other === id ? [event] : []))
      if (fresh.length === 0 && !isFirst) continue
      const events = fresh.slice(-TIMELINE_MAX)
      const from = order.findIndex(({ event }) => event === events[0])
      join[id] = { timeline: { events, limited: fresh.length > events.length, prev_batch: `t${Math.max(from, 0)}` } }
    }
    const invite = Object.fromEntries([...invites].map((id) => [id, { invite_state: { events: [] } }]))
    return { next_batch: `s${order.length}`, rooms: { join, invite } }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, 'http://x')
    const path = decodeURIComponent(url.pathname)
    seen.push(path)
    const body = await read(request)
    const operation = operationFor(request.method ?? '', url.pathname)
    if (!operation)
      return say(response, 404, { errcode: 'M_UNRECOGNIZED', error: `Unrecognized request ${request.method} ${path}` })
    operations.set(response, operation)
    const json = () => JSON.parse(body.toString('utf8')) as Record<string, unknown>
    if (request.headers.authorization !== `Bearer ${token}`)
      return say(response, 401, { errcode: 'M_UNKNOWN_TOKEN', error: 'Unrecognised access token.', soft_logout: false })
    const wrong = whyNotAsked(operation, url.searchParams, jsonIn(body))
    if (wrong) return say(response, 400, { errcode: 'M_BAD_JSON', error: wrong })
    const send = /^\/_matrix\/client\/v3\/rooms\/([^/]+)\/send\/([^/]+)\/(.+)$/.exec(path)
    if (send && request.method === 'PUT') {
      const [, room, type, transaction] = send as unknown as [string, string, string, string]
      if (limitedFor !== undefined) {
        const wait = limitedFor
        limitedFor = undefined
        return say(response, 429, { errcode: 'M_LIMIT_EXCEEDED', error: 'Too Many Requests', retry_after_ms: wait })
      }
      if (!rooms.get(room)?.members.includes(user))
        return say(response, 403, { errcode: 'M_FORBIDDEN', error: `User ${user} not in room ${room}` })
      if (body.byteLength > 65_536) return say(response, 413, { errcode: 'M_TOO_LARGE', error: 'event too large' })
      const odd = whyNotContent(type, json())
      if (odd) return say(response, 400, { errcode: 'M_BAD_JSON', error: `${type}: ${odd}` })
      const before = byTransaction.get(`${type} ${transaction}`)
      const event_id = before ?? put(room, user, type, json())
      byTransaction.set(`${type} ${transaction}`, event_id)
      return say(response, 200, { event_id })
    }
    if (path === '/_matrix/client/v3/sync') return sync(url, request, response)
    if (path === '/_matrix/client/v3/account/whoami') return say(response, 200, { user_id: user })
    if (path === '/_matrix/client/v3/joined_rooms')
      return say(response, 200, {
        joined_rooms: [...rooms].filter(([, { members }]) => members.includes(user)).map(([id]) => id),
      })
    const join = /^\/_matrix\/client\/v3\/join\/(.+)$/.exec(path)
    if (join && request.method === 'POST') {
      invites.delete(join[1]!)
      rooms.get(join[1]!)!.members.push(user)
      return say(response, 200, { room_id: join[1] })
    }
    const inRoom = /^\/_matrix\/client\/v3\/rooms\/([^/]+)\/(joined_members|messages|typing|event)\/?(.*)$/.exec(path)
    if (inRoom) {
      const room = rooms.get(inRoom[1]!)!
      if (inRoom[2] === 'joined_members')
        return say(response, 200, { joined: Object.fromEntries(room.members.map((id) => [id, {}])) })
      if (inRoom[2] === 'typing') return say(response, 200, {})
      if (inRoom[2] === 'event') {
        const event = room.events.find((other) => other.event_id === inRoom[3])
        return event
          ? say(response, 200, { ...event, room_id: inRoom[1] })
          : say(response, 404, { errcode: 'M_NOT_FOUND', error: 'no such event' })
      }
      const [from, to] = [
        Number(url.searchParams.get('from')!.slice(1)),
        Number(url.searchParams.get('to')?.slice(1) ?? 0),
      ]
      const limit = Number(url.searchParams.get('limit') ?? 10)
      const first = Math.max(to, from - limit)
      const chunk = order.slice(first, from).flatMap(({ room: id, event }) => (id === inRoom[1] ? [event] : []))
      return say(response, 200, {
        start: `t${from}`,
        chunk: chunk.reverse().map((event) => ({ ...event, room_id: inRoom[1] })),
        ...(first > to ? { end: `t${first}` } : {}),
      })
    }
    if (path === '/_matrix/media/v3/upload') return say(response, 200, { content_uri: keepMedia(body) })
    const media = /^\/_matrix\/client\/v1\/media\/download\/([^/]+)\/(.+)$/.exec(path)
    const data = media && files.get(`mxc://${media[1]}/${media[2]}`)
    if (data) return void response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(data)
    return say(response, 404, { errcode: 'M_UNRECOGNIZED', error: `Unrecognized request ${path}` })
  }

  async function sync(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const since = url.searchParams.get('since')
    const from = since === null ? 0 : Number(since.slice(1))
    const timeout = Number(url.searchParams.get('timeout') ?? 0)
    if (since !== null && order.length === from && invites.size === 0 && timeout > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeout)
        waiting.add(resolve)
        request.once('close', resolve)
        response.once('close', () => clearTimeout(timer))
      })
    }
    say(response, 200, syncFrom(from, since === null))
  }

  function keepMedia(data: Uint8Array): string {
    const uri = `mxc://example.org/media${++ids}`
    files.set(uri, data)
    return uri
  }

  const server = createServer((request, response) => {
    void answer(request, response).catch((error) => {
      operations.delete(response)
      say(response, 500, { errcode: 'M_UNKNOWN', error: String(error) })
    })
  })
  let port = 0
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
      server.closeAllConnections()
    })
  await listen()
  return {
    url: `http://127.0.0.1:${port}`,
    rooms,
    addRoom: (id, members) => void rooms.set(id, { members, events: [] }),
    put,
    keepMedia,
    media: (uri) => files.get(uri),
    invite(room) {
      invites.add(room)
      for (const wake of waiting) wake()
    },
    limitOnce(ms) {
      limitedFor = ms
    },
    count: (path) => seen.filter((other) => other.startsWith(path)).length,
    close,
    listen,
    [Symbol.asyncDispose]: close,
  }
}

const operations = new WeakMap<ServerResponse, Operation>()

/** An answer that no homeserver would give is no answer: the test that led to it fails. */
function say(response: ServerResponse, status: number, body: unknown): void {
  const operation = operations.get(response)
  const why = operation && whyNotAnswered(operation, status, body)
  if (why) throw new Error(`${operation.method} ${operation.path} answers ${status}: ${why}`)
  if (!response.writableEnded)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function jsonIn(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts)
}
