import type { AgentProfile, ModelAccess } from '../agent.ts'
import { withoutVersion } from './model-url.ts'

/** goose speaks ACP itself. Children of its tools survive a cancel and even its own end. */
export const gooseProfile: AgentProfile = {
  name: 'goose',
  title: 'goose',
  command: ['goose', 'acp', '--with-builtin', 'developer'],
  files: () => ({}),
  env: ({ model }) => ({
    GOOSE_MODE: 'approve',
    GOOSE_DISABLE_KEYRING: '1',
    ...(model ? { GOOSE_MODEL: model.model, ...provider(model) } : {}),
  }),
  mode: null,
  apis: ['anthropic', 'openai-chat'],
  credentialFile: null,
  quirks: {
    loosePermissionTitles: true,
    leavesChildren: true,
    swallowsModelErrors: true,
    ignoresTerm: false,
    usage: 'last-call',
    resume: 'load',
    mcp: true,
  },
}

function provider(model: ModelAccess): Record<string, string> {
  const host = withoutVersion(model.baseUrl)
  return model.api === 'anthropic'
    ? { GOOSE_PROVIDER: 'anthropic', ANTHROPIC_HOST: host, ANTHROPIC_API_KEY: model.key }
    : { GOOSE_PROVIDER: 'openai', OPENAI_HOST: host, OPENAI_API_KEY: model.key }
}
