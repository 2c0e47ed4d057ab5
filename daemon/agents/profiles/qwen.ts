import type { AgentProfile } from '../agent.ts'
import { withVersion } from './model-url.ts'

/**
 * Qwen Code speaks ACP itself. It starts in a mode that asks nobody, hence `default`; a permission that is
 * refused ends its turn, and titles of what it asks hold the arguments.
 */
export const qwenProfile: AgentProfile = {
  name: 'qwen',
  title: 'Qwen Code',
  command: ['qwen', '--acp'],
  files: ({ model }) => ({
    '.qwen/settings.json': JSON.stringify(
      {
        security: { auth: { selectedType: model ? 'openai' : 'qwen-oauth' }, folderTrust: { enabled: false } },
        privacy: { usageStatisticsEnabled: false },
        // Tools given over MCP are put before the model at once, not behind a search.
        tools: { toolSearch: { enabled: false } },
        general: { disableAutoUpdate: true, disableUpdateNag: true },
      },
      null,
      2,
    ),
  }),
  env: ({ model }) => ({
    NO_BROWSER: 'true',
    // Its first question waits until the tools given over MCP are known.
    QWEN_CODE_LEGACY_MCP_BLOCKING: '1',
    ...(model
      ? {
          OPENAI_API_KEY: model.key,
          OPENAI_BASE_URL: withVersion(model.baseUrl, 'v1'),
          OPENAI_MODEL: model.model,
        }
      : {}),
  }),
  mode: 'default',
  apis: ['openai-chat'],
  credentialFile: '.qwen/oauth_creds.json',
  quirks: {
    loosePermissionTitles: true,
    leavesChildren: false,
    swallowsModelErrors: false,
    ignoresTerm: false,
    usage: 'chunks',
    resume: 'load',
    mcp: true,
  },
}
