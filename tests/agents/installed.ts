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
  /** A session that was killed in its first turn can be loaded. Gemini 0.61 has saved nothing by then. */
  loadsUnfinished: boolean
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
  // OpenCode's own package links its binary in an install script; the binary's package has no link at all.
  join(here, 'more/node_modules/opencode-linux-x64/bin'),
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
    loadsUnfinished: true,
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
    loadsUnfinished: true,
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
    loadsUnfinished: true,
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
    loadsUnfinished: true,
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
  {
    name: 'gemini',
    program: 'gemini',
    args: ['--acp'],
    api: 'google',
    mode: null,
    loadsUnfinished: false,
    env: ({ url }) => ({
      GEMINI_API_KEY: KEY,
      GOOGLE_GEMINI_BASE_URL: url,
      GEMINI_MODEL: MODEL,
      GEMINI_CLI_NO_RELAUNCH: 'true',
    }),
    files: () => ({
      '.gemini/settings.json': JSON.stringify({
        security: { auth: { selectedType: 'gemini-api-key' }, folderTrust: { enabled: false } },
        privacy: { usageStatisticsEnabled: false },
      }),
    }),
  },
  {
    name: 'qwen',
    program: 'qwen',
    args: ['--acp'],
    api: 'openai-chat',
    mode: 'yolo',
    loadsUnfinished: true,
    env: ({ url }) => ({ OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `${url}/v1`, OPENAI_MODEL: MODEL }),
    files: () => ({
      '.qwen/settings.json': JSON.stringify({
        security: { auth: { selectedType: 'openai' } },
        privacy: { usageStatisticsEnabled: false },
      }),
    }),
  },
  {
    name: 'opencode',
    program: 'opencode',
    args: ['acp'],
    api: 'openai-chat',
    mode: null,
    loadsUnfinished: true,
    env: ({ url }) => ({
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_DISABLE_AUTOUPDATE: '1',
      OPENCODE_CONFIG_CONTENT: JSON.stringify({
        provider: {
          loop: {
            npm: '@ai-sdk/openai-compatible',
            options: { baseURL: `${url}/v1`, apiKey: KEY },
            models: { [MODEL]: { name: MODEL } },
          },
        },
        model: `loop/${MODEL}`,
        small_model: `loop/${MODEL}`,
      }),
    }),
    files: noFiles,
  },
  {
    name: 'copilot',
    program: 'copilot',
    args: ['--acp'],
    api: 'openai-chat',
    mode: null,
    loadsUnfinished: true,
    env: ({ url }) => ({
      COPILOT_PROVIDER_BASE_URL: `${url}/v1`,
      COPILOT_PROVIDER_TYPE: 'openai',
      COPILOT_PROVIDER_API_KEY: KEY,
      COPILOT_MODEL: MODEL,
      COPILOT_OFFLINE: 'true',
      COPILOT_AUTO_UPDATE: 'false',
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
