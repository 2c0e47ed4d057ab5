import { type Fault, isFault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import { newId } from '../../core/id.ts'
import type { PlanDraft } from '../../core/plan.ts'
import type { CheckResult, Contract, GuardFinding, Proof, Review } from '../../core/proof.ts'
import type { Run, RunId } from '../../core/run.ts'
import { type Task, taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import type { Acts } from '../acts/acts.ts'
import { openAsk } from '../inbox/ask.ts'
import { failTask } from '../orchestrator/fail-task.ts'
import { send } from '../orchestrator/jobs.ts'
import type { Queue } from '../store/queue.ts'
import {
  addEvent,
  addProof,
  getGoal,
  getPlan,
  getRun,
  getTask,
  listProofs,
  listWaitingSteers,
  moveTask,
} from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { RepositoryDesk } from '../worktrees/repository-desk.ts'
import type { Repository } from '../worktrees/worktree.ts'
import { classify } from './classify.ts'
import { contractOf } from './contract-of.ts'
import { guard } from './guards.ts'
import { createProveAct } from './prove-act.ts'
import type { Verification } from './verify.ts'

/** One verification, as the jobs ask for it; how wide and with whose environment files is settled by whoever meets it. */
export interface VerifyInput {
  goal: Goal
  repository: Repository
  contract: Contract
  base: string
  commit: string
  kind: 'task' | 'landing'
  /** Names the verification in logs, process environments and folders: `<run id>` or `<id>/…`. */
  tag: string
}

export type Verify = (input: VerifyInput, signal: AbortSignal) => Promise<Verification>

export interface ProveDeps {
  store: Store
  queue: Queue
  world: World
  desk: RepositoryDesk
  verify: Verify
  /** Null where there is no reviewer. */
  review(
    input: { task: Task; goal: Goal; contract: Contract; diff: string; results: CheckResult[]; guards: GuardFinding[] },
    signal: AbortSignal,
  ): Promise<Review | null>
  acts: Pick<Acts, 'probe'>
  attempts: { softFailuresMax: number }
}

/**
 * The job behind a task in state `proving`: the daemon runs the task's checks on the captured commit in a
 * clean checkout, guards the diff, has it reviewed, and records a proof. Only then may the task land.
 */
export function createProveRun(deps: ProveDeps) {
  const { store, queue, world } = deps
  const proveAct = createProveAct(deps)

  return async function proveRun(runId: RunId, signal: AbortSignal, tries = 0): Promise<void> {
    const run = await getRun(store.db, runId)
    const task = await getTask(store.db, run.taskId)
    const goal = await getGoal(store.db, run.goalId)
    if (task.spec.act) return await proveAct({ run, task, goal }, signal)
    if (task.state !== 'proving' || run.commit === null || task.commit !== run.commit) return
    const draft = (await getPlan(store.db, task.planId)).draft
    if (!draft || task.baseCommit === null) throw new Error(`task ${task.id} is proving without a plan or a base`)
    const proof = (await findProof(run)) ?? (await makeProof({ run, task, goal, draft, tries }, signal))
    await conclude(proof, { run, task, goal })
  }

  async function findProof(run: Run): Promise<Proof | undefined> {
    return (await listProofs(store.db, { taskId: run.taskId })).find(
      (proof) => proof.kind === 'task' && proof.runId === run.id && proof.commit === run.commit,
    )
  }

  async function makeProof(
    { run, task, goal, draft, tries }: { run: Run; task: Task; goal: Goal; draft: PlanDraft; tries: number },
    signal: AbortSignal,
  ): Promise<Proof> {
    const label = taskLabel(goal.number, task.number)
    const about = { goalId: goal.id, taskId: task.id, runId: run.id }
    const base = task.baseCommit!
    const commit = run.commit!
    const repository = await deps.desk.get(goal.repositoryId)
    const contract = contractOf(task, draft)
    await store.transaction((tx) =>
      addEvent(tx, world.clock.now(), { type: 'proof.started', ...about, data: { label, commit } }),
    )
    const changes = await repository.changes(base, commit)
    const diff = await repository.diff(base, commit)
    const guards = guard({ kind: task.spec.kind, contract, changes, diff })
    const verified = await deps.verify(
      { goal, repository, contract, base, commit, kind: 'task', tag: `${run.id}/proof` },
      signal,
    )
    const found = [...guards, ...verified.guards]
    const passed = verified.passed && verified.results.length > 0 && found.every((finding) => finding.level !== 'stop')
    // A reviewer costs money: only what the checks let through is read.
    const review = passed
      ? await deps
          .review({ task, goal, contract, diff, results: verified.results, guards: found }, signal)
          .catch((error: unknown) => {
            if (signal.aborted || !isFault(error)) throw error
            return unreviewed(error, tries)
          })
      : null
    const proof: Proof = {
      id: newId('proof', world.clock.now()),
      kind: 'task',
      ...about,
      contract,
      base,
      commit,
      tree: verified.tree,
      results: verified.results,
      setup: verified.setup,
      guards: found,
      review,
      passed,
      sandbox: verified.sandboxName,
      createdAt: world.clock.now(),
    }
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      await addProof(tx, proof)
      for (const result of proof.results) {
        await addEvent(tx, now, {
          type: 'proof.checked',
          ...about,
          data: { label, check: result.name, passed: result.passed, durationMs: result.durationMs },
        })
      }
      if (review)
        await addEvent(tx, now, {
          type: 'review.ended',
          ...about,
          data: { label, findings: review.findings.length, reviewer: review.reviewer },
        })
      await addEvent(tx, now, {
        type: 'proof.recorded',
        ...about,
        data: { label, proofId: proof.id, kind: 'task', passed },
      })
    })
    return proof
  }

  /** What follows from a proof, in one transaction with the task's move. */
  async function conclude(proof: Proof, { run, task, goal }: { run: Run; task: Task; goal: Goal }): Promise<void> {
    const label = taskLabel(goal.number, task.number)
    const reviewedBefore = (await listProofs(store.db, { taskId: task.id })).some(
      (other) =>
        other.id !== proof.id &&
        other.review !== null &&
        other.review.findings.some((finding) => finding.class === 'fix'),
    )
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      const fresh = await getTask(tx, task.id)
      if (fresh.state !== 'proving' || fresh.commit !== run.commit) return
      if (!proof.passed) {
        const why = classify({ results: proof.results, guards: proof.guards, setup: proof.setup })
        await failTask(tx, queue, world, {
          task: fresh,
          goal,
          failure: why?.failure ?? 'work',
          feedback: why?.feedback ?? 'Nothing was checked, so nothing is proven.',
          note: why?.words ?? 'nothing was checked',
          softFailuresMax: deps.attempts.softFailuresMax,
        })
        return
      }
      const fixes = proof.review?.findings.filter((finding) => finding.class === 'fix') ?? []
      if (fixes.length > 0 && !reviewedBefore) {
        // One round: a reviewer never runs out of wishes.
        await failTask(tx, queue, world, {
          task: fresh,
          goal,
          failure: 'work',
          feedback: `The checks pass. A reviewer read your change and asks for this:\n\n${fixes.map((finding) => `- ${finding.path ? `${finding.path}: ` : ''}${finding.detail}`).join('\n')}`,
          note: 'sent back by the reviewer',
          softFailuresMax: deps.attempts.softFailuresMax,
        })
        return
      }
      const questions = [
        ...proof.guards
          .filter((finding) => finding.level === 'ask')
          .map((finding) => `- ${finding.path ? `\`${finding.path}\`: ` : ''}${finding.detail}`),
        ...(proof.review?.findings ?? [])
          .filter((finding) => finding.class === 'ask')
          .map((finding) => `- Reviewer: ${finding.path ? `\`${finding.path}\`: ` : ''}${finding.detail}`),
      ]
      if (questions.length > 0) {
        const isGuarded = proof.guards.some((finding) => finding.level === 'ask')
        await moveTask(tx, now, task.id, 'blocked', { reason: 'waits for your word on what it changed' })
        await openAsk(tx, now, {
          kind: isGuarded ? 'guard' : 'review',
          goalId: goal.id,
          taskId: task.id,
          runId: run.id,
          question: isGuarded
            ? `Task ${label} passes its checks, but changed more than was agreed. Accept it?`
            : `Task ${label} passes its checks, and its reviewer leaves the rest to you. Accept it?`,
          detail: questions.join('\n'),
          choices: [
            { id: 'accept', label: 'Accept it' },
            { id: 'reject', label: 'Send it back (say what is wrong)' },
            { id: 'drop-task', label: 'Give the task up' },
          ],
          freeText: true,
        })
        return
      }
      if ((await listWaitingSteers(tx, goal.id)).some((steer) => steer.taskId === task.id)) {
        // The owner said more while it was being proven: its agent hears that first.
        const next = { purpose: 'work', strategy: 'same-session', feedback: '' } as const
        await moveTask(tx, now, task.id, 'ready', { next: { ...next, ontoCommit: fresh.next?.ontoCommit ?? null } })
        await send(queue, tx, 'dispatch', 'all')
        return
      }
      await moveTask(tx, now, task.id, 'landing')
      await send(queue, tx, 'land', goal.id)
    })
  }
}

/** How often a review is tried again where that may help. */
const REVIEW_TRIES_MAX = 3

/**
 * A reviewer that cannot review, or answers with something that is no review, is no reason to lose the work and
 * none to wave it through: the owner decides. A limit passes by itself and is waited for.
 */
function unreviewed(fault: Fault, tries: number): Review {
  const isNonsense = fault.code === 'brain_answer_invalid'
  if (fault.code === 'provider_limited' || (fault.mayRetry && !isNonsense && tries < REVIEW_TRIES_MAX)) throw fault
  const detail = `Nobody has read this change: ${fault.message}. ${fault.hint ?? ''}`.trim()
  return { reviewer: 'nobody', summary: detail, findings: [{ class: 'ask', path: null, detail }] }
}
