import type { AgentDriver } from './agent.ts'

/**
 * A driver that is loaded when the first session is opened: a daemon that has nothing to do does without its
 * protocol library's memory, and starts sooner. A load that failed is tried again by the next session.
 */
export function createDriverOnDemand(load: () => Promise<AgentDriver>): AgentDriver {
  let driver: Promise<AgentDriver> | undefined
  return {
    async open(spec, hooks) {
      driver ??= load().catch((error) => {
        driver = undefined
        throw error
      })
      return (await driver).open(spec, hooks)
    },
  }
}
