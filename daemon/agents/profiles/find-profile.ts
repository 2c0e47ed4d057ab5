import { Fault, nearest } from '../../../core/fault.ts'
import type { AgentProfile } from '../agent.ts'

/** The profile of that name. Throws agent_not_found, naming the nearest or all there are. */
export function findProfile(profiles: readonly AgentProfile[], name: string): AgentProfile {
  const found = profiles.find((profile) => profile.name === name)
  if (found) return found
  const names = profiles.map((profile) => profile.name)
  const near = nearest(name, names)
  throw new Fault('agent_not_found', `There is no agent called ${name}`, {
    hint: near ? `Did you mean ${near}?` : `Known: ${names.join(', ')}. Others go into [agents.custom].`,
  })
}
