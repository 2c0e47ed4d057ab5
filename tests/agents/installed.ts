import { accessSync, constants } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * The agent programs that may be installed here, and how each is pointed at a model on loopback.
 *
 * This is the smallest setting that works, kept apart from the product's profiles on purpose: it
 * tests the model server. Measured facts behind it stand in docs about agent programs.
 */
export interface TestAgent {
  name: string
  /** The program, found in one of `BIN_FOLDERS`. */
  program: string
  args: readonly string[]
  /** The part of the model server it speaks to. */
  api: 'anthropic' | 'openai-responses' | 'openai-chat' | 'google'
  /** ACP session mode in which it asks nobody; null: its first one is right. */
  mode: string | null
  /** It can `session/load` a conversation into a new process. */
  loads: boolean
  env(place: Place): Record<string, string>
  /** Below its private HOME. */
  files(place: Place): Record<string, string>
}

export interface Place {
  home: string
  url: string
}

const here = import.meta.dirname
const root = join(here, '..', '..')
const BIN_FOLDERS = [
  join(root, 'node_modules/.bin'),
  join(here, 'node_modules/.bin'),
  join(here, 'more/node_modules/.bin'),
]

const KEY = 'key-of-the-agent-test'
const MODEL = 'scripted-model'
const noFiles = () => ({})

export const AGENTS: readonly TestAgent[] = [
  {
    name: 'pi',
    program: 'pi-acp',
    args: [],
    api: 'openai-chat',
    mode: null,
    loads: true,
    env: () => ({ PI_OFFLINE: '1' }),
    files: ({ url }) => ({
      '.pi/agent/models.json': JSON.stringify({
        providers: {
          loop: { baseUrl: `${url}/v1`, api: 'openai-completions', apiKey: KEY, models: [{ id: MODEL }] },
        },
      }),
      '.pi/agent/settings.json': JSON.stringify({
        defaultProvider: 'loop',
        defaultModel: MODEL,
        defaultProjectTrust: 'never',
        quietStartup: true,
      }),
    }),
  },
  {
    name: 'goose',
    program: 'goose',
    args: ['acp', '--with-builtin', 'developer'],
    api: 'openai-chat',
    mode: null,
    loads: true,
    env: ({ url }) => ({
      GOOSE_PROVIDER: 'openai',
      GOOSE_MODEL: MODEL,
      GOOSE_MODE: 'auto',
      GOOSE_DISABLE_KEYRING: '1',
      OPENAI_HOST: url,
      OPENAI_API_KEY: KEY,
    }),
    files: noFiles,
  },
  {
    name: 'codex',
    program: 'codex-acp',
    args: [],
    api: 'openai-responses',
    mode: null,
    loads: true,
    env: ({ home }) => ({
      CODEX_HOME: join(home, '.codex'),
      LOOP_KEY: KEY,
      INITIAL_AGENT_MODE: 'agent-full-access',
      NO_BROWSER: '1',
    }),
    files: ({ url }) => ({
      '.codex/config.toml': [
        `model = "${MODEL}"`,
        'model_provider = "loop"',
        '[model_providers.loop]',
        'name = "loop"',
        `base_url = "${url}/v1"`,
        'wire_api = "responses"',
        'env_key = "LOOP_KEY"',
        '[features]',
        'plugins = false',
        '',
      ].join('\n'),
    }),
  },
  {
    name: 'claude',
    program: 'claude-agent-acp',
    args: [],
    api: 'anthropic',
    mode: 'acceptEdits',
    loads: true,
    env: ({ url, home }) => ({
      ANTHROPIC_BASE_URL: url,
      ANTHROPIC_API_KEY: KEY,
      CLAUDE_CONFIG_DIR: join(home, '.claude'),
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      ENABLE_TOOL_SEARCH: 'false',
    }),
    files: noFiles,
  },
]

/** The path of an agent's program, or undefined where it is not installed. */
export function findProgram(agent: TestAgent): string | undefined {
  return BIN_FOLDERS.map((folder) => join(folder, agent.program)).find(isExecutable)
}

/** Built from nothing: the programs, the system's tools, a private HOME and what the agent needs. */
export function environmentOf(agent: TestAgent, place: Place): Record<string, string> {
  return {
    PATH: [dirname(process.execPath), ...BIN_FOLDERS, '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
    HOME: place.home,
    TMPDIR: join(place.home, 'tmp'),
    LANG: 'C.UTF-8',
    XDG_CONFIG_HOME: join(place.home, '.config'),
    XDG_DATA_HOME: join(place.home, '.local/share'),
    XDG_STATE_HOME: join(place.home, '.local/state'),
    XDG_CACHE_HOME: join(place.home, '.cache'),
    ...agent.env(place),
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
