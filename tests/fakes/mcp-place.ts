import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { systemClock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { RunId } from '../../core/run.ts'
import { silentLog, type World } from '../../core/world.ts'
import { createStoreInbox, type StoreInbox } from '../../daemon/inbox/store-inbox.ts'
import { createMcpEndpoint } from '../../daemon/mcp/endpoint.ts'
import { createRunContexts } from '../../daemon/mcp/run-context.ts'
import { openRunTokens } from '../../daemon/mcp/run-tokens.ts'
import { createTokens } from '../../daemon/mcp/tokens.ts'
import type { OutsideTools } from '../../daemon/mcp-client/outside-tools.ts'
import { createEventWriter } from '../../daemon/orchestrator/event-writer.ts'
import { createStoreSchedules } from '../../daemon/schedules/store-schedules.ts'
import type { Skills } from '../../daemon/skills/skills.ts'
import { addGoal, addPlan, addRepository, addRun, addTask } from '../../daemon/store/rows.ts'
import { createSqliteQueue } from '../../daemon/store/sqlite-queue.ts'
import { openSqliteStore } from '../../daemon/store/sqlite-store.ts'
import type { Store } from '../../daemon/store/store.ts'
import type { OwnerContext } from '../../tools/context.ts'
import type { ToolServerDeps } from '../../tools/tool-server.ts'
import { createFakeApp, PORT, TOKEN } from './fake-app.ts'
import { createFakeEventSource } from './fake-event-source.ts'
import { createFakeGoals } from './fake-goals.ts'
import { createFakeInbox } from './fake-inbox.ts'
import { createFakeMemory } from './fake-memory.ts'
import { aGoal, aHealth, aPlan, aProof, aRun, aTask } from './views.ts'

export interface PlaceOptions {
  file?: string
  world?: World
  hasMemory?: boolean
  extend?: NonNullable<ToolServerDeps['extend']>
  port?: () => number
  skills?: Skills
  /** The owner's other servers, over the place's own rows. */
  outside?(parts: { store: Store; world: World; inbox: StoreInbox }): Promise<OutsideTools>
}

/**
 * The real endpoint in the real app. What an owner reaches are fakes; what a run reaches are real rows: two goals
 * in two repositories, each with two tasks, each task with a run at work.
 */
export async function openMcpPlace(options: PlaceOptions = {}) {
  const { file = ':memory:', world, hasMemory = true, extend, port } = options
  const theWorld: World = world ?? { clock: systemClock, log: silentLog }
  const store = openSqliteStore(file)
  const queue = createSqliteQueue({ store, world: theWorld })
  const runInbox = createStoreInbox({ store, queue, world: theWorld })
  const writer = createEventWriter({ store, world: theWorld })
  const goals = createFakeGoals()
  const inbox = createFakeInbox()
  const events = createFakeEventSource()
  const memory = createFakeMemory()
  const closing = new AbortController()
  const tokens = createTokens({ store, world: theWorld })
  const runTokens = await openRunTokens(store)
  // Real ones over the rows; their moments do not come.
  const schedules = createStoreSchedules({
    store,
    queue,
    world: theWorld,
    ticker: { wake() {} },
    watcher: { look: async () => '', refresh() {} },
    deliver: async () => ({ outcome: 'ignored', firingId: null }),
    readTime: async () => undefined,
    knownAgents: () => ['pi'],
    timezone: 'UTC',
  })
  const owner: OwnerContext = {
    goals,
    inbox,
    schedules,
    events,
    getProof: async (id) => {
      if (id !== 'proof_1') throw new Fault('proof_not_found', `There is no proof ${id}`)
      return aProof()
    },
    listProofs: async () => [aProof()],
    status: async () => aHealth(),
    memory: hasMemory ? memory : undefined,
  }
  const outside = await options.outside?.({ store, world: theWorld, inbox: runInbox })
  const runOf = createRunContexts({
    homeOf: (taskId) => `/home/of/${taskId}`,
    ...(options.skills ? { skills: options.skills } : {}),
    ...(outside ? { outside } : {}),
    store,
    world: theWorld,
    inbox: runInbox,
    events: writer,
    memory: () => (hasMemory ? memory : undefined),
  })
  const mcp = createMcpEndpoint({
    world: theWorld,
    version: '0.1.0',
    token: TOKEN,
    tokens,
    runTokens,
    owner,
    runOf,
    closing: closing.signal,
    ...(extend ? { extend } : {}),
  })
  const fake = createFakeApp({
    mcp,
    tokens,
    world: theWorld,
    ...(outside ? { outside } : {}),
    ...(port ? { port } : {}),
  })

  /** The SDK's client on the app, without a port. */
  const connect = async (token: string, options: ConnectOptions = {}): Promise<Client> => {
    const client = new Client(
      { name: 'test', version: '1' },
      {
        capabilities: options.elicit ? { elicitation: { form: {} } } : {},
        versionNegotiation: { mode: options.era === 'legacy' ? 'legacy' : { pin: '2026-07-28' } },
      },
    )
    if (options.elicit)
      client.setRequestHandler('elicitation/create', async (request) => options.elicit!(request.params))
    const transport = new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port?.() ?? PORT}/mcp`), {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
      fetch: async (url, init) => fake.app.request(String(url), init),
    })
    await client.connect(transport)
    return client
  }

  return {
    ...fake,
    store,
    runInbox,
    queue,
    writer,
    goals,
    inbox,
    schedules,
    events,
    memory,
    tokens,
    runTokens,
    closing,
    connect,
    runToken: (runId: string) => runTokens.mint(runId as RunId),
    async [Symbol.asyncDispose]() {
      closing.abort()
      await outside?.[Symbol.asyncDispose]()
      await writer[Symbol.asyncDispose]()
      await queue[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}

export type McpPlace = Awaited<ReturnType<typeof openMcpPlace>>

// biome-ignore lint/suspicious/noExplicitAny: what a form asks for is the test's to look at
type Elicit = (params: any) => any
interface ConnectOptions {
  era?: 'modern' | 'legacy'
  elicit?: Elicit
}

/** Goals 1 and 2 in repositories of their own; tasks 1.1, 1.2, 2.1, 2.2 with runs `run_11` … at work. */
export async function addTwoGoals({ store }: Pick<McpPlace, 'store'>): Promise<void> {
  const now = Date.UTC(2026, 10, 23, 9)
  await store.transaction(async (tx) => {
    for (const g of [1, 2]) {
      await addRepository(tx, {
        id: `repo_${g}`,
        path: `/srv/shop-${g}`,
        url: null,
        gitDir: `/srv/git-${g}`,
        createdAt: now,
      })
      const goal = aGoal({ id: `goal_${g}`, number: g, text: `Goal ${g} secret-${g}`, repositoryId: `repo_${g}` })
      await addGoal(tx, goal, null)
      await addPlan(tx, aPlan({ id: `plan_${g}`, goalId: goal.id }))
      for (const t of [1, 2]) {
        const task = aTask({
          id: `task_${g}${t}`,
          goalId: goal.id,
          planId: `plan_${g}`,
          number: t,
          title: `Task ${g}.${t}`,
          state: 'running',
        })
        await addTask(tx, task)
        await addRun(tx, aRun({ id: `run_${g}${t}`, taskId: task.id, goalId: goal.id }))
      }
    }
  })
}

/** The words that a model would see. */
export function wordsOf(result: { content: unknown[] }): string {
  return result.content.map((part) => (part as { text?: string }).text ?? '').join('\n')
}
