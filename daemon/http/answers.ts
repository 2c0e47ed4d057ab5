/** What the routes answer, as schemas: for the served description. The annotations hold them to the real types. */
import { z } from 'zod'
import type { BackupMade } from '../../config/backup-file.ts'
import { EffectRow } from '../../core/act.ts'
import { Ask } from '../../core/ask.ts'
import type { Finding } from '../../core/finding.ts'
import { Goal } from '../../core/goal.ts'
import { Landing } from '../../core/landing.ts'
import { Plan } from '../../core/plan.ts'
import { CheckResult, Proof } from '../../core/proof.ts'
import { Run } from '../../core/run.ts'
import { Task } from '../../core/task.ts'
import type { Undone } from '../goals/undo.ts'
import type { GoalSummary, GoalView, ReviewView, TaskView } from '../goals/views.ts'
import type { Health } from '../health.ts'
import type { OwnerToken } from '../mcp/tokens.ts'

const status = z.enum([
  'planning',
  'waiting on you',
  'waiting',
  'working',
  'landing',
  'reporting',
  'paused',
  'stuck',
  'met',
  'dropped',
])

const summary = {
  goal: Goal,
  status,
  words: z.string(),
  repository: z.string().nullable(),
  tasks: z.object({ total: z.int(), done: z.int(), running: z.int(), failed: z.int() }),
  openAsks: z.int(),
}

export const BackupMadeSchema: z.ZodType<BackupMade> = z.object({
  file: z.string(),
  bytes: z.int(),
  madeAt: z.number(),
  files: z.int(),
  repositories: z.int(),
  secrets: z.boolean(),
  trouble: z.array(z.string()),
})

const finding: z.ZodType<Finding> = z.object({
  what: z.string(),
  level: z.enum(['ok', 'warn', 'fail']),
  words: z.string(),
  mend: z.string().optional(),
  fixable: z.boolean().optional(),
  mended: z.boolean().optional(),
}) as never
export const FindingsSchema = z.object({ findings: z.array(finding) })

export const GoalSummarySchema: z.ZodType<GoalSummary> = z.object(summary)

export const TaskViewSchema: z.ZodType<TaskView> = z.object({
  label: z.string(),
  task: Task,
  runs: z.array(Run),
  proofs: z.array(Proof),
  needs: z.array(z.string()),
})

export const GoalViewSchema: z.ZodType<GoalView> = z.object({
  ...summary,
  plan: Plan.nullable(),
  versions: z.array(
    z.object({ version: z.int(), state: z.string(), reasons: z.array(z.string()), author: z.string() }),
  ),
  taskViews: z.array(TaskViewSchema),
  landings: z.array(Landing),
  proofs: z.array(Proof),
  asks: z.array(Ask),
  effects: z.array(EffectRow),
  usage: z.object({
    inputTokens: z.int(),
    cachedTokens: z.int(),
    outputTokens: z.int(),
    usd: z.number().nullable(),
  }),
})

export const ReviewViewSchema: z.ZodType<ReviewView> = z.object({
  title: z.string(),
  diff: z.string(),
  changes: z.array(
    z.object({
      path: z.string(),
      kind: z.string(),
      insertions: z.int().nullable(),
      deletions: z.int().nullable(),
    }),
  ),
  proof: Proof.nullable(),
  asks: z.array(Ask),
})

export const HealthSchema: z.ZodType<Health> = z.object({
  version: z.string(),
  pid: z.int(),
  startedAt: z.int(),
  home: z.string(),
  url: z.string(),
  node: z.string(),
  agents: z.array(
    z.object({
      name: z.string(),
      title: z.string(),
      found: z.boolean(),
      installed: z.boolean(),
      loggedIn: z.boolean(),
      apis: z.array(z.string()),
      words: z.string(),
    }),
  ),
  brain: z.string(),
  model: z.string().nullable(),
  upstreams: z.array(z.object({ name: z.string(), ready: z.boolean(), words: z.string() })),
  sandbox: z.object({ name: z.string(), words: z.string() }),
  memory: z.string(),
  goals: z.object({ open: z.int(), waiting: z.int() }),
  runs: z.int(),
})

export const GoalListSchema = z.object({ goals: z.array(GoalSummarySchema) })
export const AskListSchema = z.object({ asks: z.array(Ask) })
export const EventPageSchema = z.object({
  events: z.array(
    z.object({
      id: z.int(),
      at: z.int(),
      type: z.string(),
      goalId: z.string().nullable(),
      taskId: z.string().nullable(),
      runId: z.string().nullable(),
      data: z.record(z.string(), z.unknown()),
    }),
  ),
  next: z.int().describe('The `after` of the next page.'),
})
export const SteeredSchema = z.object({ passedTo: z.enum(['planner', 'run', 'next-run']) })
export const TakenSchema = z.object({ worktree: z.string() })
export const UndoneSchema: z.ZodType<Undone> = z.object({
  branch: z.string().nullable(),
  commit: z.string().nullable(),
  ask: z.int().nullable().describe('Holds the steps outside the repository; they are run once it is answered yes.'),
  steps: z.string().nullable().describe('These steps, in their order, as Markdown.'),
  note: z.string().nullable().describe('Why the branch was left as it is.'),
})
export const ReportSchema = z.object({ file: z.string(), markdown: z.string() })
export const ReproofSchema = z.object({
  recorded: Proof,
  again: z.object({ results: z.array(CheckResult), passed: z.boolean(), tree: z.string() }),
})
export const TokenSchema: z.ZodType<OwnerToken> = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(['read', 'act'])),
  createdAt: z.int(),
  expiresAt: z.int().nullable(),
  lastUsedAt: z.int().nullable(),
})
export const TokenListSchema = z.object({ tokens: z.array(TokenSchema) })
export const NewTokenSchema = z.object({
  token: TokenSchema,
  secret: z.string().describe('Shown this once; only its hash is kept.'),
})
export const AliveSchema = z.object({ claw: z.literal(true), version: z.string(), pid: z.int() })
export const ReadySchema = z.object({ ready: z.literal(true) })
export const StoppingSchema = z.object({ stopping: z.literal(true), pid: z.int() })
