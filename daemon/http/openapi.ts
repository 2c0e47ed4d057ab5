/**
 * Every route with its words and shapes: the source of /openapi.json and docs/HTTP.md.
 * tests/daemon/http/openapi.test.ts holds it to the routes that the app really has.
 */
import { z } from 'zod'
import { Ask } from '../../core/ask.ts'
import { Proof } from '../../core/proof.ts'
import { CostSheet } from '../../core/spend.ts'
import { PairInput } from '../people/people.ts'
import { PolicyAnswer, PolicyQuestion, PolicyShown } from '../policy/answers.ts'
import {
  AliveSchema,
  AskListSchema,
  BackupMadeSchema,
  EventPageSchema,
  FindingsSchema,
  GoalListSchema,
  GoalSummarySchema,
  GoalViewSchema,
  HealthSchema,
  NewTokenSchema,
  ReadySchema,
  ReportSchema,
  ReproofSchema,
  ReviewViewSchema,
  SteeredSchema,
  StoppingSchema,
  TakenSchema,
  TaskViewSchema,
  TokenListSchema,
  TokenSchema,
  UndoneSchema,
} from './answers.ts'
import {
  AnswerBody,
  BackupBody,
  CostQuery,
  DoctorBody,
  EmptyBody,
  EventsQuery,
  GoalListQuery,
  NewGoalBody,
  NewTokenBody,
  RejectBody,
  SteerBody,
} from './bodies.ts'
import {
  AddChannelBody,
  ChannelKindsSchema,
  ChannelListSchema,
  CheckedSchema,
  PeopleSchema,
  PersonViewSchema,
  RoleBody,
} from './channels.ts'
import { ChatHistorySchema, ChatQuery, PressBody, SaidSchema, SayBody } from './chat.ts'
import { DeliveredSchema } from './hooks.ts'
import {
  AuditSchema,
  ChangeNoteBody,
  HistoryOfNoteSchema,
  ImportBody,
  ImportSchema,
  LoadedModelSchema,
  MemorySchema,
  ModelSchema,
  NewNoteBody,
  NoteListQuery,
  NoteListSchema,
  NoteSchema,
  RecallBody,
  RecalledSchema,
  RememberedSchema,
  ReplaceNoteBody,
  RestoreNoteBody,
  SelfTestSchema,
} from './memory-shapes.ts'
import { Problem } from './problem.ts'
import {
  FiringViewSchema,
  HistoryQuery,
  HistorySchema,
  NewScheduleBody,
  PreviewSchema,
  ScheduleListQuery,
  ScheduleListSchema,
  ScheduleViewSchema,
} from './schedules.ts'
import { AgreeSkillBody, SkillListSchema, SkillSchema, SkillsQuery } from './skills.ts'
import { AgreeBody, LoginSchema, LogoutSchema, ToolServerListSchema, ToolServerSchema, ToolsQuery } from './tools.ts'

export interface RouteWords {
  summary: string
  query?: z.ZodType
  body?: z.ZodType
  answer?: z.ZodType
  /** Media type where it is not JSON, and beside JSON where both are served. */
  media?: string
  status?: number
}

export const ROUTES: Readonly<Record<string, RouteWords>> = {
  'GET /healthz': { summary: 'Whether the process answers, and which it is.', answer: AliveSchema },
  'GET /readyz': { summary: 'Whether the parts behind it answer too.', answer: ReadySchema },
  'GET /v1/status': { summary: 'What the daemon found when it started and what it does now.', answer: HealthSchema },
  'POST /v1/stop': { summary: 'Stops the daemon in order.', body: EmptyBody, answer: StoppingSchema, status: 202 },
  'POST /v1/goals': {
    summary: 'Adds a goal. Once it answers, the goal survives a power loss.',
    body: NewGoalBody,
    answer: GoalSummarySchema,
    status: 201,
  },
  'GET /v1/goals': { summary: 'Lists goals.', query: GoalListQuery, answer: GoalListSchema },
  'GET /v1/goals/{goal}': {
    summary: 'Shows a goal with its plan, tasks, runs, proofs and asks.',
    answer: GoalViewSchema,
  },
  'POST /v1/goals/{goal}/steer': {
    summary: 'Says something to the planner: what is finished is kept, the rest is planned again.',
    body: SteerBody,
    answer: SteeredSchema,
  },
  'POST /v1/goals/{goal}/pause': { summary: 'Pauses a goal.', body: EmptyBody, answer: GoalViewSchema },
  'POST /v1/goals/{goal}/resume': {
    summary: 'Goes on with a paused or quarantined goal.',
    body: EmptyBody,
    answer: GoalViewSchema,
  },
  'POST /v1/goals/{goal}/cancel': {
    summary: 'Gives a goal up; its work stays reachable.',
    body: EmptyBody,
    answer: GoalViewSchema,
  },
  'POST /v1/goals/{goal}/accept': {
    summary: 'Accepts what waits for review.',
    body: EmptyBody,
    answer: GoalViewSchema,
  },
  'POST /v1/goals/{goal}/reject': {
    summary: 'Refuses what waits for review; the comment becomes feedback.',
    body: RejectBody,
    answer: GoalViewSchema,
  },
  'POST /v1/goals/{goal}/undo': {
    summary: 'Reverts what the goal landed, as a new verified commit; asks about what it changed outside.',
    body: EmptyBody,
    answer: UndoneSchema,
  },
  'GET /v1/goals/{goal}/review': { summary: 'The goal’s diff with its proof.', answer: ReviewViewSchema },
  'GET /v1/goals/{goal}/report': {
    summary: 'The goal’s report, as JSON or as Markdown by Accept.',
    answer: ReportSchema,
    media: 'text/markdown',
  },
  'GET /v1/tasks/{task}': { summary: 'Shows a task with its runs and proofs.', answer: TaskViewSchema },
  'GET /v1/tasks/{task}/review': { summary: 'The task’s diff with its proof.', answer: ReviewViewSchema },
  'POST /v1/tasks/{task}/steer': {
    summary: 'Says something to the running agent, or keeps it for the next run.',
    body: SteerBody,
    answer: SteeredSchema,
  },
  'POST /v1/tasks/{task}/accept': {
    summary: 'Accepts what waits for review.',
    body: EmptyBody,
    answer: TaskViewSchema,
  },
  'POST /v1/tasks/{task}/reject': {
    summary: 'Refuses what waits for review; the comment becomes feedback to a new run.',
    body: RejectBody,
    answer: TaskViewSchema,
  },
  'POST /v1/tasks/{task}/take': {
    summary: 'Stops the agent and gives you its worktree.',
    body: EmptyBody,
    answer: TakenSchema,
  },
  'POST /v1/tasks/{task}/give': {
    summary: 'Captures what you did in the worktree and verifies it like anyone’s work.',
    body: EmptyBody,
    answer: TaskViewSchema,
  },
  'POST /v1/tasks/{task}/proof': {
    summary: 'Runs the checks of the latest proof again on the same commit.',
    body: EmptyBody,
    answer: ReproofSchema,
  },
  'GET /v1/cost': {
    summary: 'What was spent on models, summed by goal, task, agent, model or day.',
    query: CostQuery,
    answer: CostSheet,
  },
  'GET /v1/policy': { summary: 'What agents may do without you.', answer: PolicyShown },
  'POST /v1/policy/test': {
    summary: 'What would happen if an agent ran a command, and by which rule.',
    body: PolicyQuestion,
    answer: PolicyAnswer,
  },
  'GET /v1/inbox': { summary: 'What waits for you.', answer: AskListSchema },
  'GET /v1/inbox/{ask}': { summary: 'One ask.', answer: Ask },
  'POST /v1/inbox/{ask}/answer': {
    summary: 'Answers an ask. Of two answers the first wins.',
    body: AnswerBody,
    answer: Ask,
  },
  'POST /v1/notes': {
    summary: 'Keeps a note: added, merged into one that says nearly the same, or known already.',
    body: NewNoteBody,
    answer: RememberedSchema,
    status: 201,
  },
  'GET /v1/notes': { summary: 'Lists notes, newest first.', query: NoteListQuery, answer: NoteListSchema },
  'GET /v1/notes/{note}': { summary: 'Shows a note with its whole file.', answer: NoteSchema },
  'PATCH /v1/notes/{note}': { summary: 'Changes parts of a note.', body: ChangeNoteBody, answer: NoteSchema },
  'PUT /v1/notes/{note}': {
    summary: 'Puts an edited file in the place of a note; refused when the note changed meanwhile.',
    body: ReplaceNoteBody,
    answer: NoteSchema,
  },
  'DELETE /v1/notes/{note}': { summary: 'Forgets a note; its history keeps it.', answer: NoteSchema },
  'GET /v1/notes/{note}/history': {
    summary: 'Its versions, newest first, also of a note that was forgotten.',
    answer: HistoryOfNoteSchema,
  },
  'POST /v1/notes/{note}/restore': {
    summary: 'Brings an earlier version back.',
    body: RestoreNoteBody,
    answer: NoteSchema,
  },
  'POST /v1/recall': {
    summary: 'Passages that bear on a question, best first; none, with the reason, when nothing does.',
    body: RecallBody,
    answer: RecalledSchema,
  },
  'GET /v1/memory': { summary: 'What the memory holds and how it stands.', answer: MemorySchema },
  'GET /v1/memory/audit': { summary: 'Notes that you may want to look at.', answer: AuditSchema },
  'POST /v1/memory/reindex': {
    summary: 'Builds the index anew from the files, and tests it.',
    body: EmptyBody,
    answer: SelfTestSchema,
  },
  'POST /v1/memory/self-test': {
    summary: 'Compares files and index, and mends what differs.',
    body: EmptyBody,
    answer: SelfTestSchema,
  },
  'POST /v1/memory/import': {
    summary: 'Says what an import would add, or does it; the same source twice adds nothing.',
    body: ImportBody,
    answer: ImportSchema,
  },
  'GET /v1/memory/model': { summary: 'The embedding model, and how far its fetching is.', answer: ModelSchema },
  'POST /v1/memory/model': {
    summary: 'Loads the embedding model now; fetches and checks it where that is allowed.',
    body: EmptyBody,
    answer: LoadedModelSchema,
  },
  'POST /v1/chat': {
    summary: 'Says something in the conversation at this machine. Once it answers, it is not lost.',
    body: SayBody,
    answer: SaidSchema,
    status: 202,
  },
  'GET /v1/chat': { summary: 'What was said, oldest first.', query: ChatQuery, answer: ChatHistorySchema },
  'GET /v1/chat/stream': {
    summary: 'Claw’s messages as they come and change (`message`), and what a model is saying (`partial`).',
    media: 'text/event-stream',
  },
  'POST /v1/chat/press': {
    summary: 'Presses a button of one of Claw’s messages.',
    body: PressBody,
    answer: SaidSchema,
    status: 202,
  },
  'GET /v1/channels': { summary: 'The channels and how they are.', answer: ChannelListSchema },
  'GET /v1/channels/kinds': { summary: 'What can be set up, and what each asks for.', answer: ChannelKindsSchema },
  'POST /v1/channels': {
    summary: 'Asks the other side, then keeps the channel and opens it; keeps nothing where the other side says no.',
    body: AddChannelBody,
    answer: CheckedSchema,
    status: 201,
  },
  'POST /v1/channels/{channel}/test': {
    summary: 'Asks the other side again.',
    body: EmptyBody,
    answer: CheckedSchema,
  },
  'DELETE /v1/channels/{channel}': { summary: 'Closes a channel and forgets its keys.', answer: ChannelListSchema },
  'GET /v1/people': { summary: 'Who may talk to Claw, and which accounts wait to be paired.', answer: PeopleSchema },
  'POST /v1/people/pair': {
    summary: 'Lets the account with this code in.',
    body: PairInput,
    answer: PersonViewSchema,
    status: 201,
  },
  'POST /v1/people/{person}/role': {
    summary: 'Changes what somebody may do.',
    body: RoleBody,
    answer: PersonViewSchema,
  },
  'DELETE /v1/people/{person}': { summary: 'From now on they are nobody.', answer: PeopleSchema },
  'GET /v1/tokens': { summary: 'The tokens of your MCP clients.', answer: TokenListSchema },
  'POST /v1/tokens': {
    summary: 'Makes a token for an MCP client and shows it once.',
    body: NewTokenBody,
    answer: NewTokenSchema,
    status: 201,
  },
  'DELETE /v1/tokens/{token}': { summary: 'Revokes a token: it opens nothing any more.', answer: TokenSchema },
  'GET /v1/skills': {
    summary: 'Agent Skills, yours and those of your repositories, with whether they may be used.',
    query: SkillsQuery,
    answer: SkillListSchema,
  },
  'POST /v1/skills/agree': {
    summary: 'Lets agents use a repository’s skill as it is now, or says that they must not.',
    body: AgreeSkillBody,
    answer: SkillSchema,
  },
  'GET /v1/tools': {
    summary: 'The tools of your other MCP servers, with what becomes of a call.',
    query: ToolsQuery,
    answer: ToolServerListSchema,
  },
  'POST /v1/tools/{server}/agree': {
    summary: 'Agrees to what a server says of its tools now: those that are new or have changed are on again.',
    body: AgreeBody,
    answer: ToolServerSchema,
  },
  'POST /v1/tools/{server}/login': {
    summary: 'Begins a login at a remote server (OAuth) and answers the address for your browser.',
    body: EmptyBody,
    answer: LoginSchema,
  },
  'POST /v1/tools/{server}/logout': {
    summary: 'Forgets the login at a remote server.',
    body: EmptyBody,
    answer: LogoutSchema,
  },
  'POST /v1/schedules': {
    summary: 'Adds a schedule: by the clock, on a signed call, when files change, or after a goal.',
    body: NewScheduleBody,
    answer: ScheduleViewSchema,
    status: 201,
  },
  'POST /v1/schedules/preview': {
    summary: 'Says what would be added and when it would fire; keeps nothing.',
    body: NewScheduleBody,
    answer: PreviewSchema,
  },
  'GET /v1/schedules': { summary: 'Lists schedules.', query: ScheduleListQuery, answer: ScheduleListSchema },
  'GET /v1/schedules/{schedule}': { summary: 'Shows a schedule with its next moments.', answer: ScheduleViewSchema },
  'GET /v1/schedules/{schedule}/history': {
    summary: 'Its firings, latest first, missed and skipped ones as well.',
    query: HistoryQuery,
    answer: HistorySchema,
  },
  'POST /v1/schedules/{schedule}/pause': {
    summary: 'Nothing fires until it is resumed.',
    body: EmptyBody,
    answer: ScheduleViewSchema,
  },
  'POST /v1/schedules/{schedule}/resume': {
    summary: 'Goes on; what was due meanwhile does not count.',
    body: EmptyBody,
    answer: ScheduleViewSchema,
  },
  'POST /v1/schedules/{schedule}/run': {
    summary: 'Fires now, whatever its pattern and condition say.',
    body: EmptyBody,
    answer: FiringViewSchema,
    status: 202,
  },
  'DELETE /v1/schedules/{schedule}': {
    summary: 'Removes a schedule; its history and goals stay.',
    answer: ScheduleViewSchema,
  },
  'POST /hooks/{name}': {
    summary: 'Takes a webhook delivery, known by its signature instead of the token; see docs/SCHEDULES.md.',
    answer: DeliveredSchema,
    status: 202,
  },
  'GET /v1/events': {
    summary:
      'What happened: a page, or with `Accept: text/event-stream` live, going on after `Last-Event-ID` without a gap.',
    query: EventsQuery,
    answer: EventPageSchema,
    media: 'text/event-stream',
  },
  'GET /metrics': { summary: 'Numbers for Prometheus; off unless `metrics.enabled`.', media: 'text/plain' },
  'POST /v1/doctor': {
    summary: 'Looks at what only the daemon can see: starts each agent without asking a model, finds what was left.',
    body: DoctorBody,
    answer: FindingsSchema,
  },
  'POST /v1/backup': {
    summary: 'Makes one consistent archive of the home while the daemon works.',
    body: BackupBody,
    answer: BackupMadeSchema,
    status: 201,
  },
  'GET /v1/proofs/{proof}': { summary: 'One proof.', answer: Proof },
  'GET /v1/outputs/{digest}': { summary: 'The whole output of a check, by its sha256.', media: 'text/plain' },
  'GET /openapi.json': { summary: 'This description.' },
}

/** An OpenAPI 3.1 document. */
export function openapi(version: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const [route, words] of Object.entries(ROUTES)) {
    const [method, path] = route.split(' ') as [string, string]
    paths[path] ??= {}
    paths[path][method.toLowerCase()] = operation(path, words)
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Claw', version, description: 'The daemon, on loopback. Every route wants the token.' },
    security: [{ bearer: [] }, { cookie: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        cookie: { type: 'apiKey', in: 'cookie', name: 'claw_token' },
      },
      schemas: { Problem: schemaOf(Problem, 'output') },
    },
  }
}

function operation(path: string, { summary, query, body, answer, media, status = 200 }: RouteWords): object {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    description: PATH_WORDS[name!] ?? '',
    schema: { type: 'string' },
  }))
  const content: Record<string, object> = {}
  if (answer || !media) content['application/json'] = answer ? { schema: schemaOf(answer, 'output') } : {}
  if (media) content[media] = { schema: { type: 'string' } }
  return {
    summary,
    parameters: [...inPath, ...inQuery(query)],
    ...(body ? { requestBody: { content: { 'application/json': { schema: schemaOf(body, 'input') } } } } : {}),
    responses: {
      [status]: { description: summary, content },
      default: {
        description: 'A problem.',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  }
}

const PATH_WORDS: Record<string, string> = {
  goal: 'A goal’s number (`12`) or id.',
  task: 'A task’s label (`12.3`) or id.',
  ask: 'An ask’s number or id.',
  proof: 'A proof’s id.',
  digest: 'A sha256 in hexadecimal.',
  schedule: 'A schedule’s number, name or id.',
  name: 'The name of a schedule that a hook sets off.',
  token: 'A token’s name or id.',
  channel: 'A channel’s name.',
  person: 'A person’s name or id.',
  note: 'A note’s id, the start of one, or its path below the notes folder.',
  server: 'The name of a server in `mcp.servers`.',
}

function inQuery(query: z.ZodType | undefined): object[] {
  if (!query) return []
  const { properties = {} } = schemaOf(query, 'input') as { properties?: Record<string, { description?: string }> }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: false,
    description: description ?? '',
    schema,
  }))
}

export function schemaOf(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' })
  return rest
}
