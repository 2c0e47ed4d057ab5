import { createHash } from 'node:crypto'
import { lstatSync, realpathSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { outwardIn } from '../policy/outward.ts'
import { matches, type Permissions } from '../policy/permissions.ts'
import { readScript, startedBy } from '../policy/read-script.ts'
import type { PermissionRequest } from './agent.ts'
import { goesToDeclaredHosts } from './declared-hosts.ts'
import { splitCommands } from './shell-words.ts'

/** What an agent may do without the owner. */
export interface PermissionPolicy {
  /** The profile, where it is from, and the owner's rules for commands. */
  permissions: Permissions
  /** Whether a sandbox really holds it. Without one `edit+commands` is no more than `edit`. */
  isConfined: boolean
  worktree: string
  /** Its private HOME and TMPDIR: its own as well. */
  ownFolders: readonly string[]
  /** The commands of the task's own checks, as whole lines: the daemon will run them anyway. */
  checkCommands: readonly string[]
  /** Hosts that the task declares and the owner agreed to, as `ssh NAME` calls them. */
  hosts?: readonly string[]
  /** MCP servers of Claw's own, whose tools decide for themselves. */
  ownMcpServers: readonly string[]
}

export interface PermissionDecision {
  decision: 'allow' | 'reject' | 'ask'
  /** Which rule said so: `sandbox`, `outward`, `policy.deny: npm publish` … */
  rule: string
  /** For the record and, if asked, for the owner. */
  reason: string
}

/** Reading tools that change nothing wherever they look; the sandbox decides what they can see. */
const READ_ONLY_COMMANDS = [
  ['cat'],
  ['cd'],
  ['cut'],
  ['diff'],
  ['echo'],
  ['false'],
  ['file'],
  ['git', 'blame'],
  ['git', 'diff'],
  ['git', 'log'],
  ['git', 'ls-files'],
  ['git', 'rev-parse'],
  ['git', 'show'],
  ['git', 'status'],
  ['grep'],
  ['head'],
  ['ls'],
  ['nl'],
  ['pwd'],
  ['rg'],
  ['stat'],
  ['tail'],
  ['tr'],
  ['true'],
  ['uniq'],
  ['wc'],
  ['which'],
]
/** With these even a reading command writes or runs something. */
const DANGEROUS_ARGUMENT =
  /^(--output\b|-o$|--ext-diff|--textconv|--pre\b|--pre=|--hostname-bin|--open-files-in-pager|-O)/

/**
 * Decides on a permission request: files inside the run's own folders yes, listed commands yes,
 * everything else goes to the owner. Reads the file system only to follow symlinks.
 *
 * The sandbox is what holds an agent; this is what decides whether anyone is asked.
 */
export function decidePermission(request: PermissionRequest, policy: PermissionPolicy): PermissionDecision {
  const isCommand = request.kind === 'execute' || (request.command !== null && request.kind !== 'mcp')
  const ruled = isCommand ? decideByRules(request, policy) : undefined
  if (ruled) return ruled
  const { profile } = policy.permissions
  if (profile === 'trusted') return allow('trusted', 'this agent is trusted; the sandbox alone decides')
  if (profile === 'read-only' && request.kind !== 'read' && request.kind !== 'search')
    return ask('read-only', 'it may only read')
  if (isCommand) return decideCommand(request, policy)
  switch (request.kind) {
    case 'read':
    case 'search':
    case 'edit':
    case 'move':
    case 'delete':
      return decidePaths(request, policy)
    case 'mcp': {
      const own = policy.ownMcpServers.find((server) => mcpServerOf(request) === server)
      return own === undefined ? ask('other-tool', 'a tool of another server') : allow('own-tool', `a tool of ${own}`)
    }
    default:
      return request.kind === 'fetch'
        ? ask('network', 'something from the network')
        : ask('unknown', 'neither a file nor a listed command')
  }
}

/** What the owner says about commands comes before every profile. */
function decideByRules(
  { command }: PermissionRequest,
  { permissions }: PermissionPolicy,
): PermissionDecision | undefined {
  if (permissions.deny.length + permissions.ask.length === 0) return undefined
  const started = command === null ? undefined : readScript(command)
  if (!started) return ask('unreadable', 'what it runs cannot be told from its text, and some commands are refused')
  for (const [rules, decision] of [
    [permissions.deny, 'reject'],
    [permissions.ask, 'ask'],
  ] as const) {
    for (const { words } of started) {
      const rule = rules.find((one) => matches(one, words))
      if (rule) {
        const said = rule.words.join(' ')
        return { decision, rule: `${rule.from}: ${said}`, reason: `\`${said}\` stands in ${rule.from}` }
      }
    }
  }
  return undefined
}

function decidePaths(request: PermissionRequest, policy: PermissionPolicy): PermissionDecision {
  if (request.paths.length === 0) {
    return request.kind === 'search' || request.kind === 'read'
      ? allow('inside', 'reads')
      : ask('unknown', 'no path is named')
  }
  const outside = request.paths.find((path) => !isInside(path, [policy.worktree, ...policy.ownFolders]))
  if (outside !== undefined) return ask('outside', `${outside} is outside the worktree`)
  const git = request.paths.find((path) => touchesGit(path, policy.worktree))
  if (git !== undefined && request.kind !== 'read' && request.kind !== 'search')
    return ask('git', `${git} belongs to git`)
  return allow('inside', 'inside the worktree')
}

function decideCommand({ command }: PermissionRequest, policy: PermissionPolicy): PermissionDecision {
  if (command === null) return ask('unreadable', 'the command is not named')
  if (policy.checkCommands.some((check) => check.trim() === command.trim()))
    return allow('check', 'a check of this task')
  const plain = splitCommands(command)
  const { allow: listed, profile } = policy.permissions
  // A program's name alone does not say that it may publish as well.
  const exact = listed.filter(({ words }) => words.length > 1)
  if (plain?.every((words) => exact.some((rule) => matches(rule, words)))) return allow('listed', 'listed commands')
  if (profile === 'edit+commands' && policy.isConfined) {
    const started = readScript(command)
    if (!started) return ask('unreadable', 'what it runs cannot be told from its text')
    const outward = outwardIn(started)
    if (outward === undefined) return allow('sandbox', 'the sandbox keeps its effects inside')
    if (goesToDeclaredHosts(command, policy.hosts ?? [], staysInside))
      return allow('declared', 'hosts that this task declares')
    return ask('outward', `\`${outward}\` may reach beyond the sandbox`)
  }
  if (!plain) return ask('unreadable', 'what it runs cannot be told from its text')
  const unlisted = plain.find(
    (words) => !listed.some((rule) => matches(rule, words)) && !isReading(words, policy.worktree),
  )
  return unlisted
    ? ask('unlisted', `\`${unlisted.join(' ').slice(0, 200)}\` is not on the list`)
    : allow('listed', 'listed commands')
}

/** Whether a command, and all that it starts in turn, keeps to this machine. */
function staysInside(words: readonly string[]): boolean {
  const started = startedBy(words)
  return started !== undefined && outwardIn(started) === undefined
}

function isListed(words: readonly string[], listed: readonly (readonly string[])[]): boolean {
  return listed.some((entry) => entry.every((word, index) => words[index] === word))
}

function isReading(words: readonly string[], worktree: string): boolean {
  if (!isListed(words, READ_ONLY_COMMANDS) || words.some((word) => DANGEROUS_ARGUMENT.test(word))) return false
  // After a `cd` elsewhere the next command means something else.
  return words[0] !== 'cd' || (words.length === 2 && isInside(resolve(worktree, words[1]!), [worktree]))
}

/** Follows symlinks as far as the path exists: a link in the worktree may lead anywhere. */
function isInside(path: string, folders: readonly string[]): boolean {
  if (!isAbsolute(path)) return false
  const real = realPath(resolve(path))
  return folders.some((folder) => {
    const way = relative(realPath(folder), real)
    return way === '' || (way !== '..' && !way.startsWith('../') && !isAbsolute(way))
  })
}

function realPath(path: string): string {
  let rest = ''
  for (let at = path; ; at = dirname(at)) {
    try {
      return join(realpathSync(at), rest)
    } catch {
      // A link to nothing yet: writing through it would make a file who knows where.
      if (lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink()) return '/dangling-link'
      if (dirname(at) === at) return path
      rest = join(at.slice(dirname(at).length).replace(/^\//, ''), rest)
    }
  }
}

function touchesGit(path: string, worktree: string): boolean {
  return relative(worktree, resolve(path)).split('/').includes('.git')
}

/** Claude, Codex and goose; Gemini. */
const TITLES = [/^(?:mcp__)?([\w-]+?)(?:__|: |[.:/])[\w-]+/, /^[\w-]+ \(([\w-]+) MCP Server\)/]

/** What the program says counts. Else title and input have to agree, as a model may have had its words in one of them. */
function mcpServerOf(request: PermissionRequest): string | undefined {
  if (request.server !== undefined) return request.server
  const input = request.rawInput as { server?: unknown; server_name?: unknown } | null
  const inInput = typeof input === 'object' && input !== null ? (input.server ?? input.server_name) : undefined
  const inTitle = TITLES.map((pattern) => pattern.exec(request.title)?.[1]).find((name) => name !== undefined)
  const named = new Set([inInput, inTitle].filter((name) => typeof name === 'string'))
  return named.size === 1 ? [...named][0] : undefined
}

/**
 * What two requests have in common when they ask for the same thing: tool, arguments, place. A
 * resumed session that asks again gets the stored answer. Ids, titles and key order do not matter.
 */
export function fingerprint(
  request: Pick<PermissionRequest, 'kind' | 'rawInput' | 'command' | 'paths' | 'title'>,
  cwd: string,
): string {
  const hasInput = typeof request.rawInput === 'object' && request.rawInput !== null
  const what = hasInput ? request.rawInput : { title: request.title, command: request.command, paths: request.paths }
  return createHash('sha256')
    .update(JSON.stringify([request.kind, canonical(what), cwd]))
    .digest('hex')
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, entry]) => [key, canonical(entry)])
}

/**
 * The option to answer with. Only ever for this once: `always` would let the agent stop asking,
 * and the policy is ours. Undefined (which cancels) where there is no such option.
 */
export function chooseOption(options: PermissionRequest['options'], decision: 'allow' | 'reject'): string | undefined {
  return options.find(({ kind }) => kind === `${decision}_once`)?.id
}

function allow(rule: string, reason: string): PermissionDecision {
  return { decision: 'allow', rule, reason }
}

function ask(rule: string, reason: string): PermissionDecision {
  return { decision: 'ask', rule, reason }
}
