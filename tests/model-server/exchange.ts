/**
 * What a script sees and what it says, whichever of the four model APIs the caller speaks.
 *
 * A test writes its script once; pi, goose, Codex, Claude and our own brain can all be the caller.
 */
export type ApiName = 'anthropic' | 'openai-responses' | 'openai-chat' | 'google'

export interface ToolCall {
  id: string
  name: string
  /** An object for ordinary tools, a string for free-form ones (OpenAI's `custom` tools). */
  args: unknown
}

export interface ModelMessage {
  /** Tool results always stand in a `user` message, as Anthropic has it. */
  role: 'user' | 'assistant'
  text: string
  toolCalls: ToolCall[]
  toolResults: { id: string; text: string }[]
}

export interface OfferedTool {
  name: string
  /** OpenAI Responses groups MCP tools in a namespace, which a call has to repeat. */
  namespace?: string
  description: string
  schema: unknown
  /** It takes one string instead of an object. */
  freeForm?: boolean
}

export interface ModelRequest {
  api: ApiName
  model: string
  /** System and developer messages, joined. */
  system: string
  messages: ModelMessage[]
  tools: OfferedTool[]
  /** The schema that the answer must meet, where structured output is asked for. */
  jsonSchema?: unknown
  /** The tool through which the structured answer must go, where the caller forces one. */
  jsonTool?: string
  stream: boolean
  headers: Record<string, string>
  /** How often the model has spoken in this conversation; 0 at the first request. */
  turnIndex: number
}

/** One thing to do, in no agent's own words; `tool-ways.ts` translates. */
export type Step =
  | { write: { path: string; content: string } }
  | { edit: { path: string; find: string; replace: string } }
  | { read: string }
  | { run: string }
  /** Any tool by the end of its name, as MCP tools are prefixed differently by every agent. */
  | { tool: { name: string; args: unknown } }
  | { say: string }

export interface TokenCounts {
  inputTokens: number
  cachedTokens: number
  outputTokens: number
}

export interface Answer {
  say?: string
  thinking?: string
  /** The structured answer. Left out although the caller wants one: the smallest value its schema allows. */
  json?: unknown
  /** `say` steps among them become text in front of the calls. */
  tools?: readonly Step[]
  error?: { status: number; body?: unknown; retryAfter?: number; headers?: Record<string, string> }
  /** Never answers, until the caller gives up or the server is disposed. */
  hang?: true
  /** Words that are not JSON, whatever was asked for. */
  garbage?: true
  /** The connection breaks in the middle of the body. */
  cut?: true
  /** Waits before the first byte. */
  delayMs?: number
  /** Waits before every event of a stream. */
  slowMs?: number
  /** Instead of counted words. */
  usage?: Partial<TokenCounts>
}

/** Answers by what is asked. `undefined`: not mine; the next one is tried, and with none left the server answers 400. */
export type Script = (request: ModelRequest) => Answer | undefined | Promise<Answer | undefined>

/** An answer translated for one caller: what an API has to put into its own words. */
export interface Reply {
  id: string
  model: string
  thinking: string
  text: string
  calls: (ToolCall & { namespace?: string; freeForm: boolean })[]
  usage: TokenCounts
}

export interface ServerEvent {
  event?: string
  data: unknown
}

/** One model API's wire format. */
export interface Api {
  name: ApiName
  read(body: unknown, context: { model: string; stream: boolean; headers: Record<string, string> }): ModelRequest
  whole(reply: Reply): unknown
  events(reply: Reply): ServerEvent[]
  /** The last words of a stream, where the API has them. */
  ending?: string
  error(status: number, message: string): unknown
}
