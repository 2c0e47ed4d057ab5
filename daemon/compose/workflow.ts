import { join } from 'node:path'
import { SECOND } from '../../core/clock.ts'
import type { Goal } from '../../core/goal.ts'
import type { RunId } from '../../core/run.ts'
import { createUndoEffects } from '../acts/undo-effects.ts'
import type { RunVerdict } from '../agents/agent.ts'
import { fingerprint } from '../agents/broker.ts'
import { hostOf } from '../agents/prepare-run.ts'
import { writeHomeFiles } from '../agents/private-home.ts'
import { classifyFault, classifyTurn } from '../agents/verdict.ts'
import { findGoalCost } from '../gateway/goal-cost.ts'
import { createLandGoal } from '../landing/land-goal.ts'
import { createLandTasks } from '../landing/land-tasks.ts'
import { createOpenPullRequest } from '../landing/pull-request.ts'
import { createRunServers } from '../mcp/run-servers.ts'
import type { RunTokens } from '../mcp/run-tokens.ts'
import { createLearn } from '../memory/learn.ts'
import { createLessonWriter } from '../memory/lessons.ts'
import { createRecallForWork } from '../memory/recall-for-work.ts'
import { createAdvance } from '../orchestrator/advance.ts'
import { createDispatcher } from '../orchestrator/dispatcher.ts'
import { createGiveUp } from '../orchestrator/give-up.ts'
import type { JobName } from '../orchestrator/jobs.ts'
import type { Budget } from '../orchestrator/snapshot.ts'
import { createLookUp } from '../planning/look-up.ts'
import { createPlanBaseline } from '../planning/plan-baseline.ts'
import { createPlanGoal } from '../planning/plan-goal.ts'
import { survey } from '../planning/survey.ts'
import { surveyToMarkdown } from '../planning/survey-markdown.ts'
import type { Policy } from '../policy/policy.ts'
import { stopOwned } from '../processes/stop-owned.ts'
import { createProveRun } from '../proof/prove-run.ts'
import { renderReport } from '../reports/report.ts'
import { createRewriteReport, createWriteReport } from '../reports/write-report.ts'
import { createAskPermission } from '../runs/ask-permission.ts'
import { createPrepareWorkplace } from '../runs/prepare-workplace.ts'
import type { RunTaskDeps } from '../runs/run-deps.ts'
import { createRunTask } from '../runs/run-task.ts'
import { createTaskPrompts } from '../runs/task-prompts.ts'
import { createTidyTask } from '../runs/tidy-task.ts'
import { createCredentials } from '../secrets/credentials.ts'
import { whyForbidden } from '../secrets/forbidden.ts'
import type { Skills } from '../skills/skills.ts'
import { skillFiles } from '../skills/skills-for-run.ts'
import { getGoal, listTasks } from '../store/rows.ts'
import type { Ground } from './ground.ts'
import type { Machine } from './machine.ts'
import type { Proving } from './proving.ts'
import type { Thinking } from './thinking.ts'

const TERM_GRACE_MS = 2 * SECOND

/** Where a task's worktree goes. */
export type WorktreeOf = (label: string, taskId: string) => string

/** Gives every job of the workflow its handler: from a goal's first plan to its report. */
export function defineWorkflow(
  ground: Ground,
  machine: Machine,
  proving: Proving,
  thinking: Thinking,
  more: {
    worktreeOf: WorktreeOf
    runTokens: RunTokens
    skills: Skills
    /** Who decides what runs may do. */
    policy: Policy
    /** Where the daemon listens; undefined: it does not, and runs get no tools. */
    url: (() => string) | undefined
    onGoalEnded: (goal: Goal) => Promise<void>
    /** Lays the files that came with a goal into a folder its agents may read. */
    layAttachments: (goalId: string, folder: string) => Promise<void>
  },
): void {
  const { config, live, paths, world, host, store, queue, gateway, registry } = ground
  const { agents } = machine
  const { desk, verifier, verify, limited, ownerCheckout, askHost, acts, foldersForbidden } = proving
  const attempts = { softFailuresMax: config.runs.softFailuresMax }

  const budget: Budget = {
    limits: config.limits,
    agent: () => agents.usable[0] ?? null,
    price: (tokens) => {
      const model = agents.detected.find(({ name }) => name === agents.usable[0])?.model
      return model ? gateway.price(model, tokens) : undefined
    },
  }
  const advance = createAdvance({
    store,
    queue,
    runs: registry,
    world,
    budget,
    isConfined: machine.sandbox.name !== 'none' || config.sandbox.kind === 'none',
  })
  const dispatch = createDispatcher({
    store,
    queue,
    world,
    agents: () => [...agents.usable],
    limits: {
      get runsMax() {
        return live.current.runs.max
      },
      get perRepositoryMax() {
        return live.current.runs.perRepositoryMax
      },
      // An agent whose provider is paused starts nothing now; what waits for it is not without an agent.
      get perAgentMax() {
        const paused = agents.detected.filter(({ model }) => model?.upstream && gateway.pausedUntil(model.upstream))
        return { ...live.current.agents.perAgentMax, ...Object.fromEntries(paused.map(({ name }) => [name, 0])) }
      },
    },
    worktreeOf: more.worktreeOf,
  })
  const recall = createRecallForWork({ memory: ground.memory, config: config.memory, world })
  const planBaseline = createPlanBaseline({ verifier })
  const planGoal = createPlanGoal({
    store,
    queue,
    world,
    desk,
    survey: async (repository, commit) => surveyToMarkdown(await survey({ repository, commit })),
    recall: recall.forPlan,
    lookUp: createLookUp({ ...thinking, outside: ground.outside, skills: more.skills }),
    draft: async ({ goal, survey: surveyMarkdown, memory, lookedUp, previous, finished, words }, signal) =>
      thinking.planner.plan(
        {
          goalId: goal.id,
          goalText: goal.text,
          surveyMarkdown,
          preferences: memory.preferences,
          memoryMarkdown: memory.recalled,
          lookedUp,
          previous,
          finished,
          steers: words,
          answers: [],
          agents: [...agents.usable],
          attemptsMax: goal.limits.attemptsMax,
        },
        signal,
      ),
    baseline: async (input, signal) =>
      limited(signal, async () => {
        const done = (await listTasks(store.db, input.goal.id))
          .filter((task) => task.state === 'done')
          .map((task) => task.spec.key)
        const asking = askHost({ goal: input.goal, task: null, runId: null, who: 'a check' })
        return planBaseline(
          { ...input, ownerCheckout: await ownerCheckout(input.goal), done: new Set(done), askHost: asking },
          signal,
        )
      }),
    agents: agents.knownNames,
    credentials: Object.keys(config.credentials),
    foldersForbidden,
  })
  const runTask = createRunTask({
    ...runParts(ground, machine, proving, more),
    store,
    queue,
    world,
    desk,
    registry,
    driver: thinking.driver,
    events: ground.events,
    redactor: ground.redactor,
    credentials: createCredentials({
      ...ground,
      named: config.credentials,
      forbidden: (reference) => whyForbidden(reference, ground),
    }).forRun,
    acts,
    baseline: ({ goal, ...input }, signal) =>
      limited(signal, async () => {
        const checkout = await ownerCheckout(goal)
        const found = await verifier.baseline({
          ...input,
          signal,
          askHost: askHost({ goal, task: null, runId: null, who: 'a check' }),
          ...(checkout === null ? {} : { ownerCheckout: checkout }),
        })
        return found.checks.filter(({ verdict }) => verdict === 'passes-already').map(({ words }) => words)
      }),
    prompts: createTaskPrompts({ prompts: thinking.prompts }),
    recall: recall.forRun,
    verdict,
    turnVerdict: classifyTurn,
    runsDir: paths.runsDir,
    silenceMs: config.runs.silenceSeconds * SECOND,
    ...attempts,
  })
  const proveRun = createProveRun({
    store,
    queue,
    world,
    desk,
    verify,
    acts,
    review: ({ task, goal, ...input }, signal) =>
      thinking.reviewer.review({ goalId: goal.id, goalText: goal.text, task: task.spec, ...input }, signal),
    attempts,
  })
  const landing = { store, queue, world, desk, verify, attempts }
  const landTasks = createLandTasks(landing)
  const landGoal = createLandGoal({
    ...landing,
    openPullRequest: createOpenPullRequest({
      world,
      env: host.env,
      checkoutOf: ownerCheckout,
    }),
  })
  const reporting = {
    store,
    queue,
    world,
    dir: paths.reportsDir,
    render: renderReport,
    redact: ground.redactor.text,
    cost: async (of: Parameters<typeof findGoalCost>[1]) => {
      await gateway.flush()
      return findGoalCost(store.db, of, budget)
    },
  }
  const report = createWriteReport({ ...reporting, onEnded: more.onGoalEnded })
  const undoEffects = createUndoEffects({ store, world, acts, onUndone: createRewriteReport(reporting) })
  const tidy = createTidyTask({ store, desk, registry, runsDir: paths.runsDir, log: world.log })

  const learn = createLearn({
    store,
    world,
    desk,
    memory: ground.memory,
    isWanted: config.memory.learn,
    lessons: createLessonWriter({
      brain: thinking.choice.use === 'none' ? null : thinking.brain,
      prompts: thinking.prompts,
    }),
  })

  const giveUp = createGiveUp({ store, queue, world })
  const job = <K extends string>(
    name: JobName,
    handler: (key: K, signal: AbortSignal, tries: number) => Promise<void>,
    parallelMax?: number,
  ) =>
    queue.define(name, ({ key, tries }, signal) => handler(key as K, signal, tries), {
      onError: giveUp(name),
      ...(parallelMax === undefined ? {} : { parallelMax }),
    })
  job('advance', advance)
  job('dispatch', dispatch, 1)
  job<`plan_${string}`>('plan', (id, signal, tries) => planGoal(id, tries, signal))
  job('run', runTask)
  job('prove', proveRun)
  job('land', landTasks)
  job('land-goal', landGoal)
  job('report', report)
  job('tidy', tidy)
  job('learn', learn, 1)
  job('undo', undoEffects)
}

/** What a run gets: its agent and model, its workplace, its tools, and who decides what it may do. */
function runParts(
  { config, paths, world, host, store, gateway, inbox, events, table }: Ground,
  { sandbox, shell, agents }: Machine,
  { dependencies, ownerCheckout, askHost }: Proving,
  {
    runTokens,
    url,
    layAttachments,
    skills,
    policy,
  }: {
    runTokens: RunTokens
    url: (() => string) | undefined
    layAttachments: (goalId: string, folder: string) => Promise<void>
    skills: Skills
    policy: Policy
  },
): Pick<RunTaskDeps, 'agent' | 'prepare' | 'mcpServers' | 'endLeftovers' | 'permission' | 'askHost'> {
  const prepareWorkplace = createPrepareWorkplace({ world, sandbox, shell, dependencies, runsDir: paths.runsDir })
  const runServers = url && createRunServers({ url, tokens: runTokens, node: host.node })
  return {
    async agent({ id: runId, agent, purpose, goalId, taskId }) {
      const { profile, model } = agents.find(agent)
      const caller = { goalId, taskId, runId, agent, purpose }
      const openTurn = (prompt: string) => gateway.openTurn(caller, prompt)
      if (model?.upstream === undefined) return { profile, model, openTurn, [Symbol.dispose]() {} }
      const access = gateway.access(model, caller)
      return { profile, model: access.model, [Symbol.dispose]: () => access[Symbol.dispose]() }
    },
    prepare: async (input, signal) => {
      const goal = await getGoal(store.db, input.task.goalId)
      const runId = input.runId as RunId
      const asking = askHost({ goal, task: input.task, runId, who: 'the set-up' })
      const workplace = {
        ...(await prepareWorkplace({ ...input, ownerCheckout: await ownerCheckout(goal), askHost: asking }, signal)),
        hosts: config.sandbox.hosts,
      }
      await layAttachments(goal.id, join(workplace.home, 'attachments'))
      writeHomeFiles(workplace.home, skillFiles(await skills.usable(goal, input.base)))
      if (!url || !runServers) return workplace
      // The same tools for agents that take no MCP servers: a command on their PATH.
      const command = runServers.command(
        { id: runId },
        { home: workplace.home, path: workplace.env['PATH'] ?? host.path },
      )
      writeHomeFiles(workplace.home, command.files)
      const hosts = [...workplace.hosts, hostOf(url())]
      return { ...workplace, hosts, env: { ...workplace.env, ...command.env } }
    },
    mcpServers: (run, profile) => (runServers && profile.quirks.mcp ? runServers.servers(run) : []),
    async endLeftovers(run) {
      const owned =
        run.pid !== null && run.pidStart !== null
          ? { pid: run.pid, pidStart: run.pidStart, runId: run.id }
          : { runId: run.id }
      await stopOwned({ clock: world.clock, table }, owned, { graceMs: TERM_GRACE_MS })
    },
    askHost: ({ run, task, goal }) => askHost({ goal, task, runId: run.id, who: run.agent }),
    permission: ({ run, task, goal }) =>
      createAskPermission({
        store,
        world,
        inbox,
        events,
        decide: (request) => policy.decide({ run, task, goal }, request),
        fingerprint: (request) => fingerprint(request, run.worktree),
      })({ run, task, goal }),
  }
}

function verdict(error: unknown): RunVerdict {
  return (
    classifyFault(error) ?? {
      failure: 'environment',
      note: `internal error: ${error instanceof Error ? error.message : String(error)}`,
      retryAt: null,
    }
  )
}
