import { Fault, isFault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import type { Run, RunId } from '../../core/run.ts'
import { type Task, taskLabel } from '../../core/task.ts'
import type { TurnEnd } from '../agents/agent.ts'
import { openAsk } from '../inbox/ask.ts'
import { failTask } from '../orchestrator/fail-task.ts'
import { send } from '../orchestrator/jobs.ts'
import type { StopReason } from '../orchestrator/run-registry.ts'
import { addEvent, getGoal, getRun, getTask, listAsks, listWaitingSteers, moveTask, updateTask } from '../store/rows.ts'
import type { Repository } from '../worktrees/worktree.ts'
import { Attempt } from './attempt.ts'
import { createBeginAct } from './begin-act.ts'
import { endRun } from './end-run.ts'
import type { RunTaskDeps } from './run-deps.ts'

/**
 * The job behind a run: one attempt at a task. Done again after a crash it ends what is left of the old
 * process, loads the same session and goes on. Whatever the agent says, what counts is the capture.
 */
export function createRunTask(deps: RunTaskDeps) {
  const { store, queue, world } = deps
  const beginAct = createBeginAct(deps)

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
      if (task.spec.act) {
        const beginning = await beginAct({ run, task, goal }, stop)
        if (beginning.step === 'over') return
        if (beginning.step === 'surprised') return await endSurprised(attempt, beginning.words)
        attempt.already = beginning.already
      }
      const surprises = task.spec.act ? [] : await attempt.findSurprises(stop)
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
        question: task.spec.act
          ? `Task ${label} has not begun, and its probes do not say what the plan expects. Do it all the same?`
          : `Task ${label} starts on what landed before it, and there its checks do not say what the plan expects. Work on it all the same?`,
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
    if (task.spec.act) return await endActed(attempt, end)
    const captured = await attempt.capture(`refs/claw/tasks/${goal.number}/${task.number}`).catch((error) => {
      // What git would leave out without a word is the agent's to mend, not the place's.
      if (isFault(error, 'path_unsafe') || isFault(error, 'secret_in_work')) return error
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

  /** What was done outside leaves no commit: the probes say what it is worth. */
  async function endActed({ run, task, goal }: Attempt, end: TurnEnd): Promise<void> {
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      const note = end.text.trim().slice(0, 500) || null
      await endRun(tx, now, { run, task, goal }, { outcome: 'done', failure: null, note, commit: null })
      const fresh = await getTask(tx, task.id)
      if (fresh.state !== 'running') return
      if ((await listWaitingSteers(tx, goal.id)).some((steer) => steer.taskId === task.id)) {
        const next = { purpose: 'work', strategy: 'same-session', feedback: '', ontoCommit: null } as const
        await moveTask(tx, now, task.id, 'ready', { next })
        await send(queue, tx, 'dispatch', 'all')
        return
      }
      await moveTask(tx, now, task.id, 'proving')
      await send(queue, tx, 'prove', run.id)
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
    const captured = await attempt.capture(`refs/claw/preserved/${run.id}`).catch((fault) => {
      if (!isFault(fault, 'path_unsafe') && !isFault(fault, 'secret_in_work')) throw fault
      world.log.warn({ err: fault, runId: run.id }, 'work of a stopped run stays in its worktree only')
      return undefined
    })
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
