import { readFile } from 'node:fs/promises'
import { Fault } from '../../core/fault.ts'
import { type Goal, isGoalEnded } from '../../core/goal.ts'
import { newId } from '../../core/id.ts'
import type { Proof } from '../../core/proof.ts'
import { isTaskEnded, type Task, taskLabel } from '../../core/task.ts'
import type { Acts } from '../acts/acts.ts'
import { mootAsk } from '../inbox/ask.ts'
import type { Inbox } from '../inbox/inbox.ts'
import { dropGoal, wakeJobs } from '../orchestrator/carry-out.ts'
import { send } from '../orchestrator/jobs.ts'
import type { RunRegistry } from '../orchestrator/run-registry.ts'
import { gather } from '../orchestrator/snapshot.ts'
import type { Verify } from '../proof/prove-run.ts'
import {
  addEvent,
  addRun,
  addSteer,
  getGoal,
  getTask,
  listAsks,
  listProofs,
  listRuns,
  moveGoal,
  moveRun,
  moveTask,
  pageGoals,
  updateGoal,
  updateTask,
} from '../store/rows.ts'
import type { Tx } from '../store/tables.ts'
import { type AddGoalDeps, createAddGoal } from './add-goal.ts'
import { type Goals, LISTED_DEFAULT } from './goals.ts'
import { goalNamed, isTaskName, taskNamed } from './names.ts'
import { readView, view } from './show-goal.ts'
import { summarize } from './summary.ts'
import { createUndo } from './undo.ts'
import type { ReviewView } from './views.ts'

export interface StoreGoalsDeps extends AddGoalDeps {
  inbox: Inbox
  registry: RunRegistry
  verify: Verify
  acts: Pick<Acts, 'probe'>
  /** Where a task's worktree goes when the owner takes it before any run had one. */
  worktreeOf(label: string, taskId: string): string
}

/** Bytes of a diff that a review shows. */
const DIFF_BYTES_MAX = 1_000_000

export function createStoreGoals(deps: StoreGoalsDeps): Goals {
  const { store, queue, world, desk, registry, inbox } = deps
  const add = createAddGoal(deps)
  const undo = createUndo(deps)
  const now = () => world.clock.now()

  async function advance(tx: Tx, goal: Goal): Promise<void> {
    await send(queue, tx, 'advance', goal.id)
  }

  function assertOpen(goal: Goal): void {
    if (isGoalEnded(goal.state))
      throw new Fault('move_refused', `Goal #${goal.number} is ${goal.state}: ${goal.outcome ?? ''}`)
  }

  return {
    async add(input) {
      const [summary] = await summarize(store.db, now(), [await add(input)])
      return summary!
    },

    async list({ state = 'all', limit = LISTED_DEFAULT, before } = {}) {
      const states =
        state === 'open' ? (['open', 'paused'] as const) : state === 'ended' ? (['met', 'dropped'] as const) : undefined
      return summarize(store.db, now(), await pageGoals(store.db, { states, limit, before }))
    },

    show: (name) => readView(store.db, now(), name),

    async showTask(name) {
      const { task, goal } = await taskNamed(store.db, name)
      const { taskViews } = await view(store.db, now(), goal)
      return taskViews.find((other) => other.task.id === task.id)!
    },

    async steer(name, text, by) {
      const { task, goal } = isTaskName(name)
        ? await taskNamed(store.db, name)
        : { task: null, goal: await goalNamed(store.db, name) }
      assertOpen(goal)
      if (task && isTaskEnded(task.state))
        throw new Fault(
          'move_refused',
          `Task ${taskLabel(goal.number, task.number)} is ${task.state}; steer the goal instead`,
        )
      if (task?.state === 'landing')
        throw new Fault(
          'move_refused',
          `Task ${taskLabel(goal.number, task.number)} is proven and being merged; steer the goal instead`,
        )
      const live =
        task !== null && (await listRuns(store.db, { taskId: task.id })).some((run) => registry.isLive(run.id))
      await store.transaction(async (tx) => {
        await addEvent(tx, now(), { type: 'goal.steered', goalId: goal.id, taskId: task?.id ?? null, data: { text } })
        await addSteer(tx, now(), { goalId: goal.id, taskId: task?.id ?? null, text, by })
        if (!task) await advance(tx, goal)
      })
      return live ? 'run' : task ? 'next-run' : 'planner'
    },

    async pause(name, by) {
      const goal = await goalNamed(store.db, name)
      await store.transaction(async (tx) => {
        await moveGoal(tx, await getGoal(tx, goal.id), 'paused')
        await addEvent(tx, now(), { type: 'goal.paused', goalId: goal.id, data: { by } })
      })
      const runs = await listRuns(store.db, { goalId: goal.id })
      await Promise.all(
        runs
          .filter((run) => run.state !== 'ended' && run.agent !== 'owner')
          .map((run) => registry.stop(run.id, 'paused')),
      )
    },

    async resume(name, by) {
      const goal = await goalNamed(store.db, name)
      await store.transaction(async (tx) => {
        const fresh = await getGoal(tx, goal.id)
        if (fresh.quarantine !== null) {
          await updateGoal(tx, goal.id, { quarantine: null })
          for (const ask of await listAsks(tx, { goalId: goal.id }))
            if (ask.kind === 'quarantine') await mootAsk(tx, now(), ask)
          await wakeJobs(tx, queue, await gather(tx, now(), goal.id))
        } else await moveGoal(tx, fresh, 'open')
        await addEvent(tx, now(), { type: 'goal.resumed', goalId: goal.id, data: { by } })
        await advance(tx, goal)
        await send(queue, tx, 'dispatch', 'all')
      })
    },

    async cancel(name, by) {
      const goal = await goalNamed(store.db, name)
      const effects = await store.transaction((tx) => dropGoal(tx, queue, now(), goal.id, `cancelled by ${by}`))
      await Promise.all(effects.map((effect) => registry.stop(effect.stopRun, effect.why)))
    },

    async review(name) {
      return isTaskName(name) ? reviewTask(name) : reviewGoal(name)
    },

    async accept(name, by) {
      const asks = await reviewAsks(name)
      for (const ask of asks)
        await inbox.answer(ask.id, {
          choice: ask.choices.find((choice) => choice.id === 'accept' || choice.id === 'yes')?.id ?? null,
          by,
        })
    },

    async reject(name, comment, by) {
      const asks = await reviewAsks(name)
      for (const ask of asks)
        await inbox.answer(ask.id, {
          choice: ask.choices.find((choice) => choice.id === 'reject' || choice.id === 'no')?.id ?? null,
          text: comment,
          by,
        })
    },

    async take(name, by) {
      const { task, goal } = await taskNamed(store.db, name)
      const label = taskLabel(goal.number, task.number)
      assertOpen(goal)
      if (task.spec.act)
        throw new Fault(
          'move_refused',
          `Task ${label} works outside a worktree, with credentials of its own; there is nothing to take over`,
          { hint: `Tell its agent (claw steer ${label} …), or cancel the goal and use the undo list.` },
        )
      if (task.state === 'proving' || task.state === 'landing' || isTaskEnded(task.state)) {
        throw new Fault('move_refused', `Task ${label} is ${task.state} and cannot be taken over`, {
          hint: isTaskEnded(task.state)
            ? 'Give a new goal for what is left.'
            : 'Wait until it is back, or pause the goal.',
        })
      }
      const runs = await listRuns(store.db, { taskId: task.id })
      if (runs.some((run) => run.state !== 'ended' && run.agent === 'owner')) return { worktree: task.worktree! }
      await endForTaking(task, by)
      const repository = await desk.get(goal.repositoryId)
      const base = task.baseCommit ?? (await repository.find(`refs/heads/${goal.branch}`))
      if (!base)
        throw new Fault('move_refused', `Task ${label} has nothing to start from yet; the goal is still being planned`)
      const worktree = task.worktree ?? deps.worktreeOf(label, task.id)
      if (!(await repository.listWorktrees()).some((other) => other.path === worktree))
        await repository.addWorktree(worktree, task.commit ?? base)
      await store.transaction(async (tx) => {
        const fresh = await getTask(tx, task.id)
        for (const ask of await listAsks(tx, { goalId: goal.id }))
          if (ask.taskId === task.id) await mootAsk(tx, now(), ask)
        if (fresh.state === 'blocked') await moveTask(tx, now(), task.id, 'ready', { next: fresh.next })
        if (fresh.state !== 'running')
          await moveTask(tx, now(), task.id, 'running', { worktree, next: fresh.next, reason: `taken over by ${by}` })
        await updateTask(tx, task.id, { baseCommit: base, worktree })
        await addRun(tx, {
          id: newId('run', now()),
          taskId: task.id,
          goalId: goal.id,
          attempt: (await listRuns(tx, { taskId: task.id })).length + 1,
          purpose: 'work',
          agent: 'owner',
          state: 'waiting',
          outcome: null,
          failure: null,
          note: `taken over by ${by}`,
          worktree,
          pid: null,
          pidStart: null,
          sessionId: null,
          turns: 0,
          commit: null,
          usage: { inputTokens: 0, cachedTokens: 0, outputTokens: 0, usd: null },
          startedAt: now(),
          endedAt: null,
        })
      })
      return { worktree }
    },

    async give(name, by) {
      const { task, goal } = await taskNamed(store.db, name)
      const label = taskLabel(goal.number, task.number)
      const run = (await listRuns(store.db, { taskId: task.id })).findLast(
        (other) => other.agent === 'owner' && other.state !== 'ended',
      )
      if (!run || task.state !== 'running') {
        throw new Fault('move_refused', `Task ${label} is not in your hands`, {
          hint: `\`claw take ${label}\` takes it over.`,
        })
      }
      const repository = await desk.get(goal.repositoryId)
      const captured = await repository.capture({
        path: run.worktree,
        base: task.baseCommit!,
        ref: `refs/claw/tasks/${goal.number}/${task.number}`,
        message: `${task.spec.title}\n\nTask ${label} of goal #${goal.number}`,
        trailers: [`Claw-Goal: #${goal.number}`, `Claw-Task: ${label}`, `Claw-Run: ${run.id}`],
        author: await repository.identity(),
        ...(task.next?.ontoCommit && task.next.ontoCommit !== task.baseCommit
          ? { mergedParents: [task.next.ontoCommit] }
          : {}),
      })
      if (!captured)
        throw new Fault('move_refused', `nothing has changed in ${run.worktree}`, {
          hint: 'Change something there, or `claw goal cancel` the goal.',
        })
      await repository.setRef(`refs/claw/preserved/${run.id}`, captured.commit)
      await store.transaction(async (tx) => {
        await moveRun(tx, run.id, 'ended', {
          outcome: 'done',
          note: `done by ${by}`,
          commit: captured.commit,
          endedAt: now(),
        })
        await updateTask(tx, task.id, { commit: captured.commit })
        await moveTask(tx, now(), task.id, 'proving')
        await addEvent(tx, now(), {
          type: 'run.captured',
          goalId: goal.id,
          taskId: task.id,
          runId: run.id,
          data: { commit: captured.commit, files: captured.changes.length },
        })
        await send(queue, tx, 'prove', run.id)
      })
    },

    async reprove(name) {
      const { task, goal } = await taskNamed(store.db, name)
      const label = taskLabel(goal.number, task.number)
      const recorded = (await listProofs(store.db, { taskId: task.id })).findLast((proof) => proof.kind === 'task')
      if (!recorded) throw new Fault('proof_not_found', `Task ${label} has no proof yet; it is ${task.state}`)
      if (task.spec.act) {
        const looking = { task, goal, isAfterWork: false, tag: `${recorded.id}/again` }
        const results = await deps.acts.probe(looking, new AbortController().signal)
        const passed = results.length > 0 && results.every((result) => result.passed)
        return { recorded, again: { results, tree: recorded.tree, passed } }
      }
      const repository = await desk.get(goal.repositoryId)
      const again = await deps.verify(
        {
          goal,
          kind: 'task',
          repository,
          contract: recorded.contract,
          base: recorded.base,
          commit: recorded.commit,
          tag: `${recorded.id}/again`,
        },
        new AbortController().signal,
      )
      return {
        recorded,
        again: { results: again.results, tree: again.tree, passed: again.passed },
      }
    },

    undo,

    async report(name) {
      const goal = await goalNamed(store.db, name)
      if (!goal.reportFile) {
        throw new Fault('report_not_found', `Goal #${goal.number} has no report yet; it is ${goal.state}`, {
          hint: `\`claw goal show ${goal.number}\` shows where it stands.`,
        })
      }
      return { file: goal.reportFile, markdown: await readFile(goal.reportFile, 'utf8') }
    },
  }

  /**
   * Stops the agent's run. One that was only just begun and does not live in this process yet finds its row
   * ended when it comes to it, and does nothing.
   */
  async function endForTaking(task: Task, by: string): Promise<void> {
    for (;;) {
      for (const run of await listRuns(store.db, { taskId: task.id }))
        if (run.state !== 'ended') await registry.stop(run.id, 'taken')
      const isDone = await store.transaction(async (tx) => {
        const open = (await listRuns(tx, { taskId: task.id })).filter((run) => run.state !== 'ended')
        if (open.some((run) => registry.isLive(run.id))) return false
        for (const run of open)
          await moveRun(tx, run.id, 'ended', { outcome: 'stopped', note: `taken over by ${by}`, endedAt: now() })
        return true
      })
      if (isDone) return
    }
  }

  /** The open questions that an accept or a reject answers. */
  async function reviewAsks(name: string) {
    const { asks, title } = await (isTaskName(name) ? reviewTask(name) : reviewGoal(name))
    if (asks.length === 0)
      throw new Fault('move_refused', `nothing of ${title} waits for review`, {
        hint: '`claw inbox` lists what waits for you.',
      })
    return asks
  }

  async function reviewTask(name: string): Promise<ReviewView> {
    const { task, goal } = await taskNamed(store.db, name)
    const label = taskLabel(goal.number, task.number)
    const asks = (await listAsks(store.db, { goalId: goal.id, state: 'open' })).filter(
      (ask) => ask.taskId === task.id && ask.choices.some((choice) => choice.id === 'accept'),
    )
    const proof =
      (await listProofs(store.db, { taskId: task.id })).findLast((other) => other.commit === task.commit) ?? null
    return {
      title: `task ${label} ${task.spec.title}`,
      proof,
      asks,
      ...(await diffOf(goal, task.baseCommit, task.commit)),
    }
  }

  async function reviewGoal(name: string): Promise<ReviewView> {
    const goal = await goalNamed(store.db, name)
    const repository = await desk.get(goal.repositoryId)
    const head = (await repository.find(`refs/heads/${goal.branch}`)) ?? null
    const asks = (await listAsks(store.db, { goalId: goal.id, state: 'open' })).filter((ask) =>
      ask.choices.some(
        (choice) =>
          choice.id === 'accept' ||
          (choice.id === 'yes' && (ask.kind === 'plan-approval' || ask.kind === 'act-approval')),
      ),
    )
    const proof: Proof | null =
      (await listProofs(store.db, { goalId: goal.id })).findLast((other) => other.commit === head) ?? null
    return { title: `goal #${goal.number}`, proof, asks, ...(await diffOf(goal, goal.baseCommit, head)) }
  }

  async function diffOf(
    goal: Goal,
    from: string | null,
    to: string | null,
  ): Promise<Pick<ReviewView, 'diff' | 'changes'>> {
    if (!from || !to || from === to) return { diff: '', changes: [] }
    const repository = await desk.get(goal.repositoryId)
    const changes = await repository.changes(from, to)
    return {
      diff: await repository.diff(from, to, { bytesMax: DIFF_BYTES_MAX }),
      changes: changes.map(({ path, kind, insertions, deletions }) => ({ path, kind, insertions, deletions })),
    }
  }
}
