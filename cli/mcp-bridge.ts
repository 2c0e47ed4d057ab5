/**
 * MCP over stdio, carried to the daemon over HTTP message by message.
 *
 * The bridge understands no more than it must: which headers a message wants, and which request a cancellation
 * means. Where the daemon is, is asked for each message, so a daemon that was restarted in between is found.
 */
import { StringDecoder } from 'node:string_decoder'
import { isFault } from '../core/fault.ts'
import type { Locate } from './client.ts'

export interface BridgeDeps {
  input: NodeJS.ReadableStream
  /** One message as one line. */
  write(line: string): void
  locate: Locate
  /** Starts the daemon where none runs; called once at a time. */
  start(): Promise<void>
  signal: AbortSignal
}

interface Message {
  jsonrpc?: unknown
  id?: string | number
  method?: string
  params?: { name?: unknown; uri?: unknown; requestId?: string | number; _meta?: Record<string, unknown> }
}

const LINE_MAX = 8 * 1024 * 1024
const REVISION_KEY = 'io.modelcontextprotocol/protocolVersion'
/** What JSON-RPC and MCP call these failures. */
const PARSE_ERROR = -32700
const INTERNAL_ERROR = -32603

/** Resolves when the client has closed its end. */
export async function bridge(deps: BridgeDeps): Promise<void> {
  const open = new Map<string | number, AbortController>()
  const closed = new AbortController()
  const ended = AbortSignal.any([closed.signal, deps.signal])
  /** Of the 2025 handshake, for the messages after it. */
  let revision: string | undefined
  let session: string | undefined
  let starting: Promise<void> | undefined
  const start = () => {
    starting ??= deps.start().finally(() => {
      starting = undefined
    })
    return starting
  }

  async function carry(message: Message): Promise<void> {
    const { id } = message
    const mine = new AbortController()
    if (id !== undefined && message.method !== undefined) open.set(id, mine)
    try {
      const response = await post(message, AbortSignal.any([mine.signal, ended]))
      if (response.status === 202) return
      if (message.method === 'initialize') session = response.headers.get('mcp-session-id') ?? undefined
      for await (const answer of answersOf(response)) {
        if (mine.signal.aborted) return
        if (message.method === 'initialize') revision = answer.result?.protocolVersion ?? revision
        deps.write(JSON.stringify(answer))
      }
    } catch (error) {
      if (mine.signal.aborted || ended.aborted || id === undefined) return
      const words = error instanceof Error ? error.message : String(error)
      deps.write(JSON.stringify({ jsonrpc: '2.0', id, error: { code: INTERNAL_ERROR, message: `Claw: ${words}` } }))
    } finally {
      if (id !== undefined && open.get(id) === mine) open.delete(id)
    }
  }

  /** Once more, and with the daemon started, where nobody was there to hear it: nothing was done then. */
  async function post(message: Message, signal: AbortSignal): Promise<Response> {
    const once = async () => {
      const { port, token } = deps.locate()
      return fetch(`http://127.0.0.1:${port}/mcp`, {
        method: 'POST',
        headers: { ...headersFor(message, token, revision), ...(session ? { 'mcp-session-id': session } : {}) },
        body: JSON.stringify(message),
        signal,
        redirect: 'error',
      })
    }
    let response: Response
    try {
      response = await once()
    } catch (error) {
      signal.throwIfAborted()
      if (!isFault(error, 'daemon_down') && !isRefusedConnection(error)) throw error
      await start()
      response = await once()
    }
    if (response.status === 404 && session !== undefined) {
      // A daemon that was restarted does not know the session; without one only forms are missing.
      session = undefined
      response = await once()
    }
    // Another daemon has the port by now, with another token.
    if (response.status === 401) response = await once()
    if (response.status === 401 || response.status === 403) throw new Error(await problemWords(response))
    return response
  }

  function take(line: string): void {
    let message: Message
    try {
      message = JSON.parse(line) as Message
    } catch {
      deps.write(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: PARSE_ERROR, message: 'Not JSON' } }))
      return
    }
    if (message.method === 'notifications/cancelled') {
      const { requestId } = message.params ?? {}
      if (requestId !== undefined) open.get(requestId)?.abort()
      return
    }
    void carry(message)
  }

  try {
    for await (const line of linesOf(deps.input, deps.signal)) if (line.trim() !== '') take(line)
  } finally {
    closed.abort()
  }
}

function headersFor({ method, params }: Message, token: string, revision: string | undefined): Record<string, string> {
  const said = params?._meta?.[REVISION_KEY]
  const version = typeof said === 'string' ? said : revision
  const name = params?.name ?? params?.uri
  return {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(version === undefined ? {} : { 'mcp-protocol-version': version }),
    // Since 2026-07-28 the headers repeat what the body says.
    ...(typeof said === 'string' && method !== undefined ? { 'mcp-method': headerValue(method) } : {}),
    ...(typeof said === 'string' && typeof name === 'string' ? { 'mcp-name': headerValue(name) } : {}),
  }
}

/** What a header cannot hold as it is goes in base64, marked as the protocol says. */
function headerValue(text: string): string {
  return /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !text.startsWith('=?base64?')
    ? text
    : `=?base64?${Buffer.from(text).toString('base64')}?=`
}

type AnswerMessage = { result?: { protocolVersion?: string } }

async function* answersOf(response: Response): AsyncGenerator<AnswerMessage> {
  if (!(response.headers.get('content-type') ?? '').includes('text/event-stream')) {
    const text = await response.text()
    if (text.startsWith('{') || text.startsWith('[')) yield JSON.parse(text) as AnswerMessage
    else throw new Error(`status ${response.status} ${text.slice(0, 200)}`.trim())
    return
  }
  if (!response.body) return
  // One event of ours is one line of data: JSON has no raw line breaks.
  for await (const line of linesOf(response.body as unknown as AsyncIterable<Uint8Array>)) {
    if (line.startsWith('data:') && line.length > 'data: '.length)
      yield JSON.parse(line.slice('data:'.length)) as AnswerMessage
  }
}

async function* linesOf(source: AsyncIterable<Uint8Array | string>, signal?: AbortSignal): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const piece of source) {
    signal?.throwIfAborted()
    rest += typeof piece === 'string' ? piece : decoder.write(Buffer.from(piece))
    if (rest.length > LINE_MAX) throw new Error(`A message of more than ${LINE_MAX} bytes`)
    const lines = rest.split('\n')
    rest = lines.pop()!
    yield* lines.map((line) => line.replace(/\r$/, ''))
  }
  if (rest !== '') yield rest
}

function isRefusedConnection(error: unknown): boolean {
  const { code } = ((error as Error).cause ?? {}) as { code?: string }
  return code === 'ECONNREFUSED'
}

async function problemWords(response: Response): Promise<string> {
  try {
    return ((await response.json()) as { detail: string }).detail
  } catch {
    return `status ${response.status}`
  }
}
