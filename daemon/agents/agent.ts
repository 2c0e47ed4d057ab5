import type { FailureClass, Usage } from '../../core/run.ts'
import type { Tokens } from '../../core/spend.ts'
import type { AskHost } from '../sandbox/sandbox.ts'

/**
 * Drives one external agent program through one session.
 *
 * `end_turn` proves nothing: what the agent did is captured and verified by the daemon. The
 * driver promises: one process group per run, owned until `stop` returns; prompts of a session
 * one after the other; every update handed to `onUpdate` in order; silence measured on semantic
 * progress; the raw wire kept; no process of the run alive after `stop`.
 */
export interface AgentDriver {
  /**
   * Starts the program and opens (or, with `sessionId`, loads) a session.
   *
   * The launcher waits until `onSpawned` has resolved (pid and start time stored) before it
   * becomes the agent. Faults: agent_unavailable (cannot start), agent_protocol,
   * session_lost (the session cannot be loaded; start a fresh one), provider_refused.
   */
  open(spec: AgentSpec, hooks: AgentHooks): Promise<AgentSession>
}

export interface AgentSpec {
  runId: string
  profile: AgentProfile
  /** Where it works. */
  worktree: string
  /** Its private HOME; kept between runs of the same task so that a session can be loaded. */
  home: string
  tmp: string
  /** What it may read although the sandbox hides it: the repository's git folder, so that `git diff` works. */
  readable?: readonly string[]
  /** What it may write besides its worktree, HOME and TMPDIR: the declared effects of an `act` task. They exist. */
  writable?: readonly string[]
  /** Where it may connect to besides its model and its MCP servers (see Reach); `any`: everywhere, unwatched. */
  hosts?: readonly string[] | 'any'
  /** Resume this one instead of starting another. */
  sessionId: string | null
  /** What was counted of that session so far; undefined: nobody knows. */
  usedBefore?: Usage | undefined
  /** The model it talks to, if the profile takes one. */
  model: ModelAccess | null
  /** Beside PATH and what the profile sets: ports, the goal's environment. */
  env: Readonly<Record<string, string>>
  /** MCP servers given to the session. */
  mcpServers: readonly { name: string; url: string; headers: Record<string, string> }[]
  /** The raw wire goes here, one JSON line per message, `>` or `<` in front. */
  wireFile: string
  silenceMs: number
}

/** Where a model can be reached and with what. In later versions always the gateway with a run's token. */
export interface ModelAccess {
  api: 'anthropic' | 'openai-responses' | 'openai-chat' | 'google'
  baseUrl: string
  key: string
  model: string
  /** The gateway's name for who answers. */
  upstream?: string
}

export interface AgentHooks {
  /** Called once, before the program runs. */
  onSpawned(process: { pid: number; pidStart: string }): Promise<void>
  onUpdate(update: AgentUpdate): void
  /** Asked about a host that `hosts` does not name, while the connection waits; without it such a host is refused. */
  onHost?: AskHost
  /** The broker's answer to a permission request: the id of one of the options, or undefined to cancel. May take days. */
  onPermission(request: PermissionRequest, signal: AbortSignal): Promise<string | undefined>
}

export type AgentUpdate =
  | { kind: 'text' | 'thought'; text: string }
  | {
      kind: 'tool'
      id: string
      title: string
      status: 'pending' | 'running' | 'done' | 'failed'
      paths: string[]
      command: string | null
    }
  | { kind: 'plan'; entries: { text: string; status: string }[] }
  | { kind: 'usage'; usage: Usage }
  | { kind: 'notice'; text: string }

export interface PermissionRequest {
  toolCallId: string
  /** Never empty: a title, else the kind of tool. */
  title: string
  kind: 'read' | 'edit' | 'delete' | 'move' | 'search' | 'execute' | 'fetch' | 'mcp' | 'other'
  /** Absolute. */
  paths: string[]
  command: string | null
  /** As the agent sent them, for the record and the fingerprint. */
  rawInput: unknown
  /** The MCP server whose tool it is, where the program itself names it. */
  server?: string
  options: { id: string; kind: 'allow_once' | 'allow_always' | 'reject_once' | 'reject_always'; label: string }[]
}

export interface AgentSession {
  readonly sessionId: string
  /** Whether a later process may load this session. */
  readonly resumable: boolean
  /** The program's own name and version, as far as it says. Words for people: it may say anything. */
  readonly program: { name: string | null; version: string | null }
  /**
   * Sends a prompt and waits for the turn's end. Calls are serialised; a prompt given while a turn
   * runs follows it. Faults: agent_crashed, agent_silent, agent_protocol, provider_limited
   * (details.retryAt where known), provider_refused, provider_unavailable.
   */
  prompt(text: string): Promise<TurnEnd>
  /** Asks the agent to end the running turn. */
  cancel(): Promise<void>
  /** Cancel → close → TERM → KILL on the group, then on whatever still carries the run's id. Safe to call twice. */
  stop(): Promise<void>
}

export interface TurnEnd {
  stopReason: 'end_turn' | 'max_tokens' | 'refusal' | 'cancelled' | 'other'
  /** The agent's last words, at most a few thousand characters. */
  text: string
  toolCalls: number
  usage: Usage
  /** The same for the ledger, and whether the agent counted all of it. */
  spent: TurnSpend
}

/** What one turn used, in the ledger's terms: input holds what came from and went to the cache, output the reasoning. */
export interface TurnSpend extends Tokens {
  /** What the agent itself reckons; null where it reckons none. */
  usd: number | null
  /** False where the agent did not count all of the turn: the numbers are the least that was used. */
  isWhole: boolean
}

/** A program that speaks ACP, as data. */
export interface AgentProfile {
  name: string
  /** For people: `pi 0.87.1`. */
  title: string
  /** argv; the first word is found on PATH or in Claw's node_modules. */
  command: readonly [string, ...string[]]
  /** Other programs it needs, found the same way. */
  programs?: readonly string[]
  /** Written into the private HOME before the start: relative path → content; a `#!` script is made executable. */
  files(context: ProfileContext): Record<string, string>
  env(context: ProfileContext): Record<string, string>
  /** ACP session mode to set after the session is open. */
  mode: string | null
  /** Which of the model's APIs it can be pointed at, best first; empty: it needs its own login. */
  apis: readonly ModelAccess['api'][]
  /** One credential file of the agent's own login, relative to the owner's HOME, shared writable with the run. */
  credentialFile: string | null
  /** Where a program with a login of its own finds its model, as patterns of a reach. */
  loginHosts?: readonly string[]
  quirks: AgentQuirks
  /** Where the program notes a failure of the model that it ends a turn without mentioning; null: there was none. */
  lastError?(session: { home: string; sessionId: string }): string | null
}

export interface ProfileContext {
  home: string
  worktree: string
  model: ModelAccess | null
  /** Whether a sandbox of ours holds the program; one of its own inside it could not start. */
  isConfined: boolean
}

export interface AgentQuirks {
  /** The permission request comes without a preceding tool_call, without a title, or with arguments in it. */
  loosePermissionTitles: boolean
  /** A child of a cancelled command lives on until the session is closed, or even longer. */
  leavesChildren: boolean
  /** A model error ends the turn as if all were well: empty text and no tool call is then a provider failure. */
  swallowsModelErrors: boolean
  /** Ignores SIGTERM for seconds: go to KILL at once. */
  ignoresTerm: boolean
  /**
   * How it counts what it used: in the prompt's answer the sum of the turn, of the session so far, or of the last
   * model call only; there under `_meta.quota`; beside each call's words; or not at all.
   */
  usage: 'turn' | 'session' | 'last-call' | 'quota' | 'chunks' | 'none'
  /** The session can be loaded (session/load), resumed without replay, or neither. */
  resume: 'load' | 'resume' | 'none'
  /** MCP servers over HTTP can be given to a session. */
  mcp: boolean
}

/** How a fault or a turn's end counts. */
export interface RunVerdict {
  failure: FailureClass
  note: string
  retryAt: number | null
}
