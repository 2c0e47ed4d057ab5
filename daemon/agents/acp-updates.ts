import { resolve } from 'node:path'
import type { AgentUpdate, PermissionRequest } from './agent.ts'

/**
 * Reads what agents send, as they really send it.
 *
 * Nothing here trusts a schema: updates come without the call they update, permission requests
 * without a title, unknown kinds with every release. What cannot be understood is `undefined`.
 * Pure but for the tool calls it remembers to fill the gaps of later messages.
 */

type Json = Readonly<Record<string, unknown>>
export type ToolUpdate = Extract<AgentUpdate, { kind: 'tool' }>

interface ToolCall extends ToolUpdate {
  toolKind: string | null
  rawInput: unknown
  /** The MCP server it belongs to, where the program itself says so. */
  server: string | null
  /** What it was called when it was announced. */
  announced: string
}

export interface Reading {
  progress: boolean
  update?: AgentUpdate
  /** Of the session so far. */
  costUsd?: number
  /** How full the context is. */
  contextTokens?: number
  /** A count that came with words, as it came. */
  tokens?: unknown
}

export interface UpdateReader {
  /** `progress`: whether it shows that the agent is getting on; `update`: what is worth handing on. */
  read(update: unknown): Reading
  readPermission(params: unknown): PermissionRequest | undefined
  toolsRunning(): number
  /** At a turn's end no tool of it is running, whatever was last said. */
  endTurn(): void
}

export const TEXT_CHARACTERS_MAX = 16_000
const TITLE_CHARACTERS_MAX = 400
const COMMAND_CHARACTERS_MAX = 4_000
const PATHS_MAX = 50
const PLAN_ENTRIES_MAX = 100
/** Calls remembered at a time; the oldest are forgotten first. */
const CALLS_MAX = 500

const STATUS = { pending: 'pending', in_progress: 'running', completed: 'done', failed: 'failed' } as const

export function createUpdateReader(worktree: string): UpdateReader {
  const calls = new Map<string, ToolCall>()

  function readTool(update: Json, fallbackStatus: ToolUpdate['status']): ToolCall | undefined {
    const id = text(update['toolCallId'])
    if (id === undefined) return undefined
    const before = calls.get(id)
    const status = STATUS[update['status'] as keyof typeof STATUS] ?? before?.status ?? fallbackStatus
    const rawInput = isFilled(update['rawInput']) ? update['rawInput'] : before?.rawInput
    const paths = pathsOf(update, rawInput, worktree)
    const call: ToolCall = {
      kind: 'tool',
      id,
      title: (text(update['title']) ?? before?.title ?? text(update['kind']) ?? 'tool').slice(0, TITLE_CHARACTERS_MAX),
      status,
      paths: paths.length > 0 ? paths : (before?.paths ?? []),
      command: commandOf(rawInput) ?? before?.command ?? null,
      toolKind: text(update['kind']) ?? before?.toolKind ?? null,
      rawInput,
      server: serverOf(update) ?? before?.server ?? null,
      announced: before?.announced ?? text(update['title']) ?? '',
    }
    calls.delete(id)
    calls.set(id, call)
    if (calls.size > CALLS_MAX) calls.delete(calls.keys().next().value!)
    return call
  }

  return {
    read(raw) {
      const update = record(raw)
      switch (update['sessionUpdate']) {
        case 'agent_message_chunk':
        case 'agent_thought_chunk': {
          const kind = update['sessionUpdate'] === 'agent_message_chunk' ? 'text' : 'thought'
          const words = contentText(update['content'])
          const tokens = record(update['_meta'])['usage']
          const counted = tokens === undefined ? {} : { tokens }
          if (words === '') return { progress: false, ...counted }
          return { progress: true, update: { kind, text: cut(words) }, ...counted }
        }
        case 'tool_call':
        case 'tool_call_update': {
          const call = readTool(update, update['sessionUpdate'] === 'tool_call' ? 'pending' : 'running')
          if (!call) return { progress: false }
          const { toolKind: _kind, rawInput: _input, server: _server, announced: _title, ...shown } = call
          return { progress: true, update: shown }
        }
        case 'plan': {
          const entries = list(update['entries']).slice(0, PLAN_ENTRIES_MAX)
          const plan = entries.map((entry) => ({
            text: cut(text(record(entry)['content']) ?? ''),
            status: text(record(entry)['status']) ?? 'pending',
          }))
          return { progress: true, update: { kind: 'plan', entries: plan } }
        }
        case 'usage_update': {
          const cost = record(update['cost'])
          const amount = cost['amount']
          const isUsd = text(cost['currency'])?.toUpperCase() === 'USD'
          const used = update['used']
          return {
            progress: true,
            ...(typeof amount === 'number' && isUsd ? { costUsd: amount } : {}),
            ...(typeof used === 'number' && used > 0 ? { contextTokens: Math.round(used) } : {}),
          }
        }
        case 'notice':
        case 'compaction_update': {
          const words = contentText(update['content']) || text(update['message']) || ''
          return words === '' ? { progress: true } : { progress: true, update: { kind: 'notice', text: cut(words) } }
        }
        default:
          return { progress: false }
      }
    },

    readPermission(raw) {
      const params = record(raw)
      const options = list(params['options']).flatMap((entry) => {
        const option = record(entry)
        const id = text(option['optionId'])
        const kind = OPTION_KINDS.find((known) => known === option['kind'])
        return id === undefined || kind === undefined ? [] : [{ id, kind, label: text(option['name']) ?? id }]
      })
      const toolCall = record(params['toolCall'])
      const call = readTool(toolCall, 'pending')
      if (!call) return undefined
      const server = call.server ?? announcedServer(call)
      return {
        toolCallId: call.id,
        title: call.title === 'tool' && call.command ? call.command.slice(0, TITLE_CHARACTERS_MAX) : call.title,
        kind: server === null ? permissionKind(call) : 'mcp',
        paths: call.paths,
        command: call.command,
        rawInput: call.rawInput ?? null,
        ...(server === null ? {} : { server }),
        options,
      }
    },

    toolsRunning: () => [...calls.values()].filter(({ status }) => status === 'pending' || status === 'running').length,
    endTurn: () => calls.clear(),
  }
}

const OPTION_KINDS = ['allow_once', 'allow_always', 'reject_once', 'reject_always'] as const
const PERMISSION_KINDS = ['read', 'edit', 'delete', 'move', 'search', 'execute', 'fetch'] as const

/** MCP has no kind of its own in ACP: its tools are known by how agents name them. */
function permissionKind(call: ToolCall): PermissionRequest['kind'] {
  const known = PERMISSION_KINDS.find((kind) => kind === call.toolKind)
  if (known) return known
  if (/^mcp[_.:]|__|\bmcp\b/i.test(call.title) || 'server' in record(call.rawInput)) return 'mcp'
  if (call.command !== null) return 'execute'
  // goose names no kind: what a tool does is read from what it is given.
  const input = record(call.rawInput)
  if (call.paths.length === 0) return 'other'
  if (WRITING_KEYS.some((key) => key in input)) return 'edit'
  return /^(read|view|open|cat|list|tree|ls)\b/i.test(call.title) ? 'read' : 'other'
}

/**
 * goose and Qwen name a tool only in annotations of their own: titles are a model's words there. What goose calls
 * `developer` are its own files and shell.
 */
function serverOf(update: Json): string | undefined {
  const meta = record(update['_meta'])
  if (meta['provenance'] === 'mcp') return text(meta['serverId'])
  const { extensionName } = record(record(meta['goose'])['toolCall'])
  return extensionName === 'developer' ? undefined : text(extensionName)
}

/** Copilot calls a tool `claw-remember` when it announces it and by its title alone when it asks; what has a command or a path is none. */
function announcedServer({ toolKind, command, paths, announced }: ToolCall): string | null {
  if ((toolKind ?? 'other') !== 'other' || command !== null || paths.length > 0) return null
  return /^(\w+)-[a-z]\w*$/.exec(announced)?.[1] ?? null
}

const WRITING_KEYS = [
  'content',
  'file_text',
  'old_str',
  'new_str',
  'old_text',
  'new_text',
  'oldText',
  'before',
  'after',
  'edits',
  'diff',
  'patch',
]

/** A shell line, or an argument list (Codex): `bash -lc LINE` is its line. */
export function commandOf(rawInput: unknown): string | null {
  const input = record(rawInput)
  const command = input['command'] ?? input['cmd'] ?? input['script']
  if (typeof command === 'string') return command === '' ? null : command.slice(0, COMMAND_CHARACTERS_MAX)
  const words = list(command).filter((word) => typeof word === 'string')
  if (words.length === 0) return null
  const isShell = words.length === 3 && /(^|\/)(ba|z|da)?sh$/.test(words[0]!) && /^-l?c$/.test(words[1]!)
  return (isShell ? words[2]! : words.map(quote).join(' ')).slice(0, COMMAND_CHARACTERS_MAX)
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

const PATH_KEYS = [
  'path',
  'file_path',
  'filePath',
  'filepath',
  'abs_path',
  'absolute_path',
  'notebook_path',
  'directory',
]

function pathsOf(update: Json, rawInput: unknown, worktree: string): string[] {
  const input = record(rawInput)
  const found = [
    ...list(update['locations']).map((location) => record(location)['path']),
    ...list(update['content']).map((content) => record(content)['path']),
    ...PATH_KEYS.map((key) => input[key]),
    ...Object.keys(record(input['changes'])),
  ].filter((path): path is string => typeof path === 'string' && path !== '')
  return [...new Set(found.map((path) => resolve(worktree, path)))].slice(0, PATHS_MAX)
}

function contentText(content: unknown): string {
  if (Array.isArray(content)) return content.map(contentText).join('')
  const block = record(content)
  return text(block['text']) ?? (block['content'] === undefined ? '' : contentText(block['content']))
}

function cut(words: string): string {
  return words.length > TEXT_CHARACTERS_MAX ? `${words.slice(0, TEXT_CHARACTERS_MAX)} …` : words
}

function isFilled(value: unknown): boolean {
  return value !== undefined && value !== null && !(typeof value === 'object' && Object.keys(value).length === 0)
}

export function record(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
