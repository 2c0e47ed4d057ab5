import { systemClock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import { PlanDraft } from '../../core/plan.ts'
import { NO_TOKENS } from '../../core/spend.ts'
import { silentLog, type World } from '../../core/world.ts'
import { type AppDeps, createApp } from '../../daemon/http/app.ts'
import { createFakeEventSource } from './fake-event-source.ts'
import { createFakeGoals } from './fake-goals.ts'
import { createFakeInbox } from './fake-inbox.ts'
import { createFakeSchedules } from './fake-schedules.ts'
import { aHealth, aProof } from './views.ts'

export const TOKEN = 'test-token-of-enough-length'
export const PORT = 4711

/** The real app over fakes, with a `call` that sends what a well-behaved client would. */
export function createFakeApp(over: Partial<AppDeps> = {}) {
  const goals = createFakeGoals()
  const inbox = createFakeInbox()
  const events = createFakeEventSource()
  const closing = new AbortController()
  const stopped: string[] = []
  const world: World = { clock: systemClock, log: silentLog }
  const app = createApp({
    goals,
    inbox,
    schedules: createFakeSchedules(),
    events,
    health: async () => aHealth(),
    async getProof(id) {
      if (id !== 'proof_1') throw new Fault('proof_not_found', `There is no proof ${id}`)
      return aProof()
    },
    async readOutput(digest) {
      if (digest !== 'd'.repeat(64)) throw new Fault('output_not_found', `There is no output ${digest}`)
      return new Blob(['all of it']).stream()
    },
    policy: {
      test: async ({ command, agent }) => ({
        command,
        agent: agent ?? 'pi',
        repository: null,
        profile: 'edit',
        from: 'agents.permissions',
        decision: 'ask',
        rule: 'unlisted',
        reason: 'it is not on the list',
      }),
      show: () => ({
        permissions: 'edit',
        allow: [],
        ask: [],
        deny: [],
        agents: {},
        repositories: {},
        isConfined: true,
      }),
    },
    async cost({ by, goal }) {
      if (goal === '404') throw new Fault('goal_not_found', 'There is no goal 404')
      const row = { key: '#1', ...NO_TOKENS, inputTokens: 1200, requests: 2, usd: 0.5, unpriced: 0, estimated: 0 }
      return { by, rows: [row], total: { ...row, key: 'total' } }
    },
    async makeBackup({ file = '/home/backups/claw.tar.gz', withSecrets = false } = {}) {
      return { file, bytes: 4096, madeAt: 1, files: 3, repositories: 0, secrets: withSecrets, trouble: [] }
    },
    metrics: async () => [
      { name: 'claw_goals', help: 'Goals by state.', type: 'gauge', values: { 'state="open"': 2 } },
    ],
    examine: async ({ fix }) => [{ what: 'agent pi', level: fix ? 'ok' : 'warn', words: 'pi starts and answers' }],
    readPlanFile(text, name) {
      if (!text.startsWith('summary:')) throw new Fault('plan_invalid', `${name}:1: not a plan`)
      const task = { key: 'a', title: 'A', brief: 'A', footprint: ['**'] }
      return PlanDraft.parse({ summary: text.slice(8).trim() || 'plan', tasks: [task] })
    },
    memory: {
      open: async () => {
        throw new Fault('memory_off', 'memory is turned off')
      },
      fetchModel: async () => ({ name: 'm', dimensions: 3 }),
      words: () => 'off',
    },
    rooms: { find: async (word) => word, name: async (scope) => scope },
    token: TOKEN,
    version: '0.1.0',
    pid: process.pid,
    port: () => PORT,
    stop: (by) => void stopped.push(by),
    closing: closing.signal,
    world,
    ...over,
  })
  const call = (path: string, init: RequestInit & { json?: unknown } = {}) => {
    const { json, ...rest } = init
    const headers = new Headers(rest.headers)
    if (!headers.has('authorization')) headers.set('authorization', `Bearer ${TOKEN}`)
    if (json !== undefined) headers.set('content-type', 'application/json')
    const body = json === undefined ? rest.body : JSON.stringify(json)
    const method = rest.method ?? (body === undefined ? 'GET' : 'POST')
    return app.request(`http://127.0.0.1:${PORT}${path}`, { ...rest, method, headers, body: body ?? null })
  }
  return { app, call, goals, inbox, events, closing, stopped, world }
}
