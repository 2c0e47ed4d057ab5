import type { AgentProfile, ModelAccess } from '../agent.ts'

/** What an owner says about an ACP program of their own. */
export interface CustomAgentSettings {
  command: readonly string[]
  env: Readonly<Record<string, string>>
  apis: readonly ModelAccess['api'][]
  mode: string | null
}

/**
 * Any program that speaks ACP. Its model stands in CLAW_MODEL_URL, CLAW_MODEL_KEY,
 * CLAW_MODEL_NAME and CLAW_MODEL_API, and those names are filled in where the owner's own
 * variables mention them: `OPENAI_BASE_URL = "$CLAW_MODEL_URL"`.
 */
export function createCustomProfile(name: string, settings: CustomAgentSettings): AgentProfile {
  return {
    name,
    title: name,
    command: settings.command as [string, ...string[]],
    files: () => ({}),
    env({ model }) {
      const given: Record<string, string> = model
        ? {
            CLAW_MODEL_URL: model.baseUrl,
            CLAW_MODEL_KEY: model.key,
            CLAW_MODEL_NAME: model.model,
            CLAW_MODEL_API: model.api,
          }
        : {}
      const fill = (value: string) =>
        value.replace(/\$(CLAW_MODEL_[A-Z]+)/g, (whole, key: string) => given[key] ?? whole)
      return { ...given, ...Object.fromEntries(Object.entries(settings.env).map(([key, value]) => [key, fill(value)])) }
    },
    mode: settings.mode,
    apis: settings.apis,
    credentialFile: null,
    // Nothing is known about it: expect the worst where that costs little.
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
}
