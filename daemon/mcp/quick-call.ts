import {
  type McpServer,
  PROTOCOL_VERSION_META_KEY,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import type { Caller } from '../../tools/tool-server.ts'
import { authOf } from './sessions.ts'

/**
 * What can be known of a request before a server is made for it. Most requests are one call of one tool: the server
 * for it then holds that tool alone, and where nothing has to be told on the way the answer is one piece of JSON.
 * That is what a thousand calls a second rest on; everything else takes the usual way.
 */
export interface Peeked {
  /** The body, read and understood; undefined where that was left to the usual way. */
  body: unknown
  /** The one tool that is called. */
  tool: string | undefined
  /** Whether it can be answered in one piece: before 2026-07-28, and without word of progress. */
  isPlain: boolean
}

const NOTHING: Peeked = { body: undefined, tool: undefined, isPlain: false }

/** Leaves the request unread where it is not small JSON with its length said. */
export async function peek(request: Request, bytesMax: number): Promise<{ request: Request; peeked: Peeked }> {
  const length = Number(request.headers.get('content-length') ?? Number.NaN)
  const isJson = /^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? '')
  if (request.method !== 'POST' || !isJson || !(length <= bytesMax)) return { request, peeked: NOTHING }
  const text = await request.text()
  try {
    return { request, peeked: understand(JSON.parse(text), request.headers) }
  } catch {
    // Not JSON: the usual way says so, as the protocol wants it.
    const { url, method, headers, signal } = request
    return { request: new Request(url, { method, headers, signal, body: text }), peeked: NOTHING }
  }
}

function understand(body: unknown, headers: Headers): Peeked {
  // Undefined is no JSON value, and nothing at all is no body.
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return { ...NOTHING, body }
  const { id, method, params } = body as { id?: unknown; method?: unknown; params?: Record<string, unknown> }
  const name = method === 'tools/call' && id !== undefined ? params?.['name'] : undefined
  if (typeof name !== 'string') return { ...NOTHING, body }
  const meta = (params?.['_meta'] ?? {}) as Record<string, unknown>
  const revision = headers.get('mcp-protocol-version')
  const isPlain =
    meta[PROTOCOL_VERSION_META_KEY] === undefined &&
    meta['progressToken'] === undefined &&
    !headers.has('mcp-method') &&
    (revision === null || /^2025-\d\d-\d\d$/.test(revision))
  return { body, tool: name, isPlain }
}

/** One call, answered in one piece. */
export async function answerPlain(
  request: Request,
  body: unknown,
  caller: Caller,
  server: McpServer,
): Promise<Response> {
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
  await server.connect(transport)
  const close = () => void server.close().catch(() => {})
  request.signal.addEventListener('abort', close, { once: true })
  try {
    return await transport.handleRequest(request, { parsedBody: body, authInfo: authOf(caller) })
  } finally {
    request.signal.removeEventListener('abort', close)
    close()
  }
}
