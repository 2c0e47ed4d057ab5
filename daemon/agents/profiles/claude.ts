import type { AgentProfile } from '../agent.ts'
import { withoutVersion } from './model-url.ts'

/** Claude through its ACP adapter. It starts in a mode that asks nobody, hence `default`. */
export const claudeProfile: AgentProfile = {
  name: 'claude',
  title: 'Claude',
  command: ['claude-agent-acp'],
  files: () => ({}),
  env: ({ model }) => ({
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    // Tools given over MCP are put before the model at once, not behind a search.
    ENABLE_TOOL_SEARCH: 'false',
    ...(model
      ? {
          ANTHROPIC_BASE_URL: withoutVersion(model.baseUrl),
          ANTHROPIC_API_KEY: model.key,
          ANTHROPIC_MODEL: model.model,
        }
      : {}),
  }),
  mode: 'default',
  apis: ['anthropic'],
  credentialFile: '.claude/.credentials.json',
  loginHosts: ['api.anthropic.com:443', 'console.anthropic.com:443', 'platform.claude.com:443', 'claude.ai:443'],
  quirks: {
    loosePermissionTitles: false,
    leavesChildren: false,
    swallowsModelErrors: false,
    ignoresTerm: false,
    usage: 'turn',
    resume: 'load',
    mcp: true,
  },
}
