import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Paths } from '../config/paths.ts'
import type { Config } from '../config/schema.ts'
import { newId } from '../core/id.ts'
import { createRedactor, type Redactor } from '../core/redact.ts'
import type { World } from '../core/world.ts'
import { findModels } from './agents/models.ts'
import { createMakeBackup, type MakeBackup } from './backup/make-backup.ts'
import { createDailyUpkeep } from './compose/daily-upkeep.ts'
import type { Ground } from './compose/ground.ts'
import { createHealth } from './compose/health.ts'
import { findMachine } from './compose/machine.ts'
import { createProving } from './compose/proving.ts'
import { createThinking } from './compose/thinking.ts'
import { defineWorkflow, type WorktreeOf } from './compose/workflow.ts'
import { createChat } from './conversation/create-chat.ts'
import { createOwnerDesktop } from './desktop/owner-desktop.ts'
import { createProgramDesktop } from './desktop/program-desktop.ts'
import { createExamine, type Examine } from './doctor/examine.ts'
import { openGateway } from './gateway/gateway.ts'
import { defaultModelOf } from './gateway/upstreams.ts'
import type { Goals } from './goals/goals.ts'
import { goalNamed } from './goals/names.ts'
import { createRooms, type Rooms } from './goals/rooms.ts'
import { createStoreGoals } from './goals/store-goals.ts'
import type { Health } from './health.ts'
import type { Host } from './host.ts'
import type { ChannelRouteDeps } from './http/channels.ts'
import type { ChatRouteDeps } from './http/chat.ts'
import type { CostRouteDeps } from './http/cost.ts'
import type { EventSource } from './http/event-source.ts'
import type { ReadMetrics } from './http/metrics.ts'
import { createStoreInbox } from './inbox/store-inbox.ts'
import type { McpEndpoint } from './mcp/endpoint.ts'
import { createNotesForTools } from './mcp/notes-for-tools.ts'
import { createOwnerContext } from './mcp/owner-context.ts'
import { openRunTokens } from './mcp/run-tokens.ts'
import { createTokens, type Tokens } from './mcp/tokens.ts'
import { createOutsideTools, outsideEnvironment } from './mcp-client/create-outside-tools.ts'
import type { OutsideTools } from './mcp-client/outside-tools.ts'
import { createMemoryDoor, type MemoryDoor, notesDirOf } from './memory/open-memory.ts'
import { createEventWriter } from './orchestrator/event-writer.ts'
import { send } from './orchestrator/jobs.ts'
import { reconcile } from './orchestrator/reconcile.ts'
import { createRunRegistry } from './orchestrator/run-registry.ts'
import { wakeLimited } from './orchestrator/wake-limited.ts'
import { createPolicy, type Policy } from './policy/policy.ts'
import { createProcessTable } from './processes/process-table.ts'
import { readOutput } from './proof/read-output.ts'
import { readMetrics } from './read-metrics.ts'
import { roomOf } from './runs/prepare-workplace.ts'
import { createScheduling } from './schedules/create-scheduling.ts'
import { createReadTime } from './schedules/read-time.ts'
import type { Schedules } from './schedules/schedules.ts'
import { readAgain } from './secrets/credentials.ts'
import { createHostSecrets, readSecretFile } from './secrets/host-secrets.ts'
import { readKeyring } from './secrets/read-keyring.ts'
import { createRunProgram } from './secrets/run-program.ts'
import type { Secrets } from './secrets/secrets.ts'
import type { Skills } from './skills/skills.ts'
import { createStoreSkills } from './skills/store-skills.ts'
import { listConsented } from './store/consent-rows.ts'
import { costSheet } from './store/ledger-rows.ts'
import { addEvent, getProof, latestEvent, listEvents } from './store/rows.ts'
import { createSqliteQueue } from './store/sqlite-queue.ts'
import { openSqliteStore } from './store/sqlite-store.ts'
import type { Tx } from './store/tables.ts'
import { readHeaders } from './telemetry/read-headers.ts'
import { openTelemetry, type Telemetry } from './telemetry/telemetry.ts'
import type { Upkeep } from './upkeep/upkeep.ts'
import { createGit } from './worktrees/git.ts'

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
  policy: Policy
  examine: Examine
  /** Undefined where the configuration turns them off. */
  metrics: ReadMetrics
  /** What is done once a day; here so that it can be done now. */
  upkeep: Pick<Upkeep, 'runNow'>
  /** Notes and recall, opened by who asks first. */
  memory: MemoryDoor
  /** What people call the places that notes are kept in. */
  rooms: Rooms
  /** The owner's tokens for clients over MCP. */
  tokens: Tokens
  /** The endpoint that they, and runs, speak to. */
  mcp(door: { token: string; closing: AbortSignal }): Promise<McpEndpoint>
  secrets: Secrets
  /** For whatever leaves by another way than the daemon's own. */
  redactor: Redactor
  /** The owner's other MCP servers. */
  outside: OutsideTools
  /** Conversation, channels and people. */
  chat: NonNullable<ChatRouteDeps['chat']> & NonNullable<ChannelRouteDeps['chat']>
  skills: Skills
  /** Mends what a crash left, then runs jobs. */
  start(): Promise<void>
  /** Resolves when no job is due and none runs. */
  idle(): Promise<void>
}

/** The only place where parts are put together. */
export async function createDaemon({
  config,
  live = { current: config },
  paths: homePaths,
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
  const paths = { ...homePaths, notesDir: notesDirOf(config, homePaths, host.ownerHome) }
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
  const secrets = createHostSecrets({
    env: host.env,
    readFile: readSecretFile,
    run: createRunProgram(host.env),
    platform: host.platform,
    clock: world.clock,
  })
  const redactor = createRedactor(secrets.known)
  await readKeyring(secrets, config, world)
  const store = parts.use(openSqliteStore(paths.databaseFile, { redactor }))
  const later = (work: (tx: Tx) => Promise<void>) =>
    void store.transaction(work).catch((err) => world.log.error({ err }, 'word of the gateway was not passed on'))
  // It outlives the queue: what runs is stopped while its model still answers.
  const gateway = parts.use(
    await openGateway({
      config,
      secrets,
      env: host.env,
      store,
      world,
      traceDir: join(paths.stateDir, 'traces'),
      redact: redactor.text,
      hooks: {
        onLimit: ({ goalId }) => goalId && later((tx) => send(queue, tx, 'advance', goalId)),
        onResumed: () => later((tx) => send(queue, tx, 'dispatch', 'all')),
        onDay: () => later((tx) => wakeLimited(tx, queue)),
        onAnswered: (request) => telemetry?.answered(request),
      },
    }),
  )
  const otlp = config.telemetry.otlp
  const telemetry: Telemetry | undefined =
    otlp.endpoint === null
      ? undefined
      : parts.use(
          await openTelemetry({
            store,
            world,
            // Megabytes of library, for those who asked for it.
            exporter: (await import('./telemetry/otlp-exporter.ts')).createOtlpExporter({
              endpoint: otlp.endpoint,
              headers: readHeaders(otlp.headers, secrets),
              version: host.version,
              world,
              redact: redactor.text,
            }),
          }),
        )
  const queue = parts.use(createSqliteQueue({ store, world }))
  const events = parts.use(createEventWriter({ store, world }))
  const registry = createRunRegistry()
  const inbox = createStoreInbox({ store, queue, world })
  const table = createProcessTable()
  const memory = parts.use(
    createMemoryDoor({
      redactor,
      config: config.memory,
      paths,
      world,
      host,
      secrets,
      report: ({ problems, repaired }) =>
        store.transaction((tx) =>
          addEvent(tx, world.clock.now(), { type: 'memory.tested', data: { problems, repaired } }),
        ),
    }),
  )
  const outside = parts.use(
    await createOutsideTools({
      config,
      store,
      world,
      inbox,
      table,
      secrets,
      home: paths.home,
      baseEnv: outsideEnvironment(host),
      version: host.version,
    }),
  )

  const ground: Ground = {
    config,
    live,
    paths,
    world,
    host,
    secrets,
    redactor,
    store,
    queue,
    gateway,
    events,
    inbox,
    registry,
    table,
    memory,
    outside,
  }
  const machine = await findMachine({ config, paths, world, host, models: gateway.models, table })
  const proving = createProving(ground, machine, parts)
  const thinking = createThinking(ground, machine, parts)
  const tokens = createTokens({ store, world })
  const runTokens = await openRunTokens(store)
  const worktreeOf: WorktreeOf = (label, taskId) => join(paths.worktreesDir, `${label}-${taskId.slice(-6)}`)
  const skills = createStoreSkills({ store, world, desk: proving.desk, folder: paths.skillsDir })
  const policy = createPolicy({
    store,
    live,
    isConfined: machine.sandbox.name !== 'none',
    runsDir: paths.runsDir,
    agents: machine.agents,
  })
  defineWorkflow(ground, machine, proving, thinking, {
    skills,
    worktreeOf,
    runTokens,
    policy,
    url,
    onGoalEnded: (goal) => scheduling.onGoalEnded(goal),
    layAttachments: (goalId, folder) => chat.attachments.layInto(goalId, folder),
  })
  const { agents } = machine
  const { desk, verifier } = proving
  const makeBackup = createMakeBackup({
    store,
    git: createGit({ world, ownerEnv: host.env }),
    world,
    paths,
    version: host.version,
  })

  const goals = createStoreGoals({
    store,
    queue,
    world,
    desk,
    config,
    inbox,
    registry,
    verify: proving.verify,
    acts: proving.acts,
    foldersForbidden: proving.foldersForbidden,
    worktreeOf,
    knownAgents: agents.knownNames,
  })

  const scheduling = parts.use(
    createScheduling({
      store,
      queue,
      world,
      goals,
      sandbox: machine.sandbox,
      path: host.path,
      readable: machine.toolchains,
      runsDir: paths.runsDir,
      env: host.env,
      knownAgents: agents.knownNames,
      readTime: createReadTime({ brain: thinking.brain, prompts: thinking.prompts, world }),
      timezone: host.timezone,
    }),
  )

  const health = createHealth(ground, machine, thinking)
  const examine = createExamine({
    world,
    store,
    table,
    paths,
    detected: [...agents.detected],
    limits: machine.containment.words,
    wanted: new Set([...Object.keys(config.agents.custom), ...(config.agents.default ? [config.agents.default] : [])]),
    // Asked without the gateway, to see whether server and key are good.
    models: findModels(defaultModelOf(config), secrets),
    trial: {
      world,
      driver: thinking.driver,
      table,
      folder: join(paths.runsDir, 'doctor'),
      newRunId: () => newId('run', world.clock.now()),
    },
    memory,
    health,
  })

  const source: EventSource = {
    page: (filter) => listEvents(store.db, filter),
    latest: () => latestEvent(store.db),
    onNew: (listener) => store.onCommit(listener),
  }
  const notes = memory.isOn ? createNotesForTools(memory.open) : undefined
  const owner = createOwnerContext({
    store,
    goals,
    inbox,
    schedules: scheduling.schedules,
    events: source,
    health,
    memory: () => notes,
  })
  const chat = parts.use(
    createChat({
      store,
      queue,
      world,
      config,
      owner,
      brain: thinking.choice.use === 'none' ? undefined : thinking.brain,
      readSecret(reference) {
        const found = secrets.find(reference)
        return typeof found === 'string' ? found : undefined
      },
      attachmentsDir: paths.attachmentsDir,
      timezone: host.timezone,
      path: host.path,
      ownerHome: host.ownerHome,
    }),
  )

  const ownerDesktop = parts.use(
    createOwnerDesktop({
      store,
      world,
      desktop: createProgramDesktop({ world, platform: host.platform, path: host.path, env: host.env, pid: host.pid }),
      isAwakeWanted: config.desktop.stayAwake,
      isNoticeWanted: config.desktop.notices,
      isTold: (event) => chat.isTold(event),
    }),
  )
  const upkeep = parts.use(createDailyUpkeep(ground, { makeBackup, dependencies: proving.dependencies }))

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
    policy,
    cost: async ({ by, goal }) => {
      await gateway.flush()
      return costSheet(store.db, { by, goalId: goal === null ? null : (await goalNamed(store.db, goal)).id })
    },
    memory,
    rooms: createRooms(store.db),
    tokens,
    async mcp({ token, closing }) {
      // The protocol's library is loaded when a client first speaks it.
      const [{ createMcpEndpoint }, { createRunContexts }] = await Promise.all([
        import('./mcp/endpoint.ts'),
        import('./mcp/run-context.ts'),
      ])
      const homeOf = (taskId: string) => roomOf(paths.runsDir, taskId, '').home
      const runOf = createRunContexts({ store, world, inbox, events, memory: () => notes, outside, skills, homeOf })
      return createMcpEndpoint({ world, version: host.version, token, tokens, runTokens, owner, runOf, closing })
    },
    secrets,
    redactor,
    outside,
    chat: {
      ...chat,
      store,
      configFile: paths.configFile,
      secretsDir: paths.secretsDir,
      record: (event) => store.transaction((tx) => addEvent(tx, world.clock.now(), event)),
    },
    skills,
    async start() {
      await readAgain(secrets, await listConsented(store.db))
      await verifier.sweep()
      await desk.sweep()
      const found = await reconcile({ store, queue, world, table, worktreesDir: paths.worktreesDir })
      world.log.info(found, 'reconciled')
      await queue.start()
      await upkeep.start()
      await scheduling.start()
      await chat.start()
      await ownerDesktop.start()
      memory.start()
    },
    idle: () => queue.idle(),
    async [Symbol.asyncDispose]() {
      // Jobs first: they use all the rest.
      await queue.stop()
      await owned.disposeAsync()
    },
  }
}
