import { join } from 'node:path'
import type { GoalId } from '../../core/goal.ts'
import { newId } from '../../core/id.ts'
import type { AgentDriver, ModelAccess } from '../agents/agent.ts'
import { createDriverOnDemand } from '../agents/driver-on-demand.ts'
import { createAgentBrain } from '../brain/agent-brain.ts'
import type { Brain } from '../brain/brain.ts'
import { type BrainChoice, findBrain } from '../brain/find-brain.ts'
import { createModelBrain } from '../brain/model-brain.ts'
import { createNoBrain } from '../brain/no-brain.ts'
import { defaultModelOf } from '../gateway/upstreams.ts'
import { createPlanner, type Planner } from '../planning/planner.ts'
import { loadPrompts, type Prompts } from '../prompts/prompts.ts'
import { createReviewer, type Reviewer } from '../proof/review.ts'
import type { Ground } from './ground.ts'
import type { Machine } from './machine.ts'

/** What thinks: agents, and the daemon's own brain with what it is asked. */
export interface Thinking {
  driver: AgentDriver
  brain: Brain
  choice: BrainChoice
  prompts: Prompts
  planner: Planner
  reviewer: Reviewer
}

export function createThinking(
  { config, paths, world, host, secrets, redactor, gateway, table }: Ground,
  { sandbox, programs, agents, toolchains, containment }: Machine,
  parts: AsyncDisposableStack,
): Thinking {
  const driver = createDriverOnDemand(async () => {
    const { createAcpDriver } = await import('../agents/acp-agent.ts')
    return createAcpDriver({
      world,
      sandbox,
      programs,
      ownerHome: host.ownerHome,
      readable: toolchains,
      table,
      containment,
      wireBytesEnd: config.runs.outputMaxMb * 1024 * 1024,
      redact: redactor.text,
    })
  })
  const choice = findBrain({ brain: config.brain, model: defaultModelOf(config) }, secrets, agents.usable)
  const metered = (model: ModelAccess | null) =>
    model && gateway.access(model, { goalId: null, taskId: null, runId: null, agent: 'brain', purpose: 'other' }).model

  function createBrain(): Brain {
    if (choice.use === 'none') return createNoBrain(choice.why)
    if (choice.use === 'model') {
      return parts.use(createModelBrain({ world, ...gateway.brain(choice.model), env: { PATH: host.path } }))
    }
    const { profile, model } = agents.find(choice.agent)
    return createAgentBrain({
      world,
      driver,
      profile,
      model: metered(model),
      openTurn:
        model?.upstream === undefined
          ? ({ purpose, goalId }, prompt) =>
              gateway.openTurn(
                { goalId: (goalId ?? null) as GoalId | null, taskId: null, runId: null, agent: 'brain', purpose },
                prompt,
              )
          : undefined,
      folder: join(paths.runsDir, 'brain'),
      newRunId: () => newId('run', world.clock.now()),
    })
  }

  const brain = createBrain()
  const prompts = loadPrompts()
  return {
    driver,
    brain,
    choice,
    prompts,
    planner: createPlanner({ brain, prompts }),
    reviewer: createReviewer({ brain: config.brain.review && choice.use !== 'none' ? brain : null, prompts }),
  }
}
