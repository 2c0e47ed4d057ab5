import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { createMcpHandler, type McpRequestContext } from '@modelcontextprotocol/server'
import { Fault } from '../../core/fault.ts'
import type { RunId } from '../../core/run.ts'
import type { World } from '../../core/world.ts'
import type { OwnerContext, RunContext } from '../../tools/context.ts'
import { loadGuidance } from '../../tools/guidance.ts'
import { type Caller, createToolServers, mayWait, type ToolServerDeps } from '../../tools/tool-server.ts'
import { answerPlain, peek } from './quick-call.ts'
import type { RunTokens } from './run-tokens.ts'
import { authOf, createSessions } from './sessions.ts'
import type { Tokens } from './tokens.ts'

/**
 * The MCP endpoint: who calls, and a server that has what is theirs.
 *
 * Nothing works without a token. The daemon's own (from daemon.json) and those of the owner's clients open the
 * owner's tools; a run's opens its task. The token decides alone: no header and no argument widens it.
 */
export interface McpEndpoint {
  /** Throws token_refused. Host and Origin have been looked at already. */
  handle(request: Request): Promise<Response>
}

export interface McpEndpointDeps {
  world: World
  version: string
  /** The daemon's own token. */
  token: string
  tokens: Pick<Tokens, 'find'>
  runTokens: Pick<RunTokens, 'find'>
  owner: OwnerContext
  runOf(runId: RunId): RunContext
  /** Aborted when the daemon closes. */
  closing: AbortSignal
  /** Adds to each server what only tests want, such as the conformance suite's fixtures. */
  extend?: ToolServerDeps['extend']
}

/** A plan with overlay files is the largest thing that is sent. */
const BODY_MAX_BYTES = 4 * 1024 * 1024
const SUBSCRIPTIONS_MAX = 64

export function createMcpEndpoint(deps: McpEndpointDeps): McpEndpoint {
  const { world, closing } = deps
  const log = world.log.child({ part: 'mcp' })
  const serverFor = createToolServers({
    version: deps.version,
    clock: world.clock,
    guidance: loadGuidance(),
    closing,
    ...(deps.extend ? { extend: deps.extend } : {}),
    onBug(error, tool) {
      const id = `bug_${randomBytes(6).toString('hex')}`
      log.error({ id, tool, err: error }, 'bug in a tool')
      return id
    },
  })
  const handler = createMcpHandler(
    ({ authInfo }: McpRequestContext) => {
      const { caller, tool } = authInfo!.extra as { caller: Caller; tool?: string }
      return serverFor(caller, tool)
    },
    {
      maxRequestBodySize: BODY_MAX_BYTES,
      maxSubscriptions: SUBSCRIPTIONS_MAX,
      onerror: (err) => log.debug({ err }, 'request refused'),
    },
  )
  const sessions = createSessions({ clock: world.clock, serverFor })
  const onClosing = () => {
    void handler.close()
    void sessions[Symbol.asyncDispose]()
  }
  closing.addEventListener('abort', onClosing, { once: true })
  const isDaemonToken = sameAs(deps.token)

  async function callerOf(request: Request): Promise<Caller> {
    const secret = /^Bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
    if (secret === undefined) throw refused('A token is needed')
    if (isDaemonToken(secret)) return { scope: 'owner', by: 'mcp', mayAct: true, context: deps.owner }
    const token = await deps.tokens.find(secret)
    if (token) {
      return { scope: 'owner', by: `mcp:${token.name}`, mayAct: token.scopes.includes('act'), context: deps.owner }
    }
    const runId = await deps.runTokens.find(secret)
    if (runId) {
      const context = deps.runOf(runId)
      return { scope: 'run', by: runId, context, outside: (await context.outside?.offered()) ?? [] }
    }
    throw refused('The token opens nothing here: it is unknown, revoked, expired, or its run has ended')
  }

  return {
    async handle(request) {
      const caller = await callerOf(request)
      const inSession = await sessions.find(request, caller)
      if (inSession) return inSession
      const { request: whole, peeked } = await peek(request, BODY_MAX_BYTES)
      const { body, tool, isPlain } = peeked
      if (tool !== undefined && isPlain && !mayWait(tool, caller)) {
        return answerPlain(whole, body, caller, serverFor(caller, tool))
      }
      const authInfo = authOf(caller, tool)
      return handler.fetch(whole, { authInfo, ...(body === undefined ? {} : { parsedBody: body }) })
    },
  }
}

function refused(words: string): Fault {
  return new Fault('token_refused', words, { hint: '`claw token create NAME` makes one for a client.' })
}

/** Digests have one length, so the comparison takes the same time whatever was sent. */
function sameAs(token: string): (given: string) => boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  const expected = digest(token)
  return (given) => timingSafeEqual(digest(given), expected)
}
