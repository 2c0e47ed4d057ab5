import type { AgentProfile } from '../agent.ts'
import { withoutVersion } from './model-url.ts'

/**
 * Gemini CLI speaks ACP itself. It listens to no SIGTERM for many seconds, asks for permission without a tool
 * call before, and saves nothing of a session before its first turn has ended: one killed in it is lost.
 */
export const geminiProfile: AgentProfile = {
  name: 'gemini',
  title: 'Gemini CLI',
  command: ['gemini', '--acp'],
  files: ({ model }) => ({
    '.gemini/settings.json': JSON.stringify(
      {
        security: {
          auth: { selectedType: model ? 'gemini-api-key' : 'oauth-personal' },
          // It would ask on a terminal whether the folder is trusted.
          folderTrust: { enabled: false },
        },
        privacy: { usageStatisticsEnabled: false },
        general: { disableAutoUpdate: true, disableUpdateNag: true },
      },
      null,
      2,
    ),
  }),
  env: ({ model }) => ({
    // One process instead of two.
    GEMINI_CLI_NO_RELAUNCH: 'true',
    NO_BROWSER: 'true',
    ...(model
      ? {
          GEMINI_API_KEY: model.key,
          GOOGLE_GEMINI_BASE_URL: withoutVersion(model.baseUrl),
          GEMINI_MODEL: model.model,
        }
      : {}),
  }),
  mode: null,
  apis: ['google'],
  credentialFile: '.gemini/oauth_creds.json',
  quirks: {
    loosePermissionTitles: true,
    leavesChildren: false,
    swallowsModelErrors: false,
    ignoresTerm: true,
    usage: 'quota',
    resume: 'load',
    mcp: true,
  },
}
