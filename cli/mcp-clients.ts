/**
 * Where programs keep their MCP servers, and how ours is written there.
 *
 * A file is changed as text as little as possible: what the owner wrote, and comments, stay. What cannot be
 * understood is not touched.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parse as parseToml } from 'smol-toml'
import { Fault } from '../core/fault.ts'

/** How a client starts our server. */
export interface Entry {
  command: string
  args: string[]
  env: Record<string, string>
}

export interface ClientProgram {
  title: string
  file(place: { env: NodeJS.ProcessEnv; platform: NodeJS.Platform }): string
  /** The file's new text; an absent entry takes ours out. Throws input_invalid where the text is not understood. */
  change(text: string, entry: Entry | undefined): string
}

const NAME = 'claw'

export const CLIENTS: Readonly<Record<string, ClientProgram>> = {
  claude: {
    title: 'Claude Code',
    file: ({ env }) => join(env['CLAUDE_CONFIG_DIR'] || homeOf(env), '.claude.json'),
    change: (text, entry) => changeJson(text, 'mcpServers', entry && { type: 'stdio', ...entry }),
  },
  'claude-desktop': {
    title: 'Claude Desktop',
    file: ({ env, platform }) => join(userFolder(env, platform), 'Claude', 'claude_desktop_config.json'),
    change: (text, entry) => changeJson(text, 'mcpServers', entry),
  },
  codex: {
    title: 'Codex',
    file: ({ env }) => join(env['CODEX_HOME'] || join(homeOf(env), '.codex'), 'config.toml'),
    change: changeToml,
  },
  gemini: {
    title: 'Gemini CLI',
    file: ({ env }) => join(homeOf(env), '.gemini', 'settings.json'),
    change: (text, entry) => changeJson(text, 'mcpServers', entry),
  },
  qwen: {
    title: 'Qwen Code',
    file: ({ env }) => join(homeOf(env), '.qwen', 'settings.json'),
    change: (text, entry) => changeJson(text, 'mcpServers', entry),
  },
  copilot: {
    title: 'Copilot CLI',
    file: ({ env }) => join(homeOf(env), '.copilot', 'mcp-config.json'),
    change: (text, entry) => changeJson(text, 'mcpServers', entry && { type: 'local', ...entry, tools: ['*'] }),
  },
  opencode: {
    title: 'OpenCode',
    file: ({ env }) => join(env['XDG_CONFIG_HOME'] || join(homeOf(env), '.config'), 'opencode', 'opencode.json'),
    change: (text, entry) =>
      changeJson(
        text,
        'mcp',
        entry && { type: 'local', command: [entry.command, ...entry.args], environment: entry.env, enabled: true },
      ),
  },
  cursor: {
    title: 'Cursor',
    file: ({ env }) => join(homeOf(env), '.cursor', 'mcp.json'),
    change: (text, entry) => changeJson(text, 'mcpServers', entry),
  },
  vscode: {
    title: 'VS Code',
    file: ({ env, platform }) => join(userFolder(env, platform), 'Code', 'User', 'mcp.json'),
    change: (text, entry) => changeJson(text, 'servers', entry && { type: 'stdio', ...entry }),
  },
}

function homeOf(env: NodeJS.ProcessEnv): string {
  return env['HOME'] || homedir()
}

function userFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  if (platform === 'darwin') return join(homeOf(env), 'Library', 'Application Support')
  if (platform === 'win32') return env['APPDATA'] || join(homeOf(env), 'AppData', 'Roaming')
  return env['XDG_CONFIG_HOME'] || join(homeOf(env), '.config')
}

function changeJson(text: string, key: string, entry: object | undefined): string {
  let whole: unknown
  try {
    whole = text.trim() === '' ? {} : JSON.parse(text)
  } catch (cause) {
    // With comments it is not JSON, and writing it anew would lose them.
    throw notUnderstood(`it is not plain JSON (${(cause as Error).message})`, { [key]: { [NAME]: entry } }, cause)
  }
  if (!isTable(whole) || (whole[key] !== undefined && !isTable(whole[key]))) {
    throw notUnderstood(`"${key}" is not a table in it`, { [key]: { [NAME]: entry } })
  }
  const { [NAME]: _, ...others } = (whole[key] ?? {}) as Record<string, unknown>
  const servers = entry ? { ...others, [NAME]: entry } : others
  const changed: Record<string, unknown> = { ...whole, [key]: servers }
  if (!entry && Object.keys(others).length === 0) delete changed[key]
  const indent = /^([ \t]+)"/m.exec(text)?.[1] ?? '  '
  return `${JSON.stringify(changed, null, indent)}\n`
}

/** TOML has comments that a parser forgets: our table is cut out of the text and put at its end. */
function changeToml(text: string, entry: Entry | undefined): string {
  readToml(text)
  const lines = text.split('\n')
  const kept: string[] = []
  let isOurs = false
  for (const line of lines) {
    const table = /^\s*\[\[?\s*([^\]]+?)\s*\]/.exec(line)?.[1]?.replace(/["'\s]/g, '')
    if (table !== undefined) isOurs = table === `mcp_servers.${NAME}` || table.startsWith(`mcp_servers.${NAME}.`)
    if (!isOurs) kept.push(line)
  }
  const rest = kept.join('\n').trimEnd()
  const servers = readToml(rest)['mcp_servers']
  if (isTable(servers) && servers[NAME] !== undefined)
    throw notUnderstood('our server is written there in another way', undefined)
  if (!entry) return rest === '' ? '' : `${rest}\n`
  const string = (value: string) => JSON.stringify(value)
  const table = [
    `[mcp_servers.${NAME}]`,
    `command = ${string(entry.command)}`,
    `args = [${entry.args.map(string).join(', ')}]`,
    ...(Object.keys(entry.env).length === 0
      ? []
      : [
          `env = { ${Object.entries(entry.env)
            .map(([name, value]) => `${name} = ${string(value)}`)
            .join(', ')} }`,
        ]),
  ]
  const changed = `${rest === '' ? '' : `${rest}\n\n`}${table.join('\n')}\n`
  readToml(changed)
  return changed
}

function readToml(text: string): Record<string, unknown> {
  try {
    return parseToml(text)
  } catch (cause) {
    throw notUnderstood(`it is not TOML (${(cause as Error).message.split('\n')[0]})`, undefined, cause)
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function notUnderstood(why: string, snippet: object | undefined, cause?: unknown): Fault {
  const hint = snippet ? `Put this in yourself: ${JSON.stringify(snippet)}` : 'Mend it, or put our server in yourself.'
  return new Fault('input_invalid', `The file is left as it is: ${why}`, {
    hint,
    ...(cause === undefined ? {} : { cause }),
  })
}
