import type { Config } from '../../config/schema.ts'
import { Fault } from '../../core/fault.ts'
import type { AgentProfile, ModelAccess } from './agent.ts'
import { type DetectedAgent, detectAgents } from './profiles/detect.ts'
import { listProfiles } from './profiles/index.ts'
import type { Programs } from './programs.ts'

/** The agents this machine and the configuration offer. */
export interface AgentsHere {
  /** All Claw knows, installed or not. */
  profiles: readonly AgentProfile[]
  detected: readonly DetectedAgent[]
  /** Names of those that can work here, the owner's choice first. */
  usable: readonly string[]
  knownNames(): string[]
  /** Throws agent_not_found. */
  find(name: string): DetectedAgent
}

/** Looks once, at start; starts nothing. */
export function findAgentsHere(
  config: Readonly<Config>,
  deps: { programs: Programs; ownerHome: string; models: readonly ModelAccess[] },
): AgentsHere {
  const profiles = listProfiles(deps.programs, config.agents.custom)
  const detected = detectAgents(profiles, deps)
  return {
    profiles,
    detected,
    usable: orderAgents(detected, config),
    knownNames: () => profiles.map((profile) => profile.name),
    find(name) {
      const agent = detected.find((other) => other.name === name)
      if (!agent) throw new Fault('agent_not_found', `there is no agent ${name}`)
      return agent
    },
  }
}

function orderAgents(detected: readonly DetectedAgent[], config: Readonly<Config>): string[] {
  const order = [
    ...(config.agents.default ? [config.agents.default] : []),
    ...config.agents.order,
    ...Object.keys(config.agents.custom),
  ]
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length)
  return detected
    .filter((agent) => agent.usable)
    .map((agent) => agent.name)
    .sort((a, b) => rank(a) - rank(b))
}

/** One line for the owner: whether this agent can work, and if not, what it lacks. */
export function agentWords(agent: DetectedAgent): string {
  if (agent.missing.length > 0) return `not installed (${agent.missing.join(', ')})`
  if (agent.model) return `ready, with ${agent.model.model}`
  return agent.loggedIn ? 'ready, logged in' : 'installed, but there is neither a model key nor a login'
}
