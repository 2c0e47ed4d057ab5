import { Fault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import { newId } from '../../core/id.ts'
import type { CheckResult, Proof } from '../../core/proof.ts'
import type { Run } from '../../core/run.ts'
import { type Task, taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import type { Acts } from '../acts/acts.ts'
import { failTask } from '../orchestrator/fail-task.ts'
import { send } from '../orchestrator/jobs.ts'
import { listEffects, moveEffect } from '../store/effect-rows.ts'
import type { Queue } from '../store/queue.ts'
import {
  addEvent,
  addProof,
  getPlan,
  getTask,
  listProofs,
  listRuns,
  listWaitingSteers,
  moveTask,
} from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { RepositoryDesk } from '../worktrees/repository-desk.ts'
import { contractOf } from './contract-of.ts'

export interface ProveActDeps {
  store: Store
  queue: Queue
  world: World
  desk: RepositoryDesk
  acts: Pick<Acts, 'probe'>
  attempts: { softFailuresMax: number }
}

/**
 * The proof of work outside a worktree: the daemon's own probes, after the run, beside what they said before the
 * first one. Where all pass the task is done; nothing of it lands. Its base is the commit that its agent saw.
 */
export function createProveAct(deps: ProveActDeps) {
  const { store, queue, world } = deps

  return async function proveAct(of: { run: Run; task: Task; goal: Goal }, signal: AbortSignal): Promise<void> {
    const runs = await listRuns(store.db, { taskId: of.task.id })
    if (of.task.state !== 'proving' || runs.at(-1)?.id !== of.run.id) return
    const recorded = (await listProofs(store.db, { taskId: of.task.id })).find((proof) => proof.runId === of.run.id)
    try {
      await conclude(recorded ?? (await makeProof(of, runs, signal)), of)
    } catch (error) {
      // A key that is gone is nothing that trying again would mend: the owner is asked in the end.
      if (!(error instanceof Fault) || error.mayRetry || signal.aborted) throw error
      await endUnseen(of, error)
    }
  }

  async function endUnseen({ task, goal }: { task: Task; goal: Goal }, { message }: Fault): Promise<void> {
    await store.transaction(async (tx) => {
      const fresh = await getTask(tx, task.id)
      if (fresh.state !== 'proving') return
      await failTask(tx, queue, world, {
        task: fresh,
        goal,
        failure: 'environment',
        feedback: message,
        note: `it cannot be looked at: ${message}`,
        softFailuresMax: deps.attempts.softFailuresMax,
      })
    })
  }

  async function makeProof(
    { run, task, goal }: { run: Run; task: Task; goal: Goal },
    runs: readonly Run[],
    signal: AbortSignal,
  ): Promise<Proof> {
    const label = taskLabel(goal.number, task.number)
    const draft = (await getPlan(store.db, task.planId)).draft
    if (!draft) throw new Error(`task ${task.id} is proving without a plan`)
    const repository = await deps.desk.get(goal.repositoryId)
    // A run that found all of it done has made no worktree, and with it fixed no base.
    const base = task.baseCommit ?? (await repository.find(`refs/heads/${goal.branch}`))
    if (!base) throw new Error(`goal ${goal.id} has no branch`)
    const about = { goalId: goal.id, taskId: task.id, runId: run.id }
    await store.transaction((tx) =>
      addEvent(tx, world.clock.now(), { type: 'proof.started', ...about, data: { label, commit: base } }),
    )
    const results = await deps.acts.probe({ task, goal, isAfterWork: true, tag: `${run.id}/proof` }, signal)
    const proof: Proof = {
      id: newId('proof', world.clock.now()),
      kind: 'task',
      ...about,
      contract: contractOf(task, draft),
      base,
      commit: base,
      tree: await repository.treeOf(base),
      results,
      before: runs.find((other) => other.before)?.before ?? null,
      setup: null,
      guards: [],
      review: null,
      passed: results.length > 0 && results.every((result) => result.passed),
      sandbox: 'outside',
      createdAt: world.clock.now(),
    }
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      await addProof(tx, proof)
      for (const { name, passed, durationMs } of results)
        await addEvent(tx, now, { type: 'proof.checked', ...about, data: { label, check: name, passed, durationMs } })
      await addEvent(tx, now, {
        type: 'proof.recorded',
        ...about,
        data: { label, proofId: proof.id, kind: 'task', passed: proof.passed },
      })
    })
    return proof
  }

  async function conclude(proof: Proof, { task, goal }: { run: Run; task: Task; goal: Goal }): Promise<void> {
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      const fresh = await getTask(tx, task.id)
      if (fresh.state !== 'proving') return
      if (!proof.passed) {
        const failed = proof.results.filter((result) => !result.passed)
        await failTask(tx, queue, world, {
          task: fresh,
          goal,
          failure: 'work',
          feedback: probeFeedback(proof.results),
          note: `"${failed[0]?.name ?? 'nothing'}" is not seen from outside${failed.length > 1 ? `, and ${failed.length - 1} more` : ''}`,
          softFailuresMax: deps.attempts.softFailuresMax,
        })
        return
      }
      if ((await listWaitingSteers(tx, goal.id)).some((steer) => steer.taskId === task.id)) {
        const next = { purpose: 'work', strategy: 'same-session', feedback: '', ontoCommit: null } as const
        await moveTask(tx, now, task.id, 'ready', { next })
        await send(queue, tx, 'dispatch', 'all')
        return
      }
      for (const effect of await listEffects(tx, { taskId: task.id }))
        if (effect.state === 'possible') await moveEffect(tx, now, effect, 'done')
      await moveTask(tx, now, task.id, 'done')
      await send(queue, tx, 'tidy', task.id)
      await send(queue, tx, 'advance', goal.id)
      await send(queue, tx, 'dispatch', 'all')
    })
  }
}

const TAIL_CHARS = 3_000

/** Pure: what the next run is told, with what was really seen. */
export function probeFeedback(results: readonly CheckResult[]): string {
  const failed = results.filter((result) => !result.passed)
  const passed = results.filter((result) => result.passed)
  return [
    `Your work was looked at from outside: ${failed.length} of ${results.length} probes do not pass.`,
    ...failed.map(
      ({ name, command, timedOut, tail }) =>
        `${name}: ${command}\n${timedOut ? 'It ran into its time limit. ' : ''}What was seen:\n\n${tail.slice(-TAIL_CHARS)}`,
    ),
    ...(passed.length > 0 ? [`These pass: ${passed.map(({ name }) => name).join(', ')}`] : []),
    'Find the cause and mend it. Change nothing beyond what the task declares.',
  ].join('\n\n')
}
