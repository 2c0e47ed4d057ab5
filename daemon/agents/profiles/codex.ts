import { join } from 'node:path'
import type { AgentProfile } from '../agent.ts'
import { withVersion } from './model-url.ts'

const KEY_VARIABLE = 'CLAW_MODEL_KEY'

/**
 * Codex through its ACP adapter, which brings the program. Its model is named in a TOML file;
 * JSON strings are TOML strings. Commands of a cancelled turn live on until the session is closed.
 */
export const codexProfile: AgentProfile = {
  name: 'codex',
  title: 'Codex',
  command: ['codex-acp'],
  files({ model }) {
    const lines = [
      ...(model ? [`model = ${JSON.stringify(model.model)}`, 'model_provider = "claw"'] : []),
      // Without it Codex looks up github.com and chatgpt.com at every start.
      '[features]',
      'plugins = false',
      ...(model
        ? [
            '[model_providers.claw]',
            'name = "Claw"',
            `base_url = ${JSON.stringify(withVersion(model.baseUrl, 'v1'))}`,
            'wire_api = "responses"',
            `env_key = "${KEY_VARIABLE}"`,
          ]
        : []),
    ]
    return { '.codex/config.toml': `${lines.join('\n')}\n` }
  },
  env: ({ home, model, isConfined }) => ({
    CODEX_HOME: join(home, '.codex'),
    // Its own sandbox cannot be set up inside ours, and every command would fail.
    INITIAL_AGENT_MODE: isConfined ? 'agent-full-access' : 'workspace-write',
    NO_BROWSER: '1',
    ...(model ? { [KEY_VARIABLE]: model.key } : {}),
  }),
  mode: null,
  apis: ['openai-responses'],
  credentialFile: '.codex/auth.json',
  loginHosts: ['chatgpt.com:443', 'auth.openai.com:443', 'api.openai.com:443'],
  quirks: {
    loosePermissionTitles: true,
    leavesChildren: true,
    swallowsModelErrors: true,
    ignoresTerm: false,
    usage: 'turn',
    resume: 'load',
    mcp: true,
  },
}
