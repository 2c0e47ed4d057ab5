import type { GoalId } from './goal.ts'
import type { RunId } from './run.ts'
import type { TaskId } from './task.ts'

/**
 * Everything that happens, in one list: what the type is called and what its data holds.
 * Events are for people and programs that watch; no state is derived from them.
 */
export interface EventData {
  'goal.added': { number: number; text: string }
  'goal.steered': { text: string }
  'goal.paused': { by: string }
  'goal.resumed': { by: string }
  'goal.met': { outcome: string }
  'goal.dropped': { outcome: string }
  'goal.quarantined': { error: string }
  'goal.reported': { file: string }
  'goal.landed': { branch: string; commit: string; how: string }
  'effect.undone': { label: string; effect: string; state: string; note: string | null }
  'goal.undone': { branch: string; commit: string }
  'plan.requested': { version: number }
  'plan.refused': { version: number; reasons: string[] }
  'plan.proposed': { version: number; tasks: number }
  'plan.activated': { version: number; tasks: number }
  'task.added': { label: string; title: string }
  'task.moved': { label: string; from: string; to: string; reason: string | null }
  'run.started': { label: string; attempt: number; agent: string; purpose: string }
  'run.sessionOpened': { sessionId: string; resumed: boolean }
  'run.updated': { kind: string; text: string }
  'run.usageReported': { inputTokens: number; outputTokens: number }
  'run.captured': { commit: string; files: number }
  'run.ended': { label: string; attempt: number; outcome: string; failure: string | null; note: string | null }
  'proof.started': { label: string; commit: string }
  'proof.checked': { label: string; check: string; passed: boolean; durationMs: number }
  'proof.recorded': { label: string; proofId: string; kind: string; passed: boolean }
  'review.ended': { label: string; findings: number; reviewer: string }
  'landing.started': { label: string; branch: string }
  'landing.ended': { label: string; branch: string; state: string; commit: string | null; note: string | null }
  'ask.opened': { number: number; kind: string; question: string }
  'ask.answered': { number: number; choice: string | null; text: string | null; by: string }
  'ask.mooted': { number: number }
  'limit.noticed': { limit: string; used: string; max: string; percent: number }
  'limit.reached': { limit: string; used: string; max: string }
  'upstream.paused': { upstream: string; until: number; why: string }
  'upstream.resumed': { upstream: string }
  'model.unpriced': { upstream: string; model: string }
  'schedule.added': { number: number; name: string | null; words: string }
  'schedule.paused': { number: number; name: string | null; by: string }
  'schedule.resumed': { number: number; name: string | null; by: string }
  'schedule.ended': { number: number; name: string | null; reason: string }
  'schedule.removed': { number: number; name: string | null; by: string }
  'firing.fired': { number: number; name: string | null; dueAt: number; goal: number }
  'firing.waited': { number: number; name: string | null; dueAt: number; reason: string }
  'firing.skipped': { number: number; name: string | null; dueAt: number; reason: string }
  'firing.missed': { number: number; name: string | null; dueAt: number; moments: number; isMore: boolean }
  'firing.failed': { number: number; name: string | null; dueAt: number; reason: string }
  'tool.changed': { server: string; tool: string; change: 'new' | 'changed' | 'gone' }
  'tool.agreed': { server: string; tool: string; by: string }
  'skill.agreed': { name: string; repository: string; by: string }
  'credential.decided': { label: string; reference: string; verdict: string; by: string; scope: string }
  'permission.decided': {
    label: string
    agent: string
    what: string
    verdict: string
    reason: string
    rule: string
    by: string
  }
  'person.paired': { person: string; role: string; channel: string; account: string; by: string }
  'person.roleChanged': { person: string; role: string; by: string }
  'person.removed': { person: string; by: string }
  'channel.added': { channel: string; kind: string; by: string }
  'channel.removed': { channel: string; by: string }
  'channel.troubled': { channel: string; words: string }
  'channel.recovered': { channel: string }
  'chat.said': { by: string; role: string; text: string }
  'chat.acted': { by: string; role: string; action: string; words: string }
  'chat.refused': { by: string; role: string; action: string; why: string }
  'memory.tested': { problems: string[]; repaired: boolean }
  'daemon.started': { version: string }
  'daemon.stopped': { signal: string }
  'daemon.reconciled': { runs: number; worktrees: number; processes: number }
}

export type EventType = keyof EventData

export interface NewEvent<T extends EventType = EventType> {
  type: T
  goalId?: GoalId | null
  taskId?: TaskId | null
  runId?: RunId | null
  data: EventData[T]
}

/** An event as kept: ids rise without gaps being promised, so `id > cursor` is the whole of what is new. */
export type StoredEvent = {
  [T in EventType]: {
    id: number
    at: number
    type: T
    goalId: GoalId | null
    taskId: TaskId | null
    runId: RunId | null
    data: EventData[T]
  }
}[EventType]
