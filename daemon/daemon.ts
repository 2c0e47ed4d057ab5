import { createReadStream, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import type { Paths } from '../config/paths.ts'
import type { Config } from '../config/schema.ts'
import { SECOND } from '../core/clock.ts'
import { Fault } from '../core/fault.ts'
import type { Goal } from '../core/goal.ts'
import { newId } from '../core/id.ts'
import type { RunId } from '../core/run.ts'
import type { World } from '../core/world.ts'
import type { ModelAccess, RunVerdict } from './agents/agent.ts'
import { decidePermission, fingerprint } from './agents/broker.ts'
import { createDriverOnDemand } from './agents/driver-on-demand.ts'
import { findModels } from './agents/models.ts'
import { writeHomeFiles } from './agents/private-home.ts'
import { type DetectedAgent, detectAgents } from './agents/profiles/detect.ts'
import { listProfiles } from './agents/profiles/index.ts'
import { createPrograms } from './agents/programs.ts'
import { classifyFault, classifyTurn } from './agents/verdict.ts'
import { createMakeBackup, type MakeBackup } from './backup/make-backup.ts'
import { createAgentBrain } from './brain/agent-brain.ts'
import type { Brain } from './brain/brain.ts'
import { findBrain } from './brain/find-brain.ts'
import { createModelBrain } from './brain/model-brain.ts'
import { createNoBrain } from './brain/no-brain.ts'
import { createOwnerDesktop } from './desktop/owner-desktop.ts'
import { createProgramDesktop } from './desktop/program-desktop.ts'
import { createExamine, type Examine } from './doctor/examine.ts'
import { type Gateway, openGateway } from './gateway/gateway.ts'
import { findGoalCost } from './gateway/goal-cost.ts'
import { withoutKey } from './gateway/headers.ts'
import { defaultModelOf } from './gateway/upstreams.ts'
import type { Goals } from './goals/goals.ts'
import { goalNamed } from './goals/names.ts'
import { createStoreGoals } from './goals/store-goals.ts'
import type { Health } from './health.ts'
import type { Host } from './host.ts'
import type { CostRouteDeps } from './http/cost.ts'
import type { EventSource } from './http/event-source.ts'
import type { ReadMetrics } from './http/metrics.ts'
import { createStoreInbox } from './inbox/store-inbox.ts'
import { createLandGoal } from './landing/land-goal.ts'
import { createLandTasks } from './landing/land-tasks.ts'
import { createOpenPullRequest } from './landing/pull-request.ts'
import type { McpEndpoint } from './mcp/endpoint.ts'
import { createRunServers } from './mcp/run-servers.ts'
import { openRunTokens } from './mcp/run-tokens.ts'
import { createTokens, type Tokens } from './mcp/tokens.ts'
import { createAdvance } from './orchestrator/advance.ts'
import { createDispatcher } from './orchestrator/dispatcher.ts'
import { createEventWriter } from './orchestrator/event-writer.ts'
import { createGiveUp } from './orchestrator/give-up.ts'
import { type JobName, send } from './orchestrator/jobs.ts'
import { createLimiter } from './orchestrator/limiter.ts'
import { reconcile } from './orchestrator/reconcile.ts'
import { createRunRegistry } from './orchestrator/run-registry.ts'
import type { Budget } from './orchestrator/snapshot.ts'
import { wakeLimited } from './orchestrator/wake-limited.ts'
import { createPlanBaseline } from './planning/plan-baseline.ts'
import { createPlanGoal } from './planning/plan-goal.ts'
import { createPlanner } from './planning/planner.ts'
import { survey } from './planning/survey.ts'
import { surveyToMarkdown } from './planning/survey-markdown.ts'
import { createProcessTable } from './processes/process-table.ts'
import { stopOwned } from './processes/stop-owned.ts'
import { loadPrompts } from './prompts/prompts.ts'
import { createProveRun, type Verify } from './proof/prove-run.ts'
import { createReviewer } from './proof/review.ts'
import { createVerifier } from './proof/verify.ts'
import { readMetrics } from './read-metrics.ts'
import { renderReport } from './reports/report.ts'
import { createWriteReport } from './reports/write-report.ts'
import { createAskPermission } from './runs/ask-permission.ts'
import { createPrepareWorkplace } from './runs/prepare-workplace.ts'
import { createRunTask } from './runs/run-task.ts'
import { createTaskPrompts } from './runs/task-prompts.ts'
import { createTidyTask } from './runs/tidy-task.ts'
import { findSandbox } from './sandbox/find-sandbox.ts'
import { createNoSandbox } from './sandbox/no-sandbox.ts'
import { findToolchains } from './sandbox/toolchains.ts'
import { createScheduling } from './schedules/create-scheduling.ts'
import type { Schedules } from './schedules/schedules.ts'
import { costSheet } from './store/ledger-rows.ts'
import {
  countGoals,
  getGoal,
  getProof,
  getRepository,
  latestEvent,
  listAsks,
  listEvents,
  listOpenRuns,
  listTasks,
} from './store/rows.ts'
import { createSqliteQueue } from './store/sqlite-queue.ts'
import { openSqliteStore } from './store/sqlite-store.ts'
import type { Tx } from './store/tables.ts'
import { collectFiles } from './upkeep/collect-files.ts'
import { compactEvents } from './upkeep/compact-events.ts'
import { dailyBackup } from './upkeep/daily-backup.ts'
import { createUpkeep, type Upkeep } from './upkeep/upkeep.ts'
import { createDependencyCache } from './worktrees/dependency-cache.ts'
import { createGit } from './worktrees/git.ts'
import { createRepositories } from './worktrees/git-repositories.ts'
import { createRepositoryDesk } from './worktrees/repository-desk.ts'
import { toolchainEnvironment } from './worktrees/toolchain.ts'

/** A daemon put together, its jobs not yet running. */
export interface Daemon extends AsyncDisposable {
  goals: Goals
  schedules: Schedules
  inbox: ReturnType<typeof createStoreInbox>
  events: EventSource
  health(): Promise<Omit<Health, 'url'>>
  getProof(id: string): ReturnType<typeof getProof>
  readOutput(digest: string): Promise<ReadableStream<Uint8Array>>
  makeBackup: MakeBackup
  /** What was spent on models. Throws goal_not_found. */
  cost: CostRouteDeps['cost']
  examine: Examine
  /** Undefined where the configuration turns them off. */
  metrics: ReadMetrics
  /** What is done once a day; here so that it can be done now. */
  upkeep: Pick<Upkeep, 'runNow'>
  /** The owner's tokens for clients over MCP. */
  tokens: Tokens
  /** The endpoint that they, and runs, speak to. */
  mcp(door: { token: string; closing: AbortSignal }): Promise<McpEndpoint>
  /** Values that must never leave: keys of models. */
  secrets(): readonly string[]
  /** Mends what a crash left, then runs jobs. */
  start(): Promise<void>
  /** Resolves when no job is due and none runs. */
  idle(): Promise<void>
}

const TERM_GRACE_MS = 2 * SECOND

/** The only place where parts are put together. */
export async function createDaemon({
  config,
  live = { current: config },
  paths,
  world,
  host,
  url,
}: {
  config: Readonly<Config>
  /** What may change while the daemon works (config/live.ts); without it, nothing does. */
  live?: { readonly current: Readonly<Config> }
  paths: Paths
  world: World
  host: Host
  /** Where the daemon listens, known once it does: what runs are told for their tools. */
  url?: () => string
}): Promise<Daemon> {
  const startedAt = world.clock.now()
  for (const dir of [
    paths.stateDir,
    paths.repositoriesDir,
    paths.worktreesDir,
    paths.verifyDir,
    paths.runsDir,
    paths.outputsDir,
    paths.cacheDir,
    paths.workspacesDir,
    paths.reportsDir,
  ]) {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
  }

  await using parts = new AsyncDisposableStack()
  const store = parts.use(openSqliteStore(paths.databaseFile))
  const secrets = {
    env: host.env,
    readFile: (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined),
  }
  const later = (work: (tx: Tx) => Promise<void>) =>
    void store.transaction(work).catch((err) => world.log.error({ err }, 'word of the gateway was not passed on'))
  // It outlives the queue: what runs is stopped while its model still answers.
  const gateway: Gateway = parts.use(
    await openGateway({
      config,
      secrets,
      store,
      world,
      traceDir: join(paths.stateDir, 'traces'),
      redact: (text) => gateway.secrets().reduce(withoutKey, text),
      hooks: {
        onLimit: ({ goalId }) => goalId && later((tx) => send(queue, tx, 'advance', goalId)),
        onResumed: () => later((tx) => send(queue, tx, 'dispatch', 'all')),
        onDay: () => later((tx) => wakeLimited(tx, queue)),
      },
    }),
  )
  const queue = parts.use(createSqliteQueue({ store, world }))
  const events = parts.use(createEventWriter({ store, world }))
  const registry = createRunRegistry()
  const inbox = createStoreInbox({ store, queue, world })
  const table = createProcessTable()

  // What this machine offers.
  const sandbox =
    config.sandbox.kind === 'none'
      ? createNoSandbox('you accepted it in the configuration')
      : await findSandbox({ clock: world.clock }, { clawHome: paths.home, ownerHome: host.ownerHome, path: host.path })
  if (config.sandbox.kind === 'bubblewrap' && sandbox.name !== 'bubblewrap') {
    throw new Fault('sandbox_unavailable', `sandbox.kind is bubblewrap, which does not work here: ${sandbox.words}`)
  }
  const programs = createPrograms({
    node: host.node,
    path: host.path,
    nodeModules: host.nodeModules,
    privateFolders: [host.ownerHome, paths.home],
  })
  const models = gateway.models
  const profiles = listProfiles(programs, config.agents.custom)
  const detected = detectAgents(profiles, { programs, ownerHome: host.ownerHome, models })
  const usable = orderAgents(detected, config)
  const toolchains = findToolchains(host.ownerHome)
  const shell = {
    path: host.path,
    readable: toolchains,
    toolchainEnv: toolchainEnvironment(host.env, host.ownerHome, existsSync),
  }

  // Repositories and proof.
  const desk = parts.use(
    createRepositoryDesk({
      store,
      world,
      repositories: createRepositories({ world, ownerEnv: host.env }),
      dir: paths.repositoriesDir,
      workspacesDir: paths.workspacesDir,
    }),
  )
  const dependencies = createDependencyCache({
    world,
    dir: join(paths.cacheDir, 'dependencies'),
    stamp: `${process.version} ${host.path}`,
  })
  const verifier = createVerifier({
    world,
    sandbox,
    dependencies,
    dir: paths.verifyDir,
    outputDir: paths.outputsDir,
    shell,
  })
  const checkoutOf = async (goal: Goal) => (await getRepository(store.db, goal.repositoryId)).path
  const limiter = createLimiter(config.checks.parallelMax)
  const verify: Verify = ({ goal, ...input }, signal) =>
    limiter(signal, async () => {
      const ownerCheckout = await checkoutOf(goal)
      return verifier.verify({ ...input, signal, ...(ownerCheckout === null ? {} : { ownerCheckout }) })
    })

  const makeBackup = createMakeBackup({
    store,
    git: createGit({ world, ownerEnv: host.env }),
    world,
    paths,
    version: host.version,
  })

  // Agents and the brain.
  const driver = createDriverOnDemand(async () => {
    const { createAcpDriver } = await import('./agents/acp-agent.ts')
    return createAcpDriver({ world, sandbox, programs, ownerHome: host.ownerHome, readable: toolchains, table })
  })
  const prompts = loadPrompts()
  const choice = findBrain({ brain: config.brain, model: defaultModelOf(config) }, secrets, usable)
  const forBrain = (model: ModelAccess | null) =>
    model && gateway.access(model, { goalId: null, taskId: null, runId: null, agent: 'brain', purpose: 'other' }).model
  const brain: Brain =
    choice.use === 'model'
      ? parts.use(createModelBrain({ world, ...gateway.brain(choice.model), env: { PATH: host.path } }))
      : choice.use === 'agent'
        ? createAgentBrain({
            world,
            driver,
            profile: find(detected, choice.agent).profile,
            model: forBrain(find(detected, choice.agent).model),
            folder: join(paths.runsDir, 'brain'),
            newRunId: () => newId('run', world.clock.now()),
          })
        : createNoBrain(choice.why)
  const planner = createPlanner({ brain, prompts })
  const reviewer = createReviewer({ brain: config.brain.review && choice.use !== 'none' ? brain : null, prompts })
  const taskPrompts = createTaskPrompts({ prompts })

  // The workflow.
  const { softFailuresMax } = config.runs
  const worktreeOf = (label: string, taskId: string) => join(paths.worktreesDir, `${label}-${taskId.slice(-6)}`)
  const budget: Budget = {
    limits: config.limits,
    agent: () => usable[0] ?? null,
    price: (tokens) => {
      const model = detected.find(({ name }) => name === usable[0])?.model
      return model ? gateway.price(model, tokens) : undefined
    },
  }
  const advance = createAdvance({ store, queue, runs: registry, world, budget })
  const dispatch = createDispatcher({
    store,
    queue,
    world,
    agents: () => usable,
    limits: {
      get runsMax() {
        return live.current.runs.max
      },
      get perRepositoryMax() {
        return live.current.runs.perRepositoryMax
      },
      // An agent whose provider is paused starts nothing now; what waits for it is not without an agent.
      get perAgentMax() {
        const paused = detected.filter(({ model }) => model?.upstream && gateway.pausedUntil(model.upstream))
        return { ...live.current.agents.perAgentMax, ...Object.fromEntries(paused.map(({ name }) => [name, 0])) }
      },
    },
    worktreeOf,
  })
  const planBaseline = createPlanBaseline({ verifier })
  const planGoal = createPlanGoal({
    store,
    queue,
    world,
    desk,
    survey: async (repository, commit) => surveyToMarkdown(await survey({ repository, commit })),
    recall: async () => null,
    draft: async ({ goal, survey: surveyMarkdown, memory, previous, finished, words }, signal) =>
      planner.plan(
        {
          goalId: goal.id,
          goalText: goal.text,
          surveyMarkdown,
          memoryMarkdown: memory,
          previous,
          finished,
          steers: words,
          answers: [],
          agents: usable,
          attemptsMax: goal.limits.attemptsMax,
        },
        signal,
      ),
    baseline: async (input, signal) =>
      limiter(signal, async () => {
        const done = (await listTasks(store.db, input.goal.id))
          .filter((task) => task.state === 'done')
          .map((task) => task.spec.key)
        return planBaseline({ ...input, ownerCheckout: await checkoutOf(input.goal), done: new Set(done) }, signal)
      }),
    agents: () => profiles.map((profile) => profile.name),
  })
  const prepareWorkplace = createPrepareWorkplace({ world, sandbox, shell, dependencies, runsDir: paths.runsDir })
  const tokens = createTokens({ store, world })
  const runTokens = await openRunTokens(store)
  const runServers = url && createRunServers({ url, tokens: runTokens, node: host.node })
  const runTask = createRunTask({
    store,
    queue,
    world,
    desk,
    registry,
    driver,
    events,
    async agent({ id: runId, agent, purpose, goalId, taskId }) {
      const { profile, model } = find(detected, agent)
      if (!model) return { profile, model, [Symbol.dispose]() {} }
      const access = gateway.access(model, { goalId, taskId, runId, agent, purpose })
      return { profile, model: access.model, [Symbol.dispose]: () => access[Symbol.dispose]() }
    },
    prepare: async (input, signal) => {
      const ownerCheckout = await checkoutOf(await getGoal(store.db, input.task.goalId))
      const workplace = await prepareWorkplace({ ...input, ownerCheckout }, signal)
      if (!runServers) return workplace
      // The same tools for agents that take no MCP servers: a command on their PATH.
      const command = runServers.command(
        { id: input.runId as RunId },
        { home: workplace.home, path: workplace.env['PATH'] ?? host.path },
      )
      writeHomeFiles(workplace.home, command.files)
      return { ...workplace, env: { ...workplace.env, ...command.env } }
    },
    baseline: ({ goal, ...input }, signal) =>
      limiter(signal, async () => {
        const ownerCheckout = await checkoutOf(goal)
        const found = await verifier.baseline({
          ...input,
          signal,
          ...(ownerCheckout === null ? {} : { ownerCheckout }),
        })
        return found.checks.filter(({ verdict }) => verdict === 'passes-already').map(({ words }) => words)
      }),
    mcpServers: (run, profile) => (runServers && profile.quirks.mcp ? runServers.servers(run) : []),
    async endLeftovers(run) {
      const owned =
        run.pid !== null && run.pidStart !== null
          ? { pid: run.pid, pidStart: run.pidStart, runId: run.id }
          : { runId: run.id }
      await stopOwned({ clock: world.clock, table }, owned, { graceMs: TERM_GRACE_MS })
    },
    permission: ({ run, task, goal }) =>
      createAskPermission({
        store,
        world,
        inbox,
        decide(request, worktree) {
          const { decision, reason } = decidePermission(request, {
            level: config.agents.permissions,
            isConfined: sandbox.name !== 'none',
            worktree,
            ownFolders: [join(paths.runsDir, task.id, 'home'), join(paths.runsDir, task.id, 'tmp')],
            allowCommands: config.agents.allowCommands,
            checkCommands: task.spec.checks.map((check) => check.command),
            ownMcpServers: ['claw'],
          })
          return { verdict: decision, reason }
        },
        fingerprint: (request) => fingerprint(request, run.worktree),
      })({ run, task, goal }),
    prompts: taskPrompts,
    recall: async () => null,
    verdict,
    turnVerdict: classifyTurn,
    runsDir: paths.runsDir,
    silenceMs: config.runs.silenceSeconds * SECOND,
    softFailuresMax,
  })
  const proveRun = createProveRun({
    store,
    queue,
    world,
    desk,
    verify,
    review: ({ task, goal, ...input }, signal) =>
      reviewer.review({ goalId: goal.id, goalText: goal.text, task: task.spec, ...input }, signal),
    attempts: { softFailuresMax },
  })
  const landing = { store, queue, world, desk, verify, attempts: { softFailuresMax } }
  const landTasks = createLandTasks(landing)
  const landGoal = createLandGoal({
    ...landing,
    openPullRequest: createOpenPullRequest({ world, env: host.env, checkoutOf }),
  })
  const report = createWriteReport({
    store,
    queue,
    world,
    dir: paths.reportsDir,
    render: renderReport,
    cost: async (of) => {
      await gateway.flush()
      return findGoalCost(store.db, of, budget)
    },
    onEnded: (goal) => scheduling.onGoalEnded(goal),
  })
  const tidy = createTidyTask({ store, desk, registry, runsDir: paths.runsDir, log: world.log })

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

  const goals = createStoreGoals({
    store,
    queue,
    world,
    desk,
    config,
    inbox,
    registry,
    verify,
    worktreeOf,
    knownAgents: () => profiles.map((profile) => profile.name),
  })

  const scheduling = parts.use(
    createScheduling({
      store,
      queue,
      world,
      goals,
      sandbox,
      path: host.path,
      readable: toolchains,
      runsDir: paths.runsDir,
      env: host.env,
      knownAgents: () => profiles.map((profile) => profile.name),
      timezone: host.timezone,
    }),
  )

  const health = async (): Promise<Omit<Health, 'url'>> => {
    return {
      version: host.version,
      pid: host.pid,
      startedAt,
      home: paths.home,
      node: process.version,
      agents: detected.map((agent) => ({
        name: agent.name,
        title: agent.profile.title,
        found: agent.usable,
        words: agentWords(agent),
      })),
      brain: choice.use === 'none' ? `none: ${choice.why}` : brain.name,
      model: models[0] ? `${models[0].model} (${models[0].api})` : null,
      upstreams: gateway.upstreams().map(({ name, ready, words }) => ({ name, ready, words })),
      sandbox: { name: sandbox.name, words: sandbox.words },
      memory: 'not yet',
      goals: {
        open: await countGoals(store.db, ['open', 'paused']),
        waiting: new Set((await listAsks(store.db, { state: 'open' })).map((ask) => ask.goalId)).size,
      },
      runs: (await listOpenRuns(store.db)).length,
    }
  }
  const examine = createExamine({
    world,
    store,
    table,
    paths,
    detected,
    // Asked without the gateway, to see whether server and key are good.
    models: findModels(defaultModelOf(config), secrets),
    trial: {
      world,
      driver,
      table,
      folder: join(paths.runsDir, 'doctor'),
      newRunId: () => newId('run', world.clock.now()),
    },
    health,
  })

  const ownerDesktop = parts.use(
    createOwnerDesktop({
      store,
      world,
      desktop: createProgramDesktop({ world, platform: host.platform, path: host.path, env: host.env, pid: host.pid }),
      isAwakeWanted: config.desktop.stayAwake,
      isNoticeWanted: config.desktop.notices,
      isTold: async () => false,
    }),
  )

  const { retention } = config
  const upkeep = parts.use(
    createUpkeep({
      store,
      world,
      chores: [
        ...(config.backup.daily ? [dailyBackup({ store, world, makeBackup, ...paths, keep: config.backup.keep })] : []),
        compactEvents({ store, world, ...retention }),
        collectFiles({
          store,
          world,
          paths,
          runDays: retention.runDays,
          diskMaxBytes: retention.diskMaxGb * 1024 ** 3,
          isInUse: (key) => dependencies.isInUse(key),
        }),
      ],
    }),
  )

  const source: EventSource = {
    page: (filter) => listEvents(store.db, filter),
    latest: () => latestEvent(store.db),
    onNew: (listener) => store.onCommit(listener),
  }
  const owned = parts.move()
  return {
    goals,
    schedules: scheduling.schedules,
    inbox,
    events: source,
    health,
    getProof: (id) => getProof(store.db, id as `proof_${string}`),
    readOutput: (digest) => readOutput(paths.outputsDir, digest),
    makeBackup,
    examine,
    metrics: async () =>
      config.metrics.enabled ? readMetrics({ store, world, startedAt, databaseFile: paths.databaseFile }) : undefined,
    upkeep,
    cost: async ({ by, goal }) => {
      await gateway.flush()
      return costSheet(store.db, { by, goalId: goal === null ? null : (await goalNamed(store.db, goal)).id })
    },
    tokens,
    async mcp({ token, closing }) {
      // The protocol's library is loaded when a client first speaks it.
      const [{ createMcpEndpoint }, { createOwnerContext }, { createRunContexts }] = await Promise.all([
        import('./mcp/endpoint.ts'),
        import('./mcp/owner-context.ts'),
        import('./mcp/run-context.ts'),
      ])
      const owner = createOwnerContext({
        store,
        goals,
        inbox,
        schedules: scheduling.schedules,
        events: source,
        health,
        memory: () => undefined,
      })
      const runOf = createRunContexts({ store, world, inbox, events, memory: () => undefined })
      return createMcpEndpoint({ world, version: host.version, token, tokens, runTokens, owner, runOf, closing })
    },
    secrets: () => gateway.secrets(),
    async start() {
      await verifier.sweep()
      await desk.sweep()
      const found = await reconcile({ store, queue, world, table, worktreesDir: paths.worktreesDir })
      world.log.info(found, 'reconciled')
      await queue.start()
      await upkeep.start()
      await scheduling.start()
      await ownerDesktop.start()
    },
    idle: () => queue.idle(),
    async [Symbol.asyncDispose]() {
      // Jobs first: they use all the rest.
      await queue.stop()
      await owned.disposeAsync()
    },
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

function find(detected: readonly DetectedAgent[], name: string): DetectedAgent {
  const agent = detected.find((other) => other.name === name)
  if (!agent) throw new Fault('agent_not_found', `there is no agent ${name}`)
  return agent
}

/** Agents that can work here, the owner's choice first. */
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

function agentWords(agent: DetectedAgent): string {
  if (agent.missing.length > 0) return `not installed (${agent.missing.join(', ')})`
  if (agent.model) return `ready, with ${agent.model.model}`
  return agent.loggedIn ? 'ready, logged in' : 'installed, but there is neither a model key nor a login'
}

/** The whole output of a check by its digest, as it was written. Throws output_not_found. */
async function readOutput(dir: string, digest: string): Promise<ReadableStream<Uint8Array>> {
  const names = /^[0-9a-f]{64}$/.test(digest) ? await readdir(dir).catch(() => [] as string[]) : []
  const name = names.find((other) => other.startsWith(digest))
  if (!name) throw new Fault('output_not_found', `there is no output ${digest.slice(0, 80)}`)
  const unpack = name.endsWith('.zst') ? createZstdDecompress() : createGunzip()
  return Readable.toWeb(createReadStream(join(dir, name)).pipe(unpack)) as ReadableStream<Uint8Array>
}
