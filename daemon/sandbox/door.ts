import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns'
import { closeSync, constants, mkdirSync, openSync, rmSync } from 'node:fs'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestOptions,
  request,
  type ServerResponse,
} from 'node:http'
import { createServer, connect as dial, isIP, type LookupFunction, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Log } from '../../core/world.ts'
import { isLoopback, namesHost } from './host-patterns.ts'
import type { Host, Reach } from './sandbox.ts'
import { readSocksRequest, socksAnswer } from './socks.ts'

/** The one way out of a network of its own: a socket file that keeps a reach. */
export interface Door extends AsyncDisposable {
  /** Only its owner may open it. */
  socketFile: string
}

/** A program that opens more at the same time waits. */
const CONNECTIONS_MAX = 512
const HEAD_BYTES_MAX = 64 * 1024

/**
 * Opens a door: an HTTP proxy (CONNECT and plain requests) and a SOCKS5 proxy on one socket file.
 *
 * Every connection is compared with the reach; one that no pattern names waits for the answer to `ask`. A name
 * never leads to the loopback, whatever its DNS says, and what is passed on is not looked into. Disposal breaks
 * every connection.
 */
export async function openDoor(
  deps: { log: Log; dir: string; denied?: readonly string[] },
  reach: Reach,
): Promise<Door> {
  mkdirSync(deps.dir, { recursive: true, mode: 0o700 })
  const name = randomBytes(6).toString('hex')
  const closing = new AbortController()
  const open = new Set<Socket>()
  const http = createHttpServer({ maxHeaderSize: HEAD_BYTES_MAX, requestTimeout: 0, headersTimeout: 0 })
  http.on('connect', (message: IncomingMessage, client: Socket, head: Buffer) => void tunnel(message, client, head))
  http.on('request', (message, answer) => void forward(message, answer))

  const server = createServer({ allowHalfOpen: true }, (client) => {
    open.add(client)
    client.once('close', () => open.delete(client))
    client.on('error', () => client.destroy())
    client.once('data', (first: Buffer) => {
      client.pause()
      client.unshift(first)
      if (first[0] === 5) return void socks(client)
      http.emit('connection', client)
      process.nextTick(() => client.resume())
    })
  })
  server.maxConnections = CONNECTIONS_MAX

  /** Undefined with words for the program where the answer is no. */
  async function enter(host: Host, client: Socket): Promise<{ upstream: Socket } | { refused: string }> {
    if (namesHost(deps.denied ?? [], host)) return { refused: `${words(host)} is in sandbox.deniedHosts` }
    if (!namesHost(reach.hosts, host)) {
      const gone = new AbortController()
      const onClose = () => gone.abort()
      client.once('close', onClose)
      const answer = reach.ask
        ? await reach.ask(host, AbortSignal.any([gone.signal, closing.signal])).catch(() => CLOSED)
        : { isAllowed: false, reason: `${words(host)} is not in what this program may reach (sandbox.hosts)` }
      client.off('close', onClose)
      deps.log.info({ ...host, ...answer }, 'connection to an unknown host')
      if (!answer.isAllowed) return { refused: answer.reason }
    }
    return await connect(host)
  }

  function connect(host: Host): Promise<{ upstream: Socket } | { refused: string }> {
    return new Promise((resolve) => {
      const upstream = dial({ host: host.host, port: host.port, lookup: outsideOnly, allowHalfOpen: true })
      open.add(upstream)
      upstream.once('close', () => open.delete(upstream))
      upstream.once('connect', () => resolve({ upstream }))
      upstream.on('error', (error) => {
        upstream.destroy()
        resolve({ refused: `${words(host)} cannot be reached: ${error.message}` })
      })
    })
  }

  async function tunnel(message: IncomingMessage, client: Socket, head: Buffer): Promise<void> {
    const host = hostOfAuthority(message.url ?? '')
    const found = host ? await enter(host, client) : { refused: `"${message.url}" names no host and port` }
    if ('refused' in found) return void client.end(refusal(found.refused))
    client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    if (head.length > 0) found.upstream.write(head)
    join2(client, found.upstream)
  }

  /** A plain `GET http://host/path`: passed on as it is, but for what concerns the connection to the proxy. */
  async function forward(message: IncomingMessage, answer: ServerResponse): Promise<void> {
    const url = URL.parse(message.url ?? '')
    const host = url?.protocol === 'http:' ? { host: bare(url.hostname), port: Number(url.port || 80) } : undefined
    const found = host ? await enter(host, message.socket) : { refused: `"${message.url}" is no http:// address` }
    if ('refused' in found) {
      answer.writeHead(403, { 'content-type': 'text/plain', connection: 'close' })
      return void answer.end(`${found.refused}\n`)
    }
    const headers = Object.fromEntries(
      Object.entries(message.headersDistinct).filter(([key]) => !key.startsWith('proxy-') && key !== 'connection'),
    )
    const onward = request({
      method: message.method ?? 'GET',
      path: `${url!.pathname}${url!.search}`,
      headers: { ...headers, connection: 'close' },
      setHost: false,
      createConnection: () => found.upstream,
    } as RequestOptions)
    onward.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headersDistinct as Record<string, string[]>)
      response.on('error', () => answer.destroy())
      response.pipe(answer)
    })
    onward.on('error', () => (answer.headersSent ? answer.destroy() : void answer.writeHead(502).end()))
    answer.once('close', () => found.upstream.destroy())
    message.pipe(onward)
  }

  async function socks(client: Socket): Promise<void> {
    const host = await readSocksRequest(client).catch(() => undefined)
    if (!host) return void client.destroy()
    const found = await enter(host, client)
    if ('refused' in found) return void client.end(socksAnswer('refused'))
    client.write(socksAnswer('granted'))
    join2(client, found.upstream)
  }

  await listen(server, deps.dir, name)
  return {
    socketFile: join(deps.dir, name),
    async [Symbol.asyncDispose]() {
      closing.abort()
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of open) socket.destroy()
      await closed
      rmSync(join(deps.dir, name), { force: true })
    },
  }
}

const CLOSED = { isAllowed: false, reason: 'the connection was given up' }

/** A socket's path may have 107 bytes, a Claw home more; by way of an open folder it is always short. */
async function listen(server: ReturnType<typeof createServer>, dir: string, name: string): Promise<void> {
  const folder = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(`/proc/self/fd/${folder}/${name}`, resolve)
    })
  } finally {
    closeSync(folder)
  }
}

/** A name that leads to this machine is not followed: who may reach the loopback names its address. */
const outsideOnly: LookupFunction = (name, options, callback) => {
  if (name === 'localhost') return lookup(name, options, callback)
  lookup(name, { ...options, all: true }, (error, found) => {
    const outside = (found ?? []).filter(({ address }) => !isLoopback(address))
    const no = Object.assign(new Error(`${name} leads to this machine itself`), { code: 'EACCES' })
    if (error || outside.length === 0) return callback(error ?? no, [])
    if (options.all) callback(null, outside)
    else callback(null, outside[0]!.address, outside[0]!.family)
  })
}

function join2(a: Socket, b: Socket): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('error', () => to.destroy())
    from.once('close', () => to.destroySoon())
    from.pipe(to)
  }
}

function refusal(reason: string): string {
  const body = `${reason}\n`
  return `HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
}

function hostOfAuthority(authority: string): Host | undefined {
  const found = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/\s]+)):(\d{1,5})$/i.exec(authority)
  const host = found?.[1] ?? found?.[2]
  return host && Number(found![3]) > 0 && Number(found![3]) < 65536
    ? { host: host.toLowerCase(), port: Number(found![3]) }
    : undefined
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '').toLowerCase()
}

function words({ host, port }: Host): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}
