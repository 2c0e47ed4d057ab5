import type { AgentProfile, ModelAccess } from '../agent.ts'
import { withVersion } from './model-url.ts'

const PROVIDER = 'claw'
const KEY_VARIABLE = 'CLAW_MODEL_KEY'

/** The client that OpenCode speaks each API with; both come with it. */
const CLIENTS: Partial<Record<ModelAccess['api'], string>> = {
  'openai-chat': '@ai-sdk/openai-compatible',
  anthropic: '@ai-sdk/anthropic',
}

/**
 * OpenCode speaks ACP itself. Its model stands in a file that names the key's variable. It asks nobody about
 * edits and commands unless told to, and never about tools over MCP.
 */
export const opencodeProfile: AgentProfile = {
  name: 'opencode',
  title: 'OpenCode',
  command: ['opencode', 'acp'],
  files({ model }) {
    const settings = {
      autoupdate: false,
      share: 'disabled',
      permission: { edit: 'ask', bash: 'ask', webfetch: 'ask' },
      ...(model
        ? {
            provider: {
              [PROVIDER]: {
                npm: CLIENTS[model.api],
                options: { baseURL: withVersion(model.baseUrl, 'v1'), apiKey: `{env:${KEY_VARIABLE}}` },
                models: { [model.model]: { name: model.model } },
              },
            },
            model: `${PROVIDER}/${model.model}`,
            // Titles and summaries go to the same model, not to one that nobody chose.
            small_model: `${PROVIDER}/${model.model}`,
          }
        : {}),
    }
    return { '.config/opencode/opencode.json': JSON.stringify(settings, null, 2) }
  },
  env: ({ model }) => ({
    OPENCODE_DISABLE_MODELS_FETCH: '1',
    OPENCODE_DISABLE_AUTOUPDATE: '1',
    ...(model ? { [KEY_VARIABLE]: model.key } : {}),
  }),
  mode: null,
  apis: ['openai-chat', 'anthropic'],
  credentialFile: '.local/share/opencode/auth.json',
  quirks: {
    loosePermissionTitles: false,
    leavesChildren: false,
    swallowsModelErrors: false,
    ignoresTerm: false,
    usage: 'last-call',
    resume: 'load',
    mcp: true,
  },
}
