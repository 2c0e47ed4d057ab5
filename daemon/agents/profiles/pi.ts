import { join } from 'node:path'
import type { AgentProfile, ModelAccess } from '../agent.ts'
import type { Programs } from '../programs.ts'
import { withoutVersion, withVersion } from './model-url.ts'
import { readPiError } from './pi-error.ts'

/** What pi calls the APIs, and what its clients add to the base URL. */
const API: Record<ModelAccess['api'], { name: string; url(baseUrl: string): string }> = {
  'openai-chat': { name: 'openai-completions', url: (baseUrl) => withVersion(baseUrl, 'v1') },
  'openai-responses': { name: 'openai-responses', url: (baseUrl) => withVersion(baseUrl, 'v1') },
  anthropic: { name: 'anthropic-messages', url: withoutVersion },
  google: { name: 'google-generative-ai', url: (baseUrl) => withVersion(baseUrl, 'v1beta') },
}
const PROVIDER = 'claw'
const KEY_VARIABLE = 'CLAW_MODEL_KEY'
/** In the folder that comes first on a run's PATH (see daemon/mcp/run-servers.ts). */
const WRAPPER = '.claw/bin/pi'

/**
 * pi through pi-acp: both come with Claw, so there is an agent without installing one.
 *
 * pi-acp looks for `pi` on the PATH and runs it with whatever `node` is there; a wrapper in the
 * private HOME names both, so that the owner's PATH stays as it is for the work itself. It keeps its version to
 * itself: pi-acp would look for a newer one at npm's registry, and the owner would be asked whether it may. pi has no
 * approvals of its own: it relies on the sandbox.
 */
export function createPiProfile(programs: Pick<Programs, 'find' | 'node'>): AgentProfile {
  return {
    name: 'pi',
    title: 'pi',
    command: ['pi-acp'],
    programs: ['pi'],
    files({ model }) {
      const pi = programs.find('pi')
      const settings = {
        quietStartup: true,
        defaultProjectTrust: 'never',
        retry: { enabled: true, maxRetries: 2, baseDelayMs: 1000 },
        ...(model ? { defaultProvider: PROVIDER, defaultModel: model.model } : {}),
      }
      const models = model && {
        providers: {
          [PROVIDER]: {
            baseUrl: API[model.api].url(model.baseUrl),
            api: API[model.api].name,
            apiKey: `$${KEY_VARIABLE}`,
            models: [{ id: model.model }],
          },
        },
      }
      return {
        '.pi/agent/settings.json': JSON.stringify(settings, null, 2),
        ...(models ? { '.pi/agent/models.json': JSON.stringify(models, null, 2) } : {}),
        ...(pi
          ? { [WRAPPER]: `#!/bin/sh\n[ "$1" = --version ] && exit 0\nexec ${pi.argv.map(quote).join(' ')} "$@"\n` }
          : {}),
      }
    },
    env: ({ home, model }) => ({
      PI_OFFLINE: '1',
      PI_SKIP_VERSION_CHECK: '1',
      PI_TELEMETRY: '0',
      PI_ACP_PI_COMMAND: join(home, WRAPPER),
      ...(model ? { [KEY_VARIABLE]: model.key } : {}),
    }),
    lastError: readPiError,
    mode: null,
    apis: ['anthropic', 'openai-responses', 'openai-chat', 'google'],
    credentialFile: '.pi/agent/auth.json',
    loginHosts: [
      'api.anthropic.com:443',
      'console.anthropic.com:443',
      'platform.claude.com:443',
      'chatgpt.com:443',
      'auth.openai.com:443',
      'api.openai.com:443',
      'api.githubcopilot.com:443',
      '*.githubcopilot.com:443',
      'api.github.com:443',
      'generativelanguage.googleapis.com:443',
      'cloudcode-pa.googleapis.com:443',
      'oauth2.googleapis.com:443',
    ],
    quirks: {
      loosePermissionTitles: false,
      leavesChildren: false,
      swallowsModelErrors: true,
      ignoresTerm: false,
      usage: 'none',
      resume: 'load',
      mcp: false,
    },
  }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
