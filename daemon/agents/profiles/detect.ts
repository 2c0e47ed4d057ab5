import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentProfile, ModelAccess } from '../agent.ts'
import type { Programs } from '../programs.ts'

/** Whether an agent can be used here, for the dispatcher and for `doctor`. */
export interface DetectedAgent {
  name: string
  profile: AgentProfile
  /** Programs of it that were not found; empty: it is installed. */
  missing: string[]
  /** Absolute path of its program; null where it is not installed. */
  program: string | null
  /** The first model it can be pointed at, of those there are. */
  model: ModelAccess | null
  /** The owner is logged in with the agent itself. */
  loggedIn: boolean
  /** Installed, and with a model or a login. */
  usable: boolean
}

/** Looks, starts nothing. `models`: the same model may be reachable by several APIs. */
export function detectAgents(
  profiles: readonly AgentProfile[],
  deps: { programs: Pick<Programs, 'find'>; ownerHome: string; models: readonly ModelAccess[] },
): DetectedAgent[] {
  return profiles.map((profile) => {
    const needed = [profile.command[0], ...(profile.programs ?? [])]
    const missing = needed.filter((program) => !deps.programs.find(program))
    const model = chooseModel(profile, deps.models)
    const loggedIn = profile.credentialFile !== null && existsSync(join(deps.ownerHome, profile.credentialFile))
    // A program of the owner's that names no API and no login takes care of itself.
    const selfSufficient = profile.apis.length === 0 && profile.credentialFile === null
    return {
      name: profile.name,
      profile,
      missing,
      program: deps.programs.find(profile.command[0])?.file ?? null,
      model,
      loggedIn,
      usable: missing.length === 0 && (model !== null || loggedIn || selfSufficient),
    }
  })
}

/** Of the ways a model can be reached, the one this agent likes best. */
export function chooseModel(profile: Pick<AgentProfile, 'apis'>, models: readonly ModelAccess[]): ModelAccess | null {
  for (const api of profile.apis) {
    const model = models.find((candidate) => candidate.api === api)
    if (model) return model
  }
  return null
}
