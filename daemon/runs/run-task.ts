import { join } from 'node:path'
import { Fault, isFault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import type { Contract } from '../../core/proof.ts'
import type { Run, RunId, Usage } from '../../core/run.ts'
import { type Task, taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import type {
  AgentDriver,
  AgentHooks,
  AgentProfile,
  AgentSession,
  AgentSpec,
  AgentUpdate,
  ModelAccess,
  RunVerdict,
  TurnEnd,
} from '../agents/agent.ts'
import { openAsk } from '../inbox/ask.ts'
import type { EventWriter } from '../orchestrator/event-writer.ts'
import { failTask } from '../orchestrator/fail-task.ts'
import { send } from '../orchestrator/jobs.ts'
import type { RunRegistry, StopReason } from '../orchestrator/run-registry.ts'
import { contractOf } from '../proof/prove-run.ts'
import type { Queue } from '../store/queue.ts'
import {
  addEvent,
  getGoal,
  getPlan,
  getRun,
  getTask,
  listAsks,
  listRuns,
  listTasks,
  listWaitingSteers,
  moveRun,
  moveTask,
  type Steer,
  takeSteers,
  updateRun,
  updateTask,
} from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { RepositoryDesk } from '../worktrees/repository-desk.ts'
import type { Capture, Repository } from '../worktrees/worktree.ts'
import { endRun } from './end-run.ts'

/** A task's worktree made ready to work in. */
export interface Workplace {
  /** Variables for the agent: ports, tool chains' caches, PATH. */
  env: Record<string, string>
  home: string
  tmp: string
}

export interface RunTaskDeps {
  store: Store
  queue: Queue
  world: World
  desk: RepositoryDesk
  registry: RunRegistry
  driver: AgentDriver
  events: EventWriter
  /** The profile and the model it talks to, which the run may ask until this is disposed of. Throws agent_not_found, agent_unavailable. */
  agent(run: Run): Promise<{ profile: AgentProfile; model: ModelAccess | null } & Disposable>
  /** Runs the repository's set-up in the worktree, or copies what it gave before. Throws setup_failed. */
  prepare(
    input: { repository: Repository; task: Task; base: string; worktree: string; runId: string },
    signal: AbortSignal,
  ): Promise<Workplace>
  /** Ends whatever a crash left of a run. Never touches a process that is not the run's. */
  endLeftovers(run: Pick<Run, 'id' | 'pid' | 'pidStart'>): Promise<void>
  permission(input: { run: Run; task: Task; goal: Goal }): AgentHooks['onPermission']
  /** What each check says on the base before the work, where it is not what its kind promises. */
  baseline?(
    input: { goal: Goal; repository: Repository; contract: Contract; base: string; tag: string },
    signal: AbortSignal,
  ): Promise<string[]>
  /** The tools of a run, for agents that take them over MCP. */
  mcpServers?(run: Pick<Run, 'id'>, profile: AgentProfile): AgentSpec['mcpServers']
  prompts: {
    start(input: PromptInput): string
    goOn(input: PromptInput): string
    resume(input: PromptInput): string
    reconcile(input: PromptInput & { conflicts: string[]; others: { title: string; brief: string }[] }): string
  }
  /** What memory says that bears on the task; null where there is nothing. */
  recall(task: Task, goal: Goal): Promise<string | null>
  verdict(error: unknown): RunVerdict
  /** Whether the way a turn ended speaks against it, should it have changed nothing. */
  turnVerdict(end: TurnEnd): RunVerdict | undefined
  runsDir: string
  silenceMs: number
  softFailuresMax: number
}

export interface PromptInput {
  task: Task
  goal: Goal
  sharedPaths: string[]
  feedback: string
  memory: string | null
}

/** Turns of one run: the prompt, and as many of the owner's later words. */
const TURNS_MAX = 20

/**
 * The job behind a run: one attempt at a task. Done again after a crash it ends what is left of the old
 * process, loads the same session and goes on. Whatever the agent says, what counts is the capture.
 */
export function createRunTask(deps: RunTaskDeps) {
  const { store, queue, world } = deps

  return async function runTask(runId: RunId, signal: AbortSignal): Promise<void> {
    // Before the rows are read: whoever stops the run from here on is heard, whoever did before stands in them.
    using live = deps.registry.open(runId)
    const run = await getRun(store.db, runId)
    if (run.state === 'ended' || run.agent === 'owner') return
    const task = await getTask(store.db, run.taskId)
    const goal = await getGoal(store.db, run.goalId)
    await deps.endLeftovers(run)
    const stop = AbortSignal.any([signal, live.signal])
    const repository = await deps.desk.get(goal.repositoryId)
    if (task.state !== 'running' || goal.state !== 'open') {
      await endStopped(run, task, goal, repository, goal.state === 'paused' ? 'paused' : 'cancelled')
      return
    }
    if ((await listAsks(store.db, { goalId: goal.id, state: 'open' })).some((ask) => ask.kind === 'limit')) {
      await endStopped(run, task, goal, repository, 'limit')
      return
    }
    const attempt = new Attempt(deps, { run, task, goal, repository })
    try {
      const surprises = await attempt.findSurprises(stop)
      if (surprises.length > 0) {
        await endSurprised(attempt, surprises)
        return
      }
      const end = await attempt.work(stop)
      await endDone(attempt, end)
    } catch (error) {
      // The daemon is stopping: the row stays as it is, the job runs again after the next start.
      if (signal.aborted) throw error
      if (live.signal.aborted) await endStopped(attempt.run, task, goal, repository, live.signal.reason as StopReason)
      else await endFailed(attempt, error)
    } finally {
      await deps.events.flush()
    }
  }

  /** A check that says the same before the work as after it proves nothing: the owner decides whether the task still has a point. */
  async function endSurprised(attempt: Attempt, surprises: readonly string[]): Promise<void> {
    const { run, task, goal } = attempt
    const label = taskLabel(goal.number, task.number)
    const note = 'its checks do not hold what they promise on the base it really has'
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      await endRun(tx, now, { run, task, goal }, { outcome: 'stopped', failure: null, note, commit: null })
      if ((await getTask(tx, task.id)).state !== 'running') return
      await moveTask(tx, now, task.id, 'blocked', { reason: note })
      await openAsk(tx, now, {
        kind: 'guard',
        goalId: goal.id,
        taskId: task.id,
        question: `Task ${label} starts on what landed before it, and there its checks do not say what the plan expects. Work on it all the same?`,
        detail: surprises.map((words) => `- ${words}`).join('\n'),
        choices: [
          { id: 'accept', label: 'Work on it all the same' },
          { id: 'drop-task', label: 'Give the task up' },
        ],
        freeText: false,
      })
    })
  }

  async function endDone(attempt: Attempt, end: TurnEnd): Promise<void> {
    const { run, task, goal } = attempt
    const captured = await attempt.capture(`refs/claw/tasks/${goal.number}/${task.number}`).catch((error) => {
      // What git would leave out without a word is the agent's to mend, not the place's.
      if (isFault(error, 'path_unsafe')) return error
      throw error
    })
    if (captured instanceof Fault) return endUncaptured(attempt, captured)
    // The task's ref moves on with the next run; what this one made stays held, because its row and proof name it.
    if (captured) await attempt.repository.setRef(`refs/claw/preserved/${run.id}`, captured.commit)
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      const note = end.text.trim().slice(0, 500) || null
      const fresh = await getTask(tx, task.id)
      await endRun(
        tx,
        now,
        { run, task, goal },
        { outcome: 'done', failure: null, note, commit: captured?.commit ?? null },
      )
      if (fresh.state !== 'running') return
      const late = (await listWaitingSteers(tx, goal.id)).some((steer) => steer.taskId === task.id)
      if (late) {
        // Said while the last turn was ending: one more run, in the same session.
        if (captured) await updateTask(tx, task.id, { commit: captured.commit })
        await moveTask(tx, now, task.id, 'ready', {
          next: { purpose: 'work', strategy: 'same-session', feedback: '', ontoCommit: fresh.next?.ontoCommit ?? null },
        })
        await send(queue, tx, 'dispatch', 'all')
        return
      }
      if (captured) {
        await addEvent(tx, now, {
          type: 'run.captured',
          goalId: goal.id,
          taskId: task.id,
          runId: run.id,
          data: { commit: captured.commit, files: captured.changes.length },
        })
        await updateTask(tx, task.id, { commit: captured.commit })
        await moveTask(tx, now, task.id, 'proving')
        await send(queue, tx, 'prove', run.id)
      } else {
        await failTask(tx, queue, world, {
          task: fresh,
          goal,
          failure: 'work',
          feedback:
            'You ended your turn, but nothing in the worktree has changed. Saying that it is done does not make it done: make the change, in files, in this worktree.',
          note: deps.turnVerdict(end)?.note ?? 'nothing was changed',
          softFailuresMax: deps.softFailuresMax,
        })
      }
    })
  }

  /** The work cannot become a commit as it lies there: its agent is told why. */
  async function endUncaptured({ run, task, goal }: Attempt, fault: Fault): Promise<void> {
    const note = fault.message
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      await endRun(tx, now, { run, task, goal }, { outcome: 'failed', failure: 'work', note, commit: null })
      const fresh = await getTask(tx, task.id)
      if (fresh.state !== 'running') return
      await failTask(tx, queue, world, {
        task: fresh,
        goal,
        failure: 'work',
        feedback: `Your work could not be taken over as a commit: ${note}. ${fault.hint ?? ''}`,
        note,
        softFailuresMax: deps.softFailuresMax,
      })
    })
  }

  async function endFailed(attempt: Attempt, error: unknown): Promise<void> {
    const { run, task, goal } = attempt
    const verdict = deps.verdict(error)
    if (!(error instanceof Fault)) world.log.error({ err: error, runId: run.id }, 'run failed')
    const captured = await attempt.capture(`refs/claw/preserved/${run.id}`).catch((second) => {
      world.log.warn({ err: second, runId: run.id }, 'work of a failed run stays in its worktree only')
      return undefined
    })
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      const outcome = isFault(error, 'session_lost') ? 'lost' : 'failed'
      await endRun(
        tx,
        now,
        { run, task, goal },
        { outcome, failure: verdict.failure, note: verdict.note, commit: captured?.commit ?? null },
      )
      const fresh = await getTask(tx, task.id)
      if (fresh.state !== 'running') return
      await failTask(tx, queue, world, {
        task: fresh,
        goal,
        failure: verdict.failure,
        feedback: `The run before this one ended early: ${verdict.note}`,
        note: verdict.note,
        softFailuresMax: deps.softFailuresMax,
        retryAt: verdict.retryAt,
        sessionLost: isFault(error, 'session_lost'),
      })
    })
  }

  /** The owner stopped it: what it did is kept, and the task waits or ends as whoever stopped it decided. */
  async function endStopped(run: Run, task: Task, goal: Goal, repository: Repository, why: StopReason): Promise<void> {
    const attempt = new Attempt(deps, { run, task, goal, repository })
    const captured = await attempt.capture(`refs/claw/preserved/${run.id}`)
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      await endRun(
        tx,
        now,
        { run, task, goal },
        { outcome: 'stopped', failure: null, note: why, commit: captured?.commit ?? null },
      )
      const fresh = await getTask(tx, task.id)
      if (fresh.state === 'running' && why !== 'taken') {
        await moveTask(tx, now, task.id, 'ready', {
          next: fresh.next ?? { purpose: 'work', strategy: 'same-session', feedback: '', ontoCommit: null },
          reason: why === 'limit' ? 'stopped at the limit' : 'paused',
        })
      }
      if (fresh.state === 'cancelled' || fresh.state === 'failed') await send(queue, tx, 'tidy', task.id)
    })
  }
}

/** One run while it lives in this process. */
class Attempt {
  readonly task: Task
  readonly goal: Goal
  readonly repository: Repository
  private readonly deps: RunTaskDeps
  run: Run
  private usage: Usage

  constructor(deps: RunTaskDeps, of: { run: Run; task: Task; goal: Goal; repository: Repository }) {
    this.deps = deps
    this.run = of.run
    this.task = of.task
    this.goal = of.goal
    this.repository = of.repository
    this.usage = of.run.usage
  }

  /**
   * A task that needs others is baselined when it starts, on the base that it really gets; at planning time that base
   * did not exist. Once, before its first run.
   */
  async findSurprises(stop: AbortSignal): Promise<string[]> {
    const { deps, run, task } = this
    if (!deps.baseline || task.spec.needs.length === 0 || run.attempt > 1 || run.sessionId !== null) return []
    const draft = (await getPlan(deps.store.db, task.planId)).draft
    if (!draft) return []
    const base = await this.takeBase()
    return deps.baseline(
      {
        goal: this.goal,
        repository: this.repository,
        contract: contractOf(task, draft),
        base,
        tag: `${run.id}/baseline`,
      },
      stop,
    )
  }

  async work(stop: AbortSignal): Promise<TurnEnd> {
    const { deps, run } = this
    const base = await this.takeBase()
    const conflicts = await this.takeWorktree(base)
    const plan = await getPlan(deps.store.db, this.task.planId)
    using agent = await deps.agent(run)
    const { profile, model } = agent
    const workplace = await deps.prepare(
      { repository: this.repository, task: this.task, base, worktree: run.worktree, runId: run.id },
      stop,
    )
    stop.throwIfAborted()
    const before = await this.sessionBefore()
    const session = await this.openSession(profile, model, workplace, run.sessionId ?? before)
    // Whatever ends this, nothing of the agent is alive afterwards.
    const onStop = () => void session.stop()
    stop.addEventListener('abort', onStop, { once: true })
    try {
      let steers = await this.waitingSteers()
      const words: PromptInput = {
        task: this.task,
        goal: this.goal,
        sharedPaths: plan.draft?.sharedPaths ?? [],
        feedback: [this.task.next?.feedback ?? '', steersInWords(steers)].filter(Boolean).join('\n\n'),
        memory: await deps.recall(this.task, this.goal),
      }
      let text = this.firstPrompt(words, conflicts, await this.landedOthers(), before !== null)
      for (let turn = 0; ; turn++) {
        const end = await session.prompt(text)
        stop.throwIfAborted()
        await this.endTurn(end.usage, run.turns + turn + 1, steers)
        steers = await this.waitingSteers()
        if (steers.length === 0 || turn >= TURNS_MAX) return end
        text = steersInWords(steers)
      }
    } catch (error) {
      stop.throwIfAborted()
      throw error
    } finally {
      stop.removeEventListener('abort', onStop)
      await session.stop()
    }
  }

  private firstPrompt(
    words: PromptInput,
    conflicts: string[],
    others: { title: string; brief: string }[],
    sameSession: boolean,
  ): string {
    const { prompts } = this.deps
    if (this.run.sessionId !== null) return prompts.resume(words)
    if (this.run.purpose === 'reconcile') return prompts.reconcile({ ...words, conflicts, others })
    if (sameSession) return prompts.goOn(words)
    return words.feedback ? `${prompts.start(words)}\n\n${prompts.goOn(words)}` : prompts.start(words)
  }

  /** What the task is built on: fixed once, at its first start, as the goal's branch is then. */
  private async takeBase(): Promise<string> {
    if (this.task.baseCommit) return this.task.baseCommit
    const head = await this.repository.find(`refs/heads/${this.goal.branch}`)
    if (!head) throw new Error(`goal ${this.goal.id} has no branch`)
    await this.deps.store.transaction((tx) => updateTask(tx, this.task.id, { baseCommit: head }))
    this.task.baseCommit = head
    return head
  }

  /** The worktree as this run wants it. Answers the files in conflict that a reconciling run has to settle. */
  private async takeWorktree(base: string): Promise<string[]> {
    const { repository, run, task } = this
    const exists = (await repository.listWorktrees()).some((worktree) => worktree.path === run.worktree)
    if (!exists)
      await repository.addWorktree(run.worktree, task.next?.purpose === 'reconcile' ? base : (task.commit ?? base))
    if (run.sessionId !== null) return []
    const ontoCommit = task.next?.ontoCommit
    if (run.purpose === 'reconcile' && ontoCommit) {
      if (exists) await repository.resetWorktree(run.worktree, base)
      return repository.startMerge(run.worktree, task.commit ?? ontoCommit)
    }
    const last = (await listRuns(this.deps.store.db, { taskId: task.id })).findLast(
      (other) => other.id !== run.id && other.commit !== null,
    )
    // Something else than the last run's work is to be gone on from: a merge that turned out red.
    if (exists && task.commit && last?.outcome === 'done' && last.commit !== task.commit)
      await repository.resetWorktree(run.worktree, task.commit)
    return []
  }

  /** The session of the run before, where this one is to go on in it. */
  private async sessionBefore(): Promise<string | null> {
    if (this.task.next?.strategy !== 'same-session') return null
    const runs = await listRuns(this.deps.store.db, { taskId: this.task.id })
    const last = runs.findLast(
      (other) => other.id !== this.run.id && other.agent === this.run.agent && other.sessionId !== null,
    )
    return last?.sessionId ?? null
  }

  /** What is on the goal's branch already: the other side of a conflict. */
  private async landedOthers(): Promise<{ title: string; brief: string }[]> {
    if (this.run.purpose !== 'reconcile') return []
    const tasks = await listTasks(this.deps.store.db, this.goal.id)
    return tasks
      .filter((task) => task.state === 'done')
      .map((task) => ({ title: task.spec.title, brief: task.spec.brief }))
  }

  /** The owner's later words for this task. They count as told once the turn that told them has ended. */
  private async waitingSteers(): Promise<Steer[]> {
    return (await listWaitingSteers(this.deps.store.db, this.goal.id)).filter((steer) => steer.taskId === this.task.id)
  }

  private async openSession(
    profile: AgentProfile,
    model: ModelAccess | null,
    workplace: Workplace,
    sessionId: string | null,
  ): Promise<AgentSession> {
    const { deps, run } = this
    const open = (id: string | null) =>
      deps.driver.open(
        {
          runId: run.id,
          profile,
          worktree: run.worktree,
          readable: [this.repository.gitDir],
          home: workplace.home,
          tmp: workplace.tmp,
          sessionId: id,
          model,
          env: workplace.env,
          mcpServers: deps.mcpServers?.(run, profile) ?? [],
          wireFile: join(deps.runsDir, this.task.id, `${run.id}.wire`),
          silenceMs: deps.silenceMs,
        },
        {
          onSpawned: ({ pid, pidStart }) => deps.store.transaction((tx) => updateRun(tx, run.id, { pid, pidStart })),
          onUpdate: (update) => this.onUpdate(update),
          onPermission: deps.permission({ run, task: this.task, goal: this.goal }),
        },
      )
    let session: AgentSession
    try {
      session = await open(sessionId)
    } catch (error) {
      // A session of an earlier run that cannot be loaded costs nothing but its memory of it.
      if (!isFault(error, 'session_lost') || sessionId === null || run.sessionId !== null) throw error
      sessionId = null
      session = await open(null)
    }
    await deps.store.transaction(async (tx) => {
      const now = deps.world.clock.now()
      const fresh = await getRun(tx, run.id)
      if (fresh.state !== 'running') await moveRun(tx, run.id, 'running')
      await updateRun(tx, run.id, { sessionId: session.sessionId })
      await addEvent(tx, now, {
        type: 'run.sessionOpened',
        goalId: this.goal.id,
        taskId: this.task.id,
        runId: run.id,
        data: { sessionId: session.sessionId, resumed: sessionId !== null },
      })
    })
    return session
  }

  private onUpdate(update: AgentUpdate): void {
    const { deps, run, task, goal } = this
    const about = { goalId: goal.id, taskId: task.id, runId: run.id }
    if (update.kind === 'usage') return
    const text =
      update.kind === 'tool'
        ? `${update.title}${update.status === 'failed' ? ' (failed)' : ''}`
        : update.kind === 'plan'
          ? update.entries.map((entry) => `${entry.status === 'completed' ? '✓' : '·'} ${entry.text}`).join('\n')
          : update.text
    if (update.kind === 'tool' && update.status === 'pending') return
    deps.events.write({
      type: 'run.updated',
      ...about,
      data: { kind: update.kind === 'tool' ? `tool ${update.status}` : update.kind, text: text.slice(0, 4_000) },
    })
  }

  private async endTurn(usage: Usage, turns: number, told: readonly Steer[]): Promise<void> {
    const { store, world } = this.deps
    this.usage = {
      inputTokens: this.usage.inputTokens + usage.inputTokens,
      cachedTokens: this.usage.cachedTokens + usage.cachedTokens,
      outputTokens: this.usage.outputTokens + usage.outputTokens,
      usd: usage.usd === null ? this.usage.usd : (this.usage.usd ?? 0) + usage.usd,
    }
    await store.transaction(async (tx) => {
      await updateRun(tx, this.run.id, { usage: this.usage, turns })
      await takeSteers(
        tx,
        world.clock.now(),
        told.map((steer) => steer.id),
      )
    })
  }

  /** All that the worktree holds beyond the base, as a commit that `ref` names. */
  async capture(ref: string): Promise<Capture | undefined> {
    const { repository, run, task, goal } = this
    const base = task.baseCommit
    if (!base || !(await repository.listWorktrees()).some((worktree) => worktree.path === run.worktree))
      return undefined
    const label = taskLabel(goal.number, task.number)
    const ontoCommit = task.next?.ontoCommit
    const author = await repository.identity()
    return repository.capture({
      path: run.worktree,
      base,
      ref,
      message: `${task.spec.title}\n\nTask ${label} of goal #${goal.number}: ${goal.text.split('\n')[0]!.slice(0, 200)}`,
      trailers: [
        `Claw-Goal: #${goal.number}`,
        `Claw-Task: ${label}`,
        `Claw-Run: ${run.id}`,
        ...(run.agent === 'owner' ? [] : [`Co-authored-by: ${run.agent} <${run.agent}@claw.invalid>`]),
      ],
      author,
      ...(ontoCommit && ontoCommit !== base ? { mergedParents: [ontoCommit] } : {}),
    })
  }
}

function steersInWords(steers: readonly Steer[]): string {
  return steers.map((steer) => `The owner adds: ${steer.text}`).join('\n\n')
}
