/**
 * The daemon's door: what an owner can do, over HTTP on loopback.
 *
 * Routes translate and nothing more; every rule stands behind Goals and Inbox. Every route wants the
 * token. `App` is the type that clients are checked against.
 */
import { Hono } from 'hono'
import { Fault, nearest } from '../../core/fault.ts'
import type { PlanDraft } from '../../core/plan.ts'
import type { Proof } from '../../core/proof.ts'
import type { Redactor } from '../../core/redact.ts'
import type { World } from '../../core/world.ts'
import type { MakeBackup } from '../backup/make-backup.ts'
import type { Examine } from '../doctor/examine.ts'
import type { Goals } from '../goals/goals.ts'
import type { Health } from '../health.ts'
import type { Inbox } from '../inbox/inbox.ts'
import type { McpEndpoint } from '../mcp/endpoint.ts'
import type { Tokens } from '../mcp/tokens.ts'
import type { OutsideTools } from '../mcp-client/outside-tools.ts'
import type { Schedules } from '../schedules/schedules.ts'
import type { Skills } from '../skills/skills.ts'
import { backupRoutes } from './backup.ts'
import { type ChannelRouteDeps, channelRoutes, peopleRoutes } from './channels.ts'
import { type ChatRouteDeps, chatRoutes } from './chat.ts'
import { type CostRouteDeps, costRoutes } from './cost.ts'
import { doctorRoutes } from './doctor.ts'
import type { EventSource } from './event-source.ts'
import { eventRoutes } from './events.ts'
import { goalRoutes } from './goals.ts'
import { hostGuard, securityHeaders, tokenGuard } from './guard.ts'
import { healthRoutes } from './health.ts'
import { hookRoutes } from './hooks.ts'
import { inboxRoutes } from './inbox.ts'
import { memoryRoutes, recallRoutes } from './memory.ts'
import { metricsRoutes, type ReadMetrics } from './metrics.ts'
import { type NoteRouteDeps, noteRoutes } from './notes.ts'
import { openapi, ROUTES } from './openapi.ts'
import { type PolicyRouteDeps, policyRoutes } from './policy.ts'
import { problemResponse, toProblem } from './problem.ts'
import { proofRoutes } from './proofs.ts'
import { redacting } from './redacting.ts'
import { scheduleRoutes } from './schedules.ts'
import { skillRoutes } from './skills.ts'
import { taskRoutes } from './tasks.ts'
import { tokenRoutes } from './tokens.ts'
import { toolRoutes } from './tools.ts'

export interface AppDeps extends NoteRouteDeps {
  goals: Goals
  inbox: Inbox
  schedules: Schedules
  events: EventSource
  health(): Promise<Health>
  /** Throws proof_not_found. */
  getProof(id: string): Promise<Proof>
  makeBackup: MakeBackup
  examine: Examine
  metrics: ReadMetrics
  cost: CostRouteDeps['cost']
  policy: PolicyRouteDeps['policy']
  /** The whole output of a check by its sha256, uncompressed; throws output_not_found. */
  readOutput(digest: string): Promise<ReadableStream<Uint8Array>>
  /** Reads the text of a plan file; throws plan_invalid naming file, line and key. */
  readPlanFile(text: string, name: string): PlanDraft
  /** The MCP endpoint, which knows tokens of its own; without it there is no /mcp. */
  mcp?: McpEndpoint
  /** The owner's tokens for it. */
  tokens?: Tokens
  /** Takes secrets out of every answer. */
  redactor?: Redactor
  /** Agent Skills of the owner and of their repositories. */
  skills?: Skills
  /** Tools of the owner's other MCP servers. */
  /** The conversation at this machine, channels and people. */
  chat?: NonNullable<ChatRouteDeps['chat']> & NonNullable<ChannelRouteDeps['chat']>
  outside?: Omit<OutsideTools, typeof Symbol.asyncDispose>
  token: string
  version: string
  pid: number
  /** The port we listen on; asked at each request, since it is known only once we listen. */
  port(): number
  /** Begins an orderly stop and returns at once. */
  stop(by: string): void
  /** Aborted when the server closes: open event streams end. */
  closing: AbortSignal
  world: World
}

export function createApp(deps: AppDeps) {
  const log = deps.world.log.child({ part: 'http' })
  const app = new Hono()
  app.onError((error) => problemResponse(toProblem(error, log)))
  app.notFound((c) => problemResponse(toProblem(noRoute(c.req.method, c.req.path), log)))
  app.use(securityHeaders)
  if (deps.redactor) app.use(redacting(deps.redactor))
  // Before every guard: a delivery comes under another host's name, and its signature is checked instead.
  app.route('/hooks', hookRoutes(deps))
  app.use(hostGuard(deps.port))
  const { mcp } = deps
  // Before the token is looked at: clients over MCP, and runs, have tokens of their own.
  if (mcp) app.all('/mcp', (c) => mcp.handle(c.req.raw))
  app.use(tokenGuard(deps.token))
  return app
    .route('/', healthRoutes(deps))
    .route('/v1/goals', goalRoutes(deps))
    .route('/v1/tasks', taskRoutes(deps))
    .route('/v1/inbox', inboxRoutes(deps))
    .route('/v1/schedules', scheduleRoutes(deps))
    .route('/v1/cost', costRoutes(deps))
    .route('/v1/policy', policyRoutes(deps))
    .route('/v1/events', eventRoutes(deps))
    .route('/v1/tokens', tokenRoutes(deps))
    .route('/v1/chat', chatRoutes(deps))
    .route('/v1/channels', channelRoutes(deps))
    .route('/v1/people', peopleRoutes(deps))
    .route('/v1/notes', noteRoutes(deps))
    .route('/v1/recall', recallRoutes(deps))
    .route('/v1/memory', memoryRoutes(deps))
    .route('/v1/tools', toolRoutes(deps))
    .route('/v1/skills', skillRoutes(deps))
    .route('/v1', proofRoutes(deps))
    .route('/', metricsRoutes(deps))
    .route('/v1', backupRoutes(deps))
    .route('/v1', doctorRoutes(deps))
    .get('/openapi.json', (c) => c.json(openapi(deps.version) as Record<string, never>))
}

/** For `hc<App>`: import it as a type only. */
export type App = ReturnType<typeof createApp>

function noRoute(method: string, path: string): Fault {
  const words = `There is no ${method} ${path.slice(0, 200)}`
  const near = nearest(`${method} ${path}`, Object.keys(ROUTES))
  const hint = near ? `Did you mean ${near}?` : 'All routes are in /openapi.json.'
  return new Fault('route_not_found', words, { hint })
}
