import type { AgentProfile } from '../agent.ts'
import { withoutVersion, withVersion } from './model-url.ts'

/**
 * Copilot CLI speaks ACP itself. With a model of the owner's it needs no GitHub login and is kept from looking
 * for one; its own login lies in a keyring, which no run can be given. It unpacks a quarter of a gigabyte into
 * each HOME. What it says of usage is the sum of the session so far.
 */
export const copilotProfile: AgentProfile = {
  name: 'copilot',
  title: 'Copilot CLI',
  command: ['copilot', '--acp'],
  files: () => ({}),
  env: ({ model }) => ({
    COPILOT_AUTO_UPDATE: 'false',
    ...(model
      ? {
          COPILOT_OFFLINE: 'true',
          COPILOT_PROVIDER_TYPE: model.api === 'anthropic' ? 'anthropic' : 'openai',
          COPILOT_PROVIDER_BASE_URL:
            model.api === 'anthropic' ? withoutVersion(model.baseUrl) : withVersion(model.baseUrl, 'v1'),
          COPILOT_PROVIDER_API_KEY: model.key,
          COPILOT_MODEL: model.model,
        }
      : {}),
  }),
  mode: null,
  apis: ['openai-chat', 'anthropic'],
  credentialFile: null,
  quirks: {
    loosePermissionTitles: false,
    leavesChildren: false,
    swallowsModelErrors: true,
    ignoresTerm: false,
    usage: 'session',
    resume: 'load',
    mcp: true,
  },
}
