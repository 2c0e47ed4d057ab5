import { expect, test } from 'vitest'
import type { AgentDriver, AgentHooks, AgentSession, AgentSpec } from '../../../daemon/agents/agent.ts'
import { createDriverOnDemand } from '../../../daemon/agents/driver-on-demand.ts'

const session = { sessionId: 's' } as AgentSession
const opening = (driver: AgentDriver) => driver.open({ runId: 'run_1' } as AgentSpec, {} as AgentHooks)

test('is loaded with the first session, and once', async () => {
  let loads = 0
  const driver = createDriverOnDemand(async () => {
    loads++
    return { open: async () => session }
  })
  expect(loads).toBe(0)
  expect(await Promise.all([opening(driver), opening(driver)])).toEqual([session, session])
  await opening(driver)
  expect(loads).toBe(1)
})

test('a load that failed is tried again', async () => {
  let loads = 0
  const driver = createDriverOnDemand(async () => {
    if (++loads === 1) throw new Error('no such file')
    return { open: async () => session }
  })
  await expect(opening(driver)).rejects.toThrow('no such file')
  expect(await opening(driver)).toBe(session)
})
