/**
 * What tools need from above, stated as small interfaces; the daemon meets them.
 */
import type { Ask } from '../core/ask.ts'
import type { StoredEvent } from '../core/events.ts'
import type { Goal } from '../core/goal.ts'
import type { Landing } from '../core/landing.ts'
import type { Plan, PlanDraft } from '../core/plan.ts'
import type { Proof } from '../core/proof.ts'
import type { Run } from '../core/run.ts'
import type { Firing, Schedule } from '../core/schedule.ts'
import type { Task } from '../core/task.ts'

/** Everything that an owner may do. */
export interface OwnerContext {
  goals: GoalsForTools
  inbox: InboxForTools
  schedules: SchedulesForTools
  events: EventsForTools
  getProof(id: string): Promise<Proof>
  /** Proofs of late, newest first, for lists and completion. */
  listProofs(limit: number): Promise<Pick<Proof, 'id' | 'kind' | 'passed' | 'createdAt'>[]>
  status(): Promise<StatusForTools>
  /** Undefined where there is no memory. */
  memory: MemoryForTools | undefined
}

export interface GoalsForTools {
  add(input: {
    text: string
    repo?: string | null | undefined
    branch?: string | null | undefined
    land?: Goal['land'] | null | undefined
    autonomy?: Goal['autonomy'] | null | undefined
    minutesMax?: number | null | undefined
    attemptsMax?: number | null | undefined
    usdMax?: number | null | undefined
    agent?: string | null | undefined
    plan?: PlanDraft | null | undefined
    source: { surface: 'mcp'; from: string | null }
    idempotencyKey?: string | null | undefined
  }): Promise<GoalSummaryForTools>
  /** Newest first; the next page comes `before` the number of the last one. */
  list(filter?: {
    state?: 'open' | 'ended' | 'all'
    limit?: number | undefined
    before?: number | undefined
  }): Promise<GoalSummaryForTools[]>
  show(goal: string): Promise<GoalForTools>
  showTask(task: string): Promise<TaskForTools>
  steer(goalOrTask: string, text: string, by: string): Promise<'planner' | 'run' | 'next-run'>
  pause(goal: string, by: string): Promise<void>
  resume(goal: string, by: string): Promise<void>
  cancel(goal: string, by: string): Promise<void>
  review(goalOrTask: string): Promise<ReviewForTools>
  accept(goalOrTask: string, by: string): Promise<void>
  reject(goalOrTask: string, comment: string, by: string): Promise<void>
  take(task: string, by: string): Promise<{ worktree: string }>
  give(task: string, by: string): Promise<void>
  undo(
    goal: string,
    by: string,
  ): Promise<{
    branch: string | null
    commit: string | null
    ask: number | null
    steps: string | null
    note: string | null
  }>
  report(goal: string): Promise<{ file: string; markdown: string }>
}

export interface GoalSummaryForTools {
  goal: Goal
  status: string
  words: string
  repository: string | null
  tasks: { total: number; done: number; running: number; failed: number }
  openAsks: number
}

export interface TaskForTools {
  label: string
  task: Task
  runs: Run[]
  proofs: Proof[]
  needs: string[]
}

export interface GoalForTools extends GoalSummaryForTools {
  plan: Plan | null
  versions: { version: number; state: string; reasons: string[]; author: string }[]
  taskViews: TaskForTools[]
  landings: Landing[]
  proofs: Proof[]
  asks: Ask[]
}

export interface ReviewForTools {
  title: string
  diff: string
  changes: { path: string; kind: string; insertions: number | null; deletions: number | null }[]
  proof: Proof | null
  asks: Ask[]
}

export interface InboxForTools {
  list(): Promise<Ask[]>
  get(ask: string): Promise<Ask>
  answer(ask: string, answer: { choice?: string | null; text?: string | null; by: string }): Promise<Ask>
}

/** What adds goals by itself. A schedule is named by its number, name or id; throws schedule_not_found. */
export interface SchedulesForTools {
  preview(input: NewScheduleForTools): Promise<Omit<ScheduleForTools, 'last'>>
  add(input: NewScheduleForTools): Promise<ScheduleForTools>
  list(filter: { state: 'open' | 'all' }): Promise<ScheduleForTools[]>
  show(schedule: string): Promise<ScheduleForTools>
  pause(schedule: string, by: string): Promise<void>
  resume(schedule: string, by: string): Promise<void>
  remove(schedule: string, by: string): Promise<void>
  /** On the disk when it answers; its goal follows. */
  run(schedule: string, by: string): Promise<{ firing: Pick<Firing, 'id'> }>
}

export interface NewScheduleForTools {
  name: string | null
  when:
    | { text: string; timezone: string | null }
    | { after: { kind: 'goal' | 'schedule'; name: string }; on: 'met' | 'dropped' | 'ended' }
  goal: {
    text: string
    repo?: string | undefined
    branch?: string | undefined
    land?: Goal['land'] | undefined
    autonomy?: Goal['autonomy'] | undefined
    minutesMax?: number | undefined
    attemptsMax?: number | undefined
    usdMax?: number | undefined
    agent?: string | undefined
  }
  condition: { command: string } | null
  misfire: Schedule['misfire']
  overlap: Schedule['overlap'] | null
  firingsMax: number | null
  idempotencyKey?: string | null
}

export interface ScheduleForTools {
  schedule: Schedule
  timezone: string
  upcoming: number[]
  last: { firing: Pick<Firing, 'state'>; goal: { number: number } | null } | null
}

/** The event table: pages by cursor, and a nudge when there is more. */
export interface EventsForTools {
  page(filter: { after: number; limit: number; goalId?: string }): Promise<StoredEvent[]>
  onNew(listener: () => void): Disposable
}

export interface StatusForTools {
  version: string
  brain: string
  model: string | null
  memory: string
  sandbox: { name: string; words: string }
  agents: { name: string; found: boolean; words: string }[]
  goals: { open: number; waiting: number }
  runs: number
}

/** Long-term memory as tools need it. */
export interface MemoryForTools {
  /** Best first. `words` says why there is nothing, or what kind of search was not possible. */
  recall(question: string, options: { scopes?: readonly string[]; limit: number }): Promise<RecallForTools>
  /** Answers what became of it: a new note, joined with a note about the same, or known already. */
  remember(note: NewNoteForTools): Promise<{ noteId: string; became: 'added' | 'merged' | 'known'; words: string }>
  /** Throws note_not_found. What is forgotten can be brought back from the notes' history. */
  forget(noteId: string, by: string): Promise<void>
  list(filter: { scope?: string; kind?: NoteKindForTools; after?: string; limit: number }): Promise<NoteLineForTools[]>
  /** Throws note_not_found. */
  show(noteId: string): Promise<NoteForTools>
}

export const NOTE_KINDS = ['fact', 'preference', 'decision', 'recipe', 'episode', 'lesson'] as const
export type NoteKindForTools = (typeof NOTE_KINDS)[number]

export interface RecallForTools {
  passages: PassageForTools[]
  words: string | null
}

export interface PassageForTools {
  noteId: string
  title: string
  text: string
  /** Where it came from: `owner`, `run`, `fetched` … */
  source: string
  /** When it was so, as an ISO moment; null where unknown. */
  date: string | null
  /** False for text that nobody vouches for. */
  trusted: boolean
}

export interface NewNoteForTools {
  text: string
  title?: string
  kind: NoteKindForTools
  /** `global`, `repo:<id>` or `goal:<id>`. */
  scope: string
  source: { from: 'owner' | 'run'; ref: string | null }
  by: string
}

export interface NoteLineForTools {
  noteId: string
  kind: NoteKindForTools
  scope: string
  title: string
  date: string | null
  pinned: boolean
}

export interface NoteForTools extends NoteLineForTools {
  source: string
  trusted: boolean
  supersededBy: string | null
  markdown: string
}

/** What an agent at work may do: only what concerns its own task. Nothing here takes an id. */
export interface RunContext {
  brief(): Promise<BriefForTools>
  /** Scratch notes that the tasks of one goal share. Oldest first. */
  readScratch(): Promise<ScratchLine[]>
  /** Throws input_invalid where the pad is full. */
  appendScratch(text: string): Promise<void>
  /** Told to whoever watches; it moves no state. */
  progress(text: string): Promise<void>
  /**
   * Puts a question to the owner and waits at most `waitMs`. The same words again find the same question
   * and, once given, its answer, also after a restart.
   */
  askOwner(
    question: { question: string; detail: string; choices: string[]; freeText: boolean },
    waitMs: number,
    signal: AbortSignal,
  ): Promise<OwnerSaid>
  /** Bound to the task's repository and goal. Undefined where there is no memory. */
  memory: RunMemory | undefined
  /** Undefined where there is no place for skills. */
  skills: SkillsForRun | undefined
  /** Undefined where the owner has no other servers. */
  outside: OutsideForRun | undefined
}

/** Descriptions of how work is done, that the owner lets runs use. */
export interface SkillsForRun {
  list(): Promise<{ name: string; description: string }[]>
  /** Throws skill_not_found. */
  use(name: string): Promise<{ name: string; markdown: string; files: string[]; folder: string | null }>
}

/** Tools of the owner's other MCP servers, as far as the owner gives them to runs. */
export interface OutsideForRun {
  offered(): Promise<OutsideToolForRun[]>
  /** The text is marked as coming from outside. Throws tool_not_found, tool_refused, tool_server_unavailable. */
  call(
    name: string,
    input: Record<string, unknown>,
    options: { signal: AbortSignal; onProgress(done: number, words: string): void },
  ): Promise<{ state: 'answered'; text: string; isError: boolean } | { state: 'open'; ask: number }>
}

export interface OutsideToolForRun {
  name: string
  title: string
  description: string
  inputSchema: Record<string, unknown>
}

export interface RunMemory {
  recall(question: string, limit: number): Promise<RecallForTools>
  remember(note: {
    text: string
    title?: string
    kind: 'fact' | 'decision' | 'lesson'
  }): Promise<{ noteId: string; words: string }>
}

export interface BriefForTools {
  task: string
  title: string
  attempt: number
  brief: string
  goal: string
  footprint: string[]
  sharedPaths: string[]
  checks: { name: string; command: string; kind: 'fails-before' | 'holds' }[]
  feedback: string | null
  others: { task: string; title: string; state: string }[]
}

export interface ScratchLine {
  task: string
  text: string
  at: number
}

export type OwnerSaid =
  | { state: 'answered'; ask: number; choice: string | null; text: string | null }
  | { state: 'open'; ask: number }
  | { state: 'closed'; ask: number }
