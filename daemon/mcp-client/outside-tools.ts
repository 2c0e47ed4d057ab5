import type { CallFor } from './ask-tool.ts'
import type { OutsideResult } from './outside-result.ts'
import type { ServerState } from './outside-server.ts'
import type { Pin } from './pins.ts'
import type { Taker, ToolVerdict } from './tool-policy.ts'

/**
 * The tools of the owner's other MCP servers, for the brain and for runs.
 *
 * Whoever takes them is told of those that the owner's configuration gives them and that the owner agreed to, in
 * the words that were agreed to. A call passes the policy (allow, ask, deny) first; an ask waits in the inbox. A
 * server that hangs, floods, grows or changes its tools hurts nobody but itself.
 */
export interface OutsideTools extends AsyncDisposable {
  /** Starts servers that were never seen before, and waits for them a little. Never throws. */
  offered(to: Taker): Promise<OfferedTool[]>
  /**
   * @param waitMs how long to wait for the owner, where they are asked; null: as long as it takes
   * @throws tool_not_found, tool_refused, tool_server_unavailable
   */
  call(input: OutsideCall, waitMs: number | null, signal: AbortSignal): Promise<OutsideAnswer>
  /** Every server with its tools, for the owner. `isFresh`: asks the servers first. */
  list(options: { isFresh: boolean }): Promise<ServerView[]>
  /** Agrees to what a server says of its tools now, one or all. Throws tool_not_found. */
  agree(server: string, tool: string | null, by: string): Promise<ServerView>
  /** Throws tool_server_unavailable. The address is for the owner's browser. */
  login(server: string): Promise<{ url: string }>
  logout(server: string): Promise<void>
}

export interface OfferedTool {
  /** What a model calls it. */
  name: string
  title: string
  description: string
  inputSchema: Record<string, unknown>
  verdict: Exclude<ToolVerdict, 'deny'>
}

export interface OutsideCall {
  to: Taker
  who: CallFor
  name: string
  input: Record<string, unknown>
  onProgress?: (done: number, words: string) => void
}

/** open: the owner was asked and has not answered yet. */
export type OutsideAnswer = { state: 'answered'; result: OutsideResult } | { state: 'open'; ask: number }

export interface ServerView {
  name: string
  kind: 'program' | 'remote'
  state: ServerState | 'disabled'
  words: string | null
  brain: boolean
  runs: boolean
  login: 'none' | 'waiting' | 'done' | 'failed'
  tools: { name: string; offeredAs: string; description: string; verdict: ToolVerdict; state: Pin['state'] }[]
}
