/**
 * Chooses what thinks for the daemon. Pure: from config, keys and the agents that are installed.
 *
 * What the owner named comes first and is never replaced by something else in silence: a named
 * model without its key is no brain, and the reason says which key.
 */

import type { ModelConfig } from '../../config/schema.ts'
import { nearest } from '../../core/fault.ts'
import type { ModelBrainConfig } from './brain-wire.ts'
import { type FindSecret, findModel } from './find-model.ts'

export type BrainChoice =
  | { use: 'model'; model: ModelBrainConfig }
  | { use: 'agent'; agent: string }
  | { use: 'none'; why: string }

export interface BrainWishes {
  /** The config's `brain`. */
  brain: { model: ModelConfig | null; agent: string | null }
  /** The config's `model`: the brain's too, where it has none of its own. */
  model: ModelConfig | null
}

/** @param agents names of the agents that are installed and can work here, best first */
export function findBrain(wishes: BrainWishes, secrets: FindSecret, agents: readonly string[]): BrainChoice {
  const { model, agent } = wishes.brain
  if (model === null && agent !== null) {
    if (agents.includes(agent)) return { use: 'agent', agent }
    const near = nearest(agent, agents)
    const known = near ? `; did you mean ${near}?` : agents.length > 0 ? `; there are ${agents.join(', ')}` : ''
    return { use: 'none', why: `brain.agent is ${agent}, which is not installed here${known}` }
  }
  const found = findModel(model ?? wishes.model, secrets)
  if ('model' in found) return { use: 'model', model: found.model }
  return { use: 'none', why: found.missing }
}
