import { randomUUID } from 'node:crypto'
import { type McpServer, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server'
import { type Clock, MINUTE } from '../../core/clock.ts'
import type { Caller } from '../../tools/tool-server.ts'

/**
 * Connections that last, for clients from before 2026-07-28 that can be asked something in the middle of a call.
 *
 * Only they get one: everybody else is served call by call and leaves nothing behind. A session is its token's;
 * with any other it does not exist.
 */
export interface Sessions extends AsyncDisposable {
  /** The answer, where the request belongs to a session or has to begin one; undefined: serve it without. */
  find(request: Request, caller: Caller): Promise<Response | undefined>
}

const SESSIONS_MAX = 64
/** One that was not used for so long makes room. */
const IDLE_MS_MAX = 30 * MINUTE
const HEADER = 'mcp-session-id'
/** An initialize is small; what is larger is something else. */
const HELLO_BYTES_MAX = 64 * 1024

interface Session {
  transport: WebStandardStreamableHTTPServerTransport
  server: McpServer
  by: string
  usedAt: number
}

export function createSessions({ clock, serverFor }: { clock: Clock; serverFor(caller: Caller): McpServer }): Sessions {
  const sessions = new Map<string, Session>()

  async function close(id: string): Promise<void> {
    const session = sessions.get(id)
    sessions.delete(id)
    await session?.server.close().catch(() => {})
  }

  async function makeRoom(): Promise<void> {
    const now = clock.monotonic()
    for (const [id, { usedAt }] of sessions) if (now - usedAt > IDLE_MS_MAX) await close(id)
    // Used ones go to the end, so the first has waited longest.
    const [oldest] = sessions.keys()
    if (sessions.size >= SESSIONS_MAX && oldest !== undefined) await close(oldest)
  }

  async function begin(request: Request, caller: Caller, hello: unknown): Promise<Response> {
    await makeRoom()
    const server = serverFor(caller)
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized(id) {
        sessions.set(id, { transport, server, by: caller.by, usedAt: clock.monotonic() })
      },
      onsessionclosed: (id) => void sessions.delete(id),
    })
    await server.connect(transport)
    return transport.handleRequest(request, { parsedBody: hello, authInfo: authOf(caller) })
  }

  return {
    async find(request, caller) {
      const id = request.headers.get(HEADER)
      if (id === null) {
        const hello = await readHello(request)
        return hello === undefined ? undefined : begin(request, caller, hello)
      }
      const session = sessions.get(id)
      if (!session || session.by !== caller.by) {
        return Response.json(
          { jsonrpc: '2.0', error: { code: -32001, message: 'Session not found' }, id: null },
          { status: 404 },
        )
      }
      sessions.delete(id)
      sessions.set(id, { ...session, usedAt: clock.monotonic() })
      return session.transport.handleRequest(request, { authInfo: authOf(caller) })
    },
    async [Symbol.asyncDispose]() {
      for (const id of [...sessions.keys()]) await close(id)
    },
  }
}

/** The initialize of a client that can be asked something; undefined for all else. The request stays readable. */
async function readHello(request: Request): Promise<unknown> {
  // After its initialize a client names the revision, and since 2026-07-28 the method.
  if (request.method !== 'POST' || request.headers.has('mcp-protocol-version') || request.headers.has('mcp-method'))
    return undefined
  if (Number(request.headers.get('content-length') ?? 0) > HELLO_BYTES_MAX) return undefined
  const text = await readStart(request.clone())
  if (!text?.includes('"initialize"') || !text.includes('"elicitation"')) return undefined
  try {
    const hello = JSON.parse(text) as { method?: unknown; params?: { capabilities?: { elicitation?: unknown } } }
    return hello.method === 'initialize' && hello.params?.capabilities?.elicitation ? hello : undefined
  } catch {
    return undefined
  }
}

/** Undefined where there is more than an initialize would hold. */
async function readStart({ body }: Request): Promise<string | undefined> {
  const pieces: Uint8Array[] = []
  const reader = body?.getReader()
  for (let size = 0; reader; ) {
    const { done, value } = await reader.read()
    if (done) break
    size += value.byteLength
    if (size > HELLO_BYTES_MAX) {
      // Never waited for: the cancel of a clone ends only with the request's own.
      reader.cancel().catch(() => {})
      return undefined
    }
    pieces.push(value)
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** What handlers see of the caller; the token itself goes no further. */
export function authOf(caller: Caller, tool?: string) {
  return { token: '', clientId: caller.by, scopes: [], extra: { caller, tool } }
}
