/**
 * Connections to MCP servers of the owner's, by the SDK's client. Loaded when a server is first needed.
 *
 * The client offers nothing (no sampling, no roots, no forms): a server answers calls and that is all. Whatever
 * comes over the wire is limited before it is understood.
 */
import {
  Client,
  type OAuthClientProvider,
  SdkError,
  SSEClientTransport,
  StreamableHTTPClientTransport,
  type Transport,
  UnauthorizedError,
} from '@modelcontextprotocol/client'
import type { McpServerConfig } from '../../config/schema.ts'
import { SECOND } from '../../core/clock.ts'
import type { World } from '../../core/world.ts'
import type { ProcessTable } from '../processes/process-table.ts'
import type { Secrets } from '../secrets/secrets.ts'
import { boundedFetch } from './bounded-fetch.ts'
import { type Connect, type ConnectionHooks, type ListedTool, LoginNeeded } from './outside-server.ts'
import { resolveText, resolveValues } from './references.ts'
import { createStdioTransport, type GuardedTransport } from './stdio-transport.ts'

export interface ConnectDeps {
  world: World
  table: ProcessTable
  secrets: Secrets
  /** What every process gets of the daemon's environment: PATH, HOME and the like. */
  baseEnv: Readonly<Record<string, string>>
  cwd: string
  /** What a server's processes carry. */
  runIdOf(server: string): string
  version: string
  messageBytesMax?: number
  messagesMax?: number
}

const MESSAGE_BYTES_MAX = 8 * 2 ** 20
const MESSAGES_MAX = 2_000
const PROBE_MS = 3 * SECOND
const LIST_PAGES_MAX = 10
const TOOLS_MAX = 200
/** Characters of one tool's whole definition. */
const DEFINITION_MAX = 32_000

/** @param login the saved login, where there is one; the transport refreshes it */
export function createConnect(
  deps: ConnectDeps,
  name: string,
  server: McpServerConfig,
  login: () => OAuthClientProvider | undefined,
): Connect {
  return async (hooks, signal) => {
    try {
      return await attempt('auto')
    } catch (error) {
      if (signal.aborted || error instanceof LoginNeeded || server.command === undefined) throw error
      // Servers from before 2026-07-28 may end at the first word that they do not know.
      return await attempt('legacy')
    }

    async function attempt(mode: 'auto' | 'legacy') {
      const transport = await openTransport(deps, name, server, login(), hooks)
      return connectOver({ ...deps, name }, transport, mode, hooks, signal)
    }
  }
}

async function connectOver(
  { world, version, name }: Pick<ConnectDeps, 'world' | 'version'> & { name: string },
  transport: Transport & Partial<GuardedTransport>,
  mode: 'auto' | 'legacy',
  hooks: ConnectionHooks,
  signal: AbortSignal,
) {
  const client = new Client(
    { name: 'claw', title: 'Claw', version },
    {
      capabilities: {},
      versionNegotiation: { mode, probe: { timeoutMs: PROBE_MS } },
      listMaxPages: LIST_PAGES_MAX,
      listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged: () => hooks.onToolsChanged() } },
      // Output schemas are the server's own word; what it answers is text from outside either way.
      jsonSchemaValidator: {
        getValidator: () => (data) => ({ valid: true, data: data as never, errorMessage: undefined }),
      },
    },
  )
  client.onerror = (err) => world.log.debug({ err }, 'tool server: odd message')
  let isOver = false
  client.onclose = () => {
    isOver = true
    hooks.onClosed(transport.reason ?? 'it closed the connection')
  }
  const onAbort = () => void client.close().catch(() => {})
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await client.connect(transport, { signal })
  } catch (error) {
    await client.close().catch(() => {})
    await transport.close().catch(() => {})
    if (needsLogin(error)) throw new LoginNeeded('it wants a login')
    throw transport.reason ? new Error(transport.reason, { cause: error }) : error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
  return {
    async list(signal: AbortSignal): Promise<ListedTool[]> {
      const { tools } = await client.listTools(undefined, { signal, timeout: 15 * SECOND, cacheMode: 'refresh' })
      const listed = tools.slice(0, TOOLS_MAX).map((tool) => ({
        name: tool.name,
        title: tool.title ?? null,
        description: tool.description ?? '',
        inputSchema: tool.inputSchema as Record<string, unknown>,
      }))
      const fitting = listed.filter((tool) => tool.name.length <= 128 && sizeOf(tool) <= DEFINITION_MAX)
      if (fitting.length < tools.length) {
        world.log.warn({ server: name, left: tools.length - fitting.length }, 'tools left out: too many or too long')
      }
      return fitting
    },
    async call(
      tool: string,
      input: Record<string, unknown>,
      options: { signal: AbortSignal; timeoutMs: number; onProgress?: (done: number, words: string) => void },
    ) {
      const { signal, timeoutMs, onProgress } = options
      try {
        return await client.callTool(
          { name: tool, arguments: input },
          {
            signal,
            timeout: timeoutMs,
            maxTotalTimeout: timeoutMs,
            ...(onProgress ? { onprogress: ({ progress, message }) => onProgress(progress, message ?? '') } : {}),
          },
        )
      } catch (error) {
        if (needsLogin(error)) throw new LoginNeeded('its login has ended')
        throw isOver && transport.reason ? new Error(transport.reason, { cause: error }) : error
      }
    },
    async close() {
      client.onclose = () => {}
      await client.close()
      await transport.close()
    },
  }
}

/** Infinite for what cannot be spelled out. */
function sizeOf(tool: ListedTool): number {
  try {
    return JSON.stringify(tool).length
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

function needsLogin(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof UnauthorizedError || cause instanceof LoginNeeded) return true
    if (cause instanceof SdkError && (cause.data as { status?: unknown } | undefined)?.status === 401) return true
  }
  return false
}

async function openTransport(
  deps: ConnectDeps,
  name: string,
  server: McpServerConfig,
  authProvider: OAuthClientProvider | undefined,
  hooks: ConnectionHooks,
): Promise<Transport & Partial<GuardedTransport>> {
  const { secrets, messageBytesMax = MESSAGE_BYTES_MAX, messagesMax = MESSAGES_MAX } = deps
  if (server.command !== undefined) {
    const env = await resolveValues(server.env, secrets)
    const words = await Promise.all([server.command, ...server.args].map((word) => resolveText(word, secrets)))
    return createStdioTransport(
      { clock: deps.world.clock, table: deps.table },
      {
        argv: words as [string, ...string[]],
        cwd: server.cwd ?? deps.cwd,
        env: { ...deps.baseEnv, ...env },
        runId: deps.runIdOf(name),
        messageBytesMax,
        messagesMax,
      },
    )
  }
  const headers = await resolveValues(server.headers, secrets)
  const url = new URL(await resolveText(server.url!, secrets))
  let reason: string | undefined
  const options = {
    requestInit: { headers },
    fetch: boundedFetch(messageBytesMax, (words) => {
      reason ??= words
      void transport.close().catch(() => {})
      hooks.onClosed(words)
    }),
    ...(authProvider ? { authProvider } : {}),
  }
  const transport: Transport & { reason?: string | undefined } =
    server.type === 'sse' ? new SSEClientTransport(url, options) : new StreamableHTTPClientTransport(url, options)
  Object.defineProperty(transport, 'reason', { get: () => reason })
  return transport
}
