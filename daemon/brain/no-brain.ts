import { Fault } from '../../core/fault.ts'
import type { Brain } from './brain.ts'

/** Stands where no model and no agent can think for the daemon: goals then need a plan file. */
export function createNoBrain(why: string): Brain {
  return {
    name: 'no brain',
    ask(question) {
      return Promise.reject(
        new Fault('brain_missing', `There is no model for this (${question.purpose}): ${why}`, { hint: NO_BRAIN_HINT }),
      )
    },
  }
}

export const NO_BRAIN_HINT =
  'Set ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY for the daemon, set brain.model or brain.agent in the config, or give the goal a plan of yours with `--plan FILE`.'
