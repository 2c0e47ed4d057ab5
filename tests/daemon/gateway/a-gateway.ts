import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../../../config/load.ts'
import { type Clock, systemClock } from '../../../core/clock.ts'
import type { Goal, GoalLimits } from '../../../core/goal.ts'
import { silentLog } from '../../../core/world.ts'
import { type Gateway, type GatewayDeps, openGateway } from '../../../daemon/gateway/gateway.ts'
import type { Caller } from '../../../daemon/gateway/run-tokens.ts'
import { addGoal, addRepository, listEvents } from '../../../daemon/store/rows.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'
import type { Store } from '../../../daemon/store/store.ts'
import { aHostSecrets } from '../../fakes/host-secrets.ts'
import type { Script } from '../../model-server/exchange.ts'
import { startModelServer } from '../../model-server/model-server.ts'

/** Only the gateway may say it, and only to the provider. */
export const PROVIDER_KEY = 'sk-provider-key-that-nobody-may-see'

export const PROVIDERS = {
  anthropic: 'anthropic',
  'openai-responses': 'openai',
  'openai-chat': 'openai-chat',
  google: 'google',
} as const

export interface RoomOptions {
  script?: Script
  api?: keyof typeof PROVIDERS
  /** YAML below `model`; `{url}` is the model server's. */
  config?: string
  clock?: Clock
  limits?: Partial<GoalLimits>
  redact?: (text: string) => string
  log?: typeof silentLog
  file?: string
  onLimit?: GatewayDeps['hooks']['onLimit']
}

/** A gateway between a scripted model server and whoever asks, with one goal to count for. */
export async function openRoom(options: RoomOptions = {}) {
  await using parts = new AsyncDisposableStack()
  const dir = mkdtempSync(join(tmpdir(), 'claw-gateway-'))
  parts.defer(() => rmSync(dir, { recursive: true, force: true }))
  const server = parts.use(await startModelServer({ script: options.script ?? (() => ({ say: 'hello there' })) }))
  const store = parts.use(openSqliteStore(options.file ?? join(dir, 'claw.db')))
  const goal = await addAGoal(store, options.limits)
  const reached: { runId: string | null; words: string; unit: string }[] = []
  const resumed: string[] = []
  const api = options.api ?? 'openai-chat'
  const yaml = [
    'model:',
    `  provider: ${PROVIDERS[api]}`,
    '  model: scripted-model',
    `  baseUrl: ${server.url}`,
    '  key: env:PROVIDER_KEY',
    (options.config ?? '').replaceAll('{url}', server.url),
  ].join('\n')
  const open = () =>
    openGateway({
      config: readConfig(yaml, 'config.yaml', {}),
      secrets: aHostSecrets({ env: { PROVIDER_KEY } }),
      env: {},
      store,
      world: { clock: options.clock ?? systemClock, log: options.log ?? silentLog },
      traceDir: join(dir, 'traces'),
      redact: options.redact ?? ((text) => text),
      hooks: {
        onLimit(caller, limit) {
          reached.push({ runId: caller.runId, words: limit.words, unit: limit.unit })
          options.onLimit?.(caller, limit)
        },
        onResumed: (name) => void resumed.push(name),
        onDay() {},
      },
    })
  const gateway = parts.use(await open())
  const owned = parts.move()
  return {
    dir,
    server,
    store,
    gateway,
    goal,
    reached,
    resumed,
    /** The model as an agent of the goal's gets it. */
    grant: (which: keyof typeof PROVIDERS = api, over: Partial<Caller> = {}) => grant(gateway, goal, which, over),
    /** Another gateway over the same ledger, as after a restart. */
    async again() {
      await gateway.flush()
      const later = await open()
      return {
        gateway: later,
        grant: () => grant(later, goal, api, {}),
        [Symbol.asyncDispose]: () => later[Symbol.asyncDispose](),
      }
    },
    async spend() {
      await gateway.flush()
      return store.db.selectFrom('spend').selectAll().orderBy('id').execute()
    },
    async events() {
      await gateway.flush()
      return (await listEvents(store.db, { after: 0, limit: 1000 })).filter(({ type }) => type !== 'goal.added')
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

export type Room = Awaited<ReturnType<typeof openRoom>>

function grant(gateway: Gateway, goal: Goal, api: string, over: Partial<Caller>) {
  const model = gateway.models.find((one) => one.api === api)
  if (!model) throw new Error(`no model for ${api}`)
  return gateway.access(model, { goalId: goal.id, taskId: null, runId: null, agent: 'pi', purpose: 'work', ...over })
}

export async function addAGoal(store: Store, limits: Partial<GoalLimits> = {}, number = 1): Promise<Goal> {
  const goal: Goal = {
    id: `goal_${number}`,
    number,
    text: 'a goal',
    branch: `claw/${number}-a`,
    repositoryId: `repo_${number}`,
    targetBranch: 'main',
    baseCommit: null,
    land: 'branch',
    autonomy: 'auto',
    limits: { minutesMax: null, attemptsMax: 3, tokensMax: null, usdMax: null, ...limits },
    agent: null,
    permissions: null,
    source: { surface: 'cli', from: null },
    state: 'open',
    quarantine: null,
    wakeAt: null,
    reportFile: null,
    outcome: null,
    createdAt: 0,
    endedAt: null,
  }
  await addRepository(store.db, {
    id: `repo_${number}`,
    path: `/r${number}`,
    url: null,
    gitDir: `/g${number}`,
    createdAt: 0,
  })
  await addGoal(store.db, goal, null)
  return goal
}

/** A plain Chat Completions request, by hand. */
export function chat(
  { model }: { model: { baseUrl: string; key: string; model: string } },
  over: { body?: object; signal?: AbortSignal; headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(`${model.baseUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${model.key}`, 'content-type': 'application/json', ...over.headers },
    body: JSON.stringify({
      model: model.model,
      max_tokens: 100,
      messages: [{ role: 'user', content: 'hello' }],
      ...over.body,
    }),
    ...(over.signal ? { signal: over.signal } : {}),
  })
}
