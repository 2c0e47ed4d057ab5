import { join } from 'node:path'
import { isFault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import type { Run, Usage } from '../../core/run.ts'
import { type Task, taskLabel } from '../../core/task.ts'
import type { ActPlace } from '../acts/acts.ts'
import type { AgentProfile, AgentSession, AgentUpdate, ModelAccess, TurnEnd } from '../agents/agent.ts'
import { countedPrompt } from '../agents/counted-prompt.ts'
import { addUsage, NO_USAGE } from '../brain/usage.ts'
import { contractOf } from '../proof/contract-of.ts'
import { type Credentials, handOver, inWords } from '../secrets/credentials.ts'
import { addEvent, getPlan, getRun, listRuns, listTasks, moveRun, updateRun, updateTask } from '../store/rows.ts'
import type { Capture, Repository } from '../worktrees/worktree.ts'
import { type CleanUpdates, createCleanUpdates } from './clean-updates.ts'
import { markTold, type OwnerWords, unheardWords, wordsToGoOn } from './owner-words.ts'
import type { PromptInput, RunTaskDeps, Workplace } from './run-deps.ts'

/** Turns of one run: the prompt, and as many of the owner's later words. */
const TURNS_MAX = 20

const NO_CREDENTIALS: Credentials = { given: [], missing: [] }

/** One run while it lives in this process. */
export class Attempt {
  readonly task: Task
  readonly goal: Goal
  readonly repository: Repository
  private readonly deps: RunTaskDeps
  run: Run
  /** Of an act: what may have happened before this run. */
  already = ''
  private usage: Usage
  private readonly updates: CleanUpdates

  constructor(deps: RunTaskDeps, of: { run: Run; task: Task; goal: Goal; repository: Repository }) {
    this.deps = deps
    this.run = of.run
    this.task = of.task
    this.goal = of.goal
    this.repository = of.repository
    this.usage = of.run.usage
    this.updates = createCleanUpdates(deps.redactor)
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
    const credentials = (await deps.credentials?.({ run, task: this.task, goal: this.goal }, stop)) ?? NO_CREDENTIALS
    using handed = handOver(credentials, workplace.home)
    workplace.env = { ...workplace.env, ...handed.env }
    await using place = await this.openPlace(workplace)
    stop.throwIfAborted()
    const before = await this.sessionBefore()
    const session = await this.openSession(profile, model, workplace, place, run.sessionId ?? before)
    // Whatever ends this, nothing of the agent is alive afterwards.
    const onStop = () => void session.stop()
    stop.addEventListener('abort', onStop, { once: true })
    try {
      let told = await unheardWords(deps.store.db, run)
      const words: PromptInput = {
        task: this.task,
        goal: this.goal,
        sharedPaths: plan.draft?.sharedPaths ?? [],
        offLimits: plan.draft?.offLimits ?? [],
        feedback: [this.task.next?.feedback ?? '', told.text, this.already].filter(Boolean).join('\n\n'),
        memory: await deps.recall(this.task, this.goal),
      }
      const first = this.firstPrompt(words, conflicts, await this.landedOthers(), before !== null)
      let text = [first, inWords(credentials)].filter(Boolean).join('\n\n')
      for (let turn = 0; ; turn++) {
        const end = await countedPrompt(session, text, agent.openTurn)
        stop.throwIfAborted()
        await this.endTurn(end.usage, run.turns + turn + 1, told)
        told = await wordsToGoOn(deps.store, this.run, stop)
        if (told.text === '' || turn >= TURNS_MAX) return end
        text = told.text
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
    if (this.task.spec.act) return prompts.act(words)
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

  /** What an act may touch beside its worktree; null for every other task. */
  private async openPlace({ env }: Workplace): Promise<ActPlace | null> {
    const { deps, task, goal, run } = this
    return task.spec.act ? await deps.acts.open({ task, goal, runId: run.id, path: env['PATH'] ?? '' }) : null
  }

  private async openSession(
    profile: AgentProfile,
    model: ModelAccess | null,
    workplace: Workplace,
    place: ActPlace | null,
    sessionId: string | null,
  ): Promise<AgentSession> {
    const { deps, run } = this
    const usedBefore = await this.usedBefore(sessionId)
    const open = (id: string | null) =>
      deps.driver.open(
        {
          runId: run.id,
          profile,
          worktree: run.worktree,
          readable: [this.repository.gitDir, ...(place?.readable ?? [])],
          writable: place?.writable ?? [],
          hosts: [...(workplace.hosts ?? []), ...(place?.hosts ?? [])],
          home: workplace.home,
          tmp: workplace.tmp,
          sessionId: id,
          usedBefore,
          model,
          env: { ...workplace.env, ...place?.env },
          mcpServers: deps.mcpServers?.(run, profile) ?? [],
          wireFile: join(deps.runsDir, this.task.id, `${run.id}.wire`),
          silenceMs: deps.silenceMs,
        },
        {
          onSpawned: ({ pid, pidStart }) => deps.store.transaction((tx) => updateRun(tx, run.id, { pid, pidStart })),
          onUpdate: (update) => {
            for (const clean of this.updates.add(update)) this.write(clean)
          },
          onPermission: deps.permission({ run, task: this.task, goal: this.goal }),
          ...(deps.askHost ? { onHost: deps.askHost({ run, task: this.task, goal: this.goal }) } : {}),
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

  /** What the runs of a session have used together. */
  private async usedBefore(sessionId: string | null): Promise<Usage | undefined> {
    if (sessionId === null) return undefined
    const runs = await listRuns(this.deps.store.db, { taskId: this.task.id })
    return runs.filter((run) => run.sessionId === sessionId).reduce((sum, { usage }) => addUsage(sum, usage), NO_USAGE)
  }

  private write(update: AgentUpdate): void {
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

  private async endTurn(usage: Usage, turns: number, told: OwnerWords): Promise<void> {
    for (const clean of this.updates.end()) this.write(clean)
    const { store, world } = this.deps
    this.usage = {
      inputTokens: this.usage.inputTokens + usage.inputTokens,
      cachedTokens: this.usage.cachedTokens + usage.cachedTokens,
      outputTokens: this.usage.outputTokens + usage.outputTokens,
      usd: usage.usd === null ? this.usage.usd : (this.usage.usd ?? 0) + usage.usd,
    }
    await store.transaction(async (tx) => {
      await updateRun(tx, this.run.id, { usage: this.usage, turns })
      await markTold(tx, world.clock.now(), told)
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
