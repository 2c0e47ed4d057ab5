/**
 * The list of tools → an MCP server.
 *
 * A server is made for each request (HTTP) and holds nothing: who calls decides which tools, resources and
 * prompts there are, so that what is not for them does not exist for them. Faults reach the model as words;
 * a bug reaches it as an id.
 */
import { createHash, randomBytes } from 'node:crypto'
import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  createRequestStateCodec,
  inputRequired,
  McpServer,
  type RequestStateCodec,
  type ServerContext,
  type StandardSchemaWithJSON,
  type ToolAnnotations,
  type ToolCallback,
} from '@modelcontextprotocol/server'
import type { Clock } from '../core/clock.ts'
import { Fault } from '../core/fault.ts'
import { manyLines } from '../core/plain-text.ts'
import type { OutsideToolForRun, OwnerContext, RunContext } from './context.ts'
import type { Guidance } from './guidance.ts'
import { OWNER_TOOLS, RUN_TOOLS } from './index.ts'
import { addOutsideTool } from './outside-tool.ts'
import { addPrompts } from './prompts.ts'
import { addResources } from './resources.ts'
import { type AnyTool, PersonNeeded, type ToolCall } from './tool.ts'
import { toolSchema } from './tool-schema.ts'

/** Who calls, and what they may reach. */
export type Caller =
  | { scope: 'owner'; by: string; mayAct: boolean; context: OwnerContext }
  | { scope: 'run'; by: string; context: RunContext; outside: readonly OutsideToolForRun[] }

export interface ToolServerDeps {
  version: string
  clock: Clock
  guidance: Guidance
  /** Aborted when the daemon closes: calls that wait come back. */
  closing: AbortSignal
  /** Writes a bug down and answers the id it is found by. */
  onBug(error: unknown, tool: string): string
  /** Adds what only tests want, such as the conformance suite's fixtures. */
  extend?(server: McpServer, state: RequestStateCodec): void
}

/** Array elements and object members in one call's input. A plan of sixty tasks with overlays has a few thousand. */
const INPUT_ELEMENTS_MAX = 50_000
/** Calls under way at once over all clients, waiting ones included. */
const CALLS_MAX = 500

type Handler = ToolCallback<StandardSchemaWithJSON>

interface Prepared {
  tool: AnyTool<'owner'> | AnyTool<'run'>
  config: {
    title: string
    description: string
    inputSchema: StandardSchemaWithJSON
    outputSchema: StandardSchemaWithJSON
    annotations: ToolAnnotations
  }
}

/**
 * Answers a function that makes the server for one caller. With `only`, for a request that calls one tool, it holds
 * that tool and nothing else.
 */
export function createToolServers(deps: ToolServerDeps): (caller: Caller, only?: string) => McpServer {
  // Between the rounds of a call the client carries its state: sealed, for this caller, for ten minutes.
  const state = createRequestStateCodec<RoundState>({
    key: randomBytes(32),
    bind: ({ mcpReq, http }) => `${mcpReq.method} ${http?.authInfo?.clientId ?? ''}`,
  })
  let calls = 0
  const prepared = { owner: OWNER_TOOLS.map(prepare), run: RUN_TOOLS.map(prepare) }

  async function counted<T>(work: () => Promise<T>) {
    if (calls >= CALLS_MAX) return failed('Too many calls are under way at once; try again in a moment.')
    calls++
    try {
      return await work()
    } finally {
      calls--
    }
  }

  return (caller, tool) => {
    // One that is not there is answered by the whole server, which knows all names.
    const only = tool !== undefined && hasTool(caller, tool) ? tool : undefined
    const isWanted = ({ name }: { name: string }) => only === undefined || name === only
    const server = new McpServer(
      { name: 'claw', title: 'Claw', version: deps.version },
      {
        instructions: deps.guidance[caller.scope],
        maxToolInputElements: INPUT_ELEMENTS_MAX,
        requestState: { verify: state.verify },
      },
    )
    for (const { tool, config } of prepared[caller.scope]) {
      if (!isWanted(tool) || !isFor(tool, caller)) continue
      const handler = (input: unknown, context: ServerContext) =>
        counted(() => callTool({ ...deps, state }, server, tool as AnyTool<'owner' | 'run'>, caller, input, context))
      server.registerTool(tool.name, config, handler as unknown as Handler)
    }
    if (caller.scope === 'run') {
      for (const tool of caller.outside.filter(isWanted)) {
        addOutsideTool(server, tool, async (input, context) =>
          counted(async () => {
            const call = callOf(deps, server, caller, context, '')
            try {
              return await callOutside(caller.context, tool.name, input, call)
            } catch (error) {
              return failed(wordsFor(error, deps, tool.name))
            }
          }),
        )
      }
    }
    if (caller.scope === 'owner' && only === undefined) {
      addResources(server, caller.context)
      addPrompts(server, caller.context, deps.guidance)
    }
    deps.extend?.(server, state as RequestStateCodec)
    return server
  }
}

function hasTool(caller: Caller, name: string): boolean {
  const tools: readonly (AnyTool<'owner'> | AnyTool<'run'>)[] = caller.scope === 'owner' ? OWNER_TOOLS : RUN_TOOLS
  const own = tools.some((tool) => tool.name === name && isFor(tool, caller))
  return own || (caller.scope === 'run' && caller.outside.some((tool) => tool.name === name))
}

/** Outside tools wait too: for the owner, and for programs that nobody knows. */
export function mayWait(name: string, { scope }: Caller): boolean {
  const tools: readonly (AnyTool<'owner'> | AnyTool<'run'>)[] = scope === 'owner' ? OWNER_TOOLS : RUN_TOOLS
  const tool = tools.find((other) => other.name === name)
  return tool === undefined || tool.waits === true
}

function prepare(tool: AnyTool<'owner'> | AnyTool<'run'>): Prepared {
  return {
    tool,
    config: {
      title: tool.title,
      description: tool.description,
      inputSchema: toolSchema(tool.input),
      outputSchema: toolSchema(tool.output),
      annotations: {
        readOnlyHint: tool.readOnly,
        destructiveHint: tool.destructive,
        idempotentHint: tool.idempotent,
        openWorldHint: false,
      },
    },
  }
}

function isFor(tool: AnyTool<'owner'> | AnyTool<'run'>, caller: Caller): boolean {
  if (tool.needs === 'memory' && caller.context.memory === undefined) return false
  return caller.scope === 'run' || caller.mayAct || tool.readOnly
}

/** Which call a person's answer belongs to: nobody's answer is taken for another question. */
interface RoundState {
  call: string
}

async function callTool(
  deps: ToolServerDeps & { state: RequestStateCodec<RoundState> },
  server: McpServer,
  tool: AnyTool<'owner' | 'run'>,
  caller: Caller,
  input: unknown,
  context: ServerContext,
) {
  const call = createHash('sha256')
    .update(JSON.stringify([tool.name, input]))
    .digest('base64url')
  try {
    const result: unknown = await tool.run(input, caller.context as never, callOf(deps, server, caller, context, call))
    if (result instanceof PersonNeeded) {
      const form = inputRequired.elicit({ message: result.message, requestedSchema: result.form as never })
      return inputRequired({ inputRequests: { answer: form }, requestState: await deps.state.mint({ call }, context) })
    }
    const output = tool.output.parse(result)
    return { content: [{ type: 'text' as const, text: manyLines(tool.text(output)) }], structuredContent: output }
  } catch (error) {
    return failed(wordsFor(error, deps, tool.name))
  }
}

async function callOutside({ outside }: RunContext, name: string, input: Record<string, unknown>, call: ToolCall) {
  const { signal, progress } = call
  const onProgress = (done: number, words: string) => void progress(done, words)
  const answer = await outside!.call(name, input, { signal, onProgress })
  if (answer.state === 'answered') {
    return { isError: answer.isError, content: [{ type: 'text' as const, text: manyLines(answer.text) }] }
  }
  return failed(
    `The owner has been asked whether this may be called (ask ${answer.ask}) and has not answered yet. Go on with what does not depend on it, then call it again with exactly the same input.`,
  )
}

function failed(text: string) {
  return { isError: true, content: [{ type: 'text' as const, text }] }
}

function wordsFor(error: unknown, deps: ToolServerDeps, name: string): string {
  if (!(error instanceof Fault)) {
    return `Something is wrong in Claw itself; its log has more under ${deps.onBug(error, name)}. Trying the same again will not help.`
  }
  const again = error.mayRetry ? ' The same call may succeed later.' : ''
  return manyLines(`${error.message}.${error.hint ? ` ${error.hint}` : ''}${again} (${error.code})`)
}

function callOf(
  deps: ToolServerDeps,
  server: McpServer,
  caller: Caller,
  { mcpReq }: ServerContext,
  id: string,
): ToolCall {
  const token = mcpReq._meta?.progressToken
  let told = -1
  return {
    signal: AbortSignal.any([mcpReq.signal, deps.closing]),
    clock: deps.clock,
    by: caller.by,
    async progress(done, message) {
      if (token === undefined || done <= told) return
      told = done
      const params = { progressToken: token, progress: done, message }
      await mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {})
    },
    canAskPerson: canAskPerson(server, mcpReq),
    person: personOf(mcpReq, id),
  }
}

type Envelope = { [CLIENT_CAPABILITIES_META_KEY]?: ClientCapabilities } | undefined

/** Said with each request since 2026-07-28; before that only a connection that lasts could ask. */
function canAskPerson(server: McpServer, { envelope }: ServerContext['mcpReq']): boolean {
  const said = (envelope as Envelope)?.[CLIENT_CAPABILITIES_META_KEY] ?? server.server.getClientCapabilities()
  const { elicitation } = said ?? {}
  // An empty object means forms.
  return elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined)
}

function personOf({ inputResponses, requestState }: ServerContext['mcpReq'], id: string): ToolCall['person'] {
  if (requestState<RoundState>()?.call !== id) return undefined
  const said = inputResponses?.['answer'] as { action?: unknown } | undefined
  if (typeof said?.action !== 'string') return undefined
  return { action: said.action, content: acceptedContent(inputResponses, 'answer') ?? {} }
}
