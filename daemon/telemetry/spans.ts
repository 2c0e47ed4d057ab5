/**
 * What happened, as spans: a goal, and in it its plans, runs, verifications and landings; the requests to models
 * in their run. Pure: told from rows when a thing has ended, so that a restart in between loses no parent.
 *
 * Ids are made from those of the rows. Texts of goals, prompts and answers are no part of a span.
 */
import { createHash } from 'node:crypto'
import type { Goal, GoalId } from '../../core/goal.ts'
import type { Landing } from '../../core/landing.ts'
import type { Plan } from '../../core/plan.ts'
import type { Proof } from '../../core/proof.ts'
import type { Run } from '../../core/run.ts'
import type { SpendState, Tokens } from '../../core/spend.ts'

export interface Span {
  traceId: string
  spanId: string
  parentId: string | null
  name: string
  kind: 'internal' | 'client'
  startAt: number
  endAt: number
  attributes: Record<string, string | number | boolean>
  /** Why it failed, in words; null: it did not. */
  error: string | null
}

/** One request to a model, as the meter counted it. */
export interface AnsweredRequest {
  id: number
  goalId: GoalId | null
  taskId: string | null
  runId: string | null
  agent: string
  purpose: string
  provider: 'anthropic' | 'openai' | 'openai-chat' | 'google'
  host: string
  model: string
  tokens: Tokens
  usd: number | null
  state: Exclude<SpendState, 'reserved'>
  status: number | null
  startAt: number
  endAt: number
}

/** Names that the GenAI conventions have for providers. */
const PROVIDERS = { anthropic: 'anthropic', openai: 'openai', 'openai-chat': 'openai', google: 'gcp.gemini' } as const

export function goalSpan(goal: Goal, endAt: number): Span {
  return {
    ...idsOf(goal.id, goal.id, null),
    name: `invoke_workflow goal ${goal.number}`,
    kind: 'internal',
    startAt: goal.createdAt,
    endAt,
    attributes: {
      'gen_ai.operation.name': 'invoke_workflow',
      'gen_ai.workflow.name': 'goal',
      'claw.goal': goal.number,
      'claw.goal.state': goal.state,
      'claw.goal.source': goal.source.surface,
    },
    error: goal.state === 'dropped' ? (goal.outcome ?? 'dropped') : null,
  }
}

export function planSpan(goal: Goal, plan: Plan, endAt: number): Span {
  return {
    ...idsOf(goal.id, plan.id, goal.id),
    name: `plan ${plan.version}`,
    kind: 'internal',
    startAt: plan.createdAt,
    endAt,
    attributes: {
      'claw.goal': goal.number,
      'claw.plan.version': plan.version,
      'claw.plan.author': plan.author,
      'claw.plan.tasks': plan.draft?.tasks.length ?? 0,
    },
    error: plan.state === 'refused' ? plan.reasons.join('; ') || 'refused' : null,
  }
}

export function runSpan(run: Run, label: string, endAt: number): Span {
  const { usage } = run
  return {
    ...idsOf(run.goalId, run.id, run.goalId),
    name: `invoke_agent ${run.agent}`,
    kind: 'internal',
    startAt: run.startedAt,
    endAt: run.endedAt ?? endAt,
    attributes: {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': run.agent,
      ...(run.sessionId === null ? {} : { 'gen_ai.conversation.id': run.sessionId }),
      'gen_ai.usage.input_tokens': usage.inputTokens,
      'gen_ai.usage.output_tokens': usage.outputTokens,
      'claw.task': label,
      'claw.run.attempt': run.attempt,
      'claw.run.purpose': run.purpose,
      'claw.run.outcome': run.outcome ?? 'none',
    },
    error: run.outcome === 'failed' || run.outcome === 'lost' ? (run.note ?? run.failure ?? run.outcome) : null,
  }
}

/** `startAt`: when the checks were begun, where somebody saw it; else their durations say. */
export function proofSpan(proof: Proof, label: string, startAt: number | undefined): Span {
  const tookMs = proof.results.reduce((sum, { durationMs }) => sum + durationMs, 0)
  const failed = proof.results.filter(({ passed }) => !passed).map(({ name }) => name)
  return {
    ...idsOf(proof.goalId, proof.id, proof.runId ?? proof.goalId),
    name: `verify ${proof.kind}`,
    kind: 'internal',
    startAt: startAt ?? proof.createdAt - Math.round(tookMs),
    endAt: proof.createdAt,
    attributes: {
      'claw.task': label,
      'claw.proof.kind': proof.kind,
      'claw.proof.passed': proof.passed,
      'claw.proof.checks': proof.results.length,
      'claw.proof.sandbox': proof.sandbox,
      'vcs.ref.head.revision': proof.commit,
    },
    error: proof.passed ? null : failed.length > 0 ? `failed: ${failed.join(', ')}` : 'not passed',
  }
}

/** `label`: of the task that lands; null: the goal does. Its branch is left out: it carries the owner's words. */
export function landingSpan(landing: Landing, label: string | null, endAt: number): Span {
  return {
    ...idsOf(landing.goalId, landing.id, landing.goalId),
    name: `land ${landing.taskId === null ? 'goal' : 'task'}`,
    kind: 'internal',
    startAt: landing.createdAt,
    endAt: landing.endedAt ?? endAt,
    attributes: {
      ...(label === null ? {} : { 'claw.task': label }),
      'claw.landing.state': landing.state,
      ...(landing.merged === null ? {} : { 'vcs.ref.head.revision': landing.merged }),
    },
    error: landing.state === 'landed' ? null : (landing.note ?? landing.state),
  }
}

/** `parentId`: the row that asked; a request of no goal's is a trace of its own. */
export function requestSpan(request: AnsweredRequest, parentId: string | null): Span {
  const { tokens, status, state } = request
  const id = `request ${request.id} ${request.startAt}`
  const isRefused = status !== null && status >= 400
  return {
    ...idsOf(request.goalId ?? id, id, parentId),
    name: `chat ${request.model}`,
    kind: 'client',
    startAt: request.startAt,
    endAt: request.endAt,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': PROVIDERS[request.provider],
      'gen_ai.request.model': request.model,
      'gen_ai.agent.name': request.agent,
      'gen_ai.usage.input_tokens': tokens.inputTokens,
      'gen_ai.usage.output_tokens': tokens.outputTokens,
      'gen_ai.usage.cache_read.input_tokens': tokens.cachedTokens,
      'gen_ai.usage.cache_creation.input_tokens': tokens.cacheWriteTokens,
      'gen_ai.usage.reasoning.output_tokens': tokens.reasoningTokens,
      'server.address': request.host,
      'claw.purpose': request.purpose,
      'claw.usage': state,
      ...(request.usd === null ? {} : { 'claw.usd': request.usd }),
      ...(status === null ? {} : { 'http.response.status_code': status }),
      ...(isRefused ? { 'error.type': String(status) } : {}),
    },
    error: isRefused ? `the provider answered ${status}` : state === 'void' && status === null ? 'no answer' : null,
  }
}

function idsOf(trace: string, own: string, parent: string | null): Pick<Span, 'traceId' | 'spanId' | 'parentId'> {
  return { traceId: idOf(trace, 32), spanId: idOf(own, 16), parentId: parent === null ? null : idOf(parent, 16) }
}

/** The same row always has the same id, whoever asks. */
export function idOf(row: string, length: 16 | 32): string {
  return createHash('sha256').update(row).digest('hex').slice(0, length)
}
