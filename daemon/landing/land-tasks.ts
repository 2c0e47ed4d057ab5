import { type Goal, type GoalId, isGoalEnded } from '../../core/goal.ts'
import { newId } from '../../core/id.ts'
import type { Landing } from '../../core/landing.ts'
import type { PlanDraft } from '../../core/plan.ts'
import type { Proof } from '../../core/proof.ts'
import { type Task, taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import { openAsk } from '../inbox/ask.ts'
import { failTask } from '../orchestrator/fail-task.ts'
import { send } from '../orchestrator/jobs.ts'
import type { Verify } from '../proof/prove-run.ts'
import type { Queue } from '../store/queue.ts'
import {
  addEvent,
  addLanding,
  getGoal,
  getPlan,
  getTask,
  listLandings,
  listProofs,
  listTasks,
  moveLanding,
  moveTask,
} from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Tx } from '../store/tables.ts'
import type { RepositoryDesk } from '../worktrees/repository-desk.ts'
import type { Repository } from '../worktrees/worktree.ts'
import { failureInWords, landingContract, proveMerge, recordProof } from './landing-proof.ts'

export interface LandDeps {
  store: Store
  queue: Queue
  world: World
  desk: RepositoryDesk
  verify: Verify
  attempts: { softFailuresMax: number }
}

/**
 * The job that brings proven tasks onto the goal's branch, one after the other: trial merge, merge, the
 * checks on the merged tree, and only then the branch moves. A conflict or a red merge sends the task
 * back; the branch never shows it.
 */
export function createLandTasks(deps: LandDeps) {
  const { store, queue, world } = deps

  return async function landTasks(goalId: GoalId, signal: AbortSignal): Promise<void> {
    for (;;) {
      const goal = await getGoal(store.db, goalId)
      if (isGoalEnded(goal.state)) return endOpenLandings(goal)
      const task = await findNext(goal)
      if (!task) return
      await landTask(goal, task, signal)
    }
  }

  /** The one that a crash cut short goes first: the branch may have moved for it already, and the others build on that. */
  async function findNext(goal: Goal): Promise<Task | undefined> {
    const tasks = (await listTasks(store.db, goal.id)).filter((task) => task.state === 'landing')
    const begun = (await listLandings(store.db, goal.id)).findLast((landing) => landing.endedAt === null)
    return tasks.find((task) => task.id === begun?.taskId) ?? tasks[0]
  }

  async function landTask(goal: Goal, task: Task, signal: AbortSignal): Promise<void> {
    const repository = await deps.desk.get(goal.repositoryId)
    const ref = `refs/heads/${goal.branch}`
    const head = await repository.find(ref)
    if (!head || !task.commit || !task.baseCommit)
      throw new Error(`task ${task.id} is landing without a commit, a base or a branch`)
    const draft = (await getPlan(store.db, task.planId)).draft
    if (!draft) throw new Error(`plan ${task.planId} has no draft`)
    const label = taskLabel(goal.number, task.number)

    let landing = await openLanding(goal, task, head, label)
    if (landing.state === 'merging') {
      const merged = await merge(repository, landing, goal, task, head, label)
      if ('conflicts' in merged) {
        await sendBackConflict(landing, goal, task, label, head, merged.conflicts)
        return
      }
      const fresh = landing
      landing = await store.transaction((tx) => moveLanding(tx, fresh, 'verifying', { merged: merged.commit }))
    }
    // From here on it is about this one commit, also after a crash: a second merge of the same work would be another.
    const { merged } = landing
    if (!merged) throw new Error(`landing ${landing.id} is verified without a merge`)
    const proven = await findProof(task, merged)
    const proof = proven ?? (await makeProof({ repository, goal, task, landing, draft, head, merged, label }, signal))
    if (!proof.passed) {
      await sendBackRed(landing, goal, task, label, proof, merged, head)
      return
    }
    if ((await getTask(store.db, task.id)).state !== 'landing') return endOpenLandings(goal)
    // Equal where the branch moved before the row could say so.
    if (merged !== head) await repository.setRef(ref, merged, head)
    await finish(landing, goal, task, label, proof)
  }

  /** What a crash left of this landing: the checks on the merged tree have passed already. */
  async function findProof(task: Task, commit: string): Promise<Proof | undefined> {
    return (await listProofs(store.db, { taskId: task.id })).findLast(
      (other) => other.kind === 'landing' && other.commit === commit && other.passed,
    )
  }

  /** Runs the checks on the merged tree. A proof that passed is recorded here; one that did not, with what follows from it. */
  async function makeProof(
    of: {
      repository: Repository
      goal: Goal
      task: Task
      landing: Landing
      draft: PlanDraft
      head: string
      merged: string
      label: string
    },
    signal: AbortSignal,
  ): Promise<Proof> {
    const { repository, goal, task, landing, draft, head, merged, label } = of
    const landed = (await listTasks(store.db, goal.id)).filter(
      (other) => other.state === 'done' && other.planId === task.planId,
    )
    const proof = await proveMerge(
      deps,
      {
        goal,
        taskId: task.id,
        repository,
        landing,
        contract: landingContract([...landed, task], draft),
        merged,
        onto: head,
        definitions: goal.baseCommit ?? head,
      },
      signal,
    )
    if (proof.passed) await store.transaction((tx) => recordProof(tx, world.clock.now(), proof, label))
    return proof
  }

  /** A landing whose task or goal was given up while it was under way. The branch has not moved for it. */
  async function endOpenLandings(goal: Goal): Promise<void> {
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      for (const landing of await listLandings(tx, goal.id)) {
        if (landing.endedAt !== null || landing.taskId === null) continue
        if ((await getTask(tx, landing.taskId)).state === 'landing') continue
        await moveLanding(tx, landing, 'blocked', { note: 'given up meanwhile', endedAt: now })
      }
    })
  }

  /** The row first; one that a crash left behind is gone on with where it is about the same two commits. */
  async function openLanding(goal: Goal, task: Task, head: string, label: string): Promise<Landing> {
    const left = (await listLandings(store.db, goal.id)).findLast(
      (other) => other.taskId === task.id && other.endedAt === null,
    )
    if (left && left.commit === task.commit && (left.onto === head || left.merged === head)) return left
    return store.transaction(async (tx) => {
      const now = world.clock.now()
      if (left) await moveLanding(tx, left, 'blocked', { note: 'the branch moved meanwhile', endedAt: now })
      const landing: Landing = {
        id: newId('landing', now),
        goalId: goal.id,
        taskId: task.id,
        state: 'merging',
        branch: goal.branch,
        onto: head,
        commit: task.commit!,
        merged: null,
        proofId: null,
        note: null,
        createdAt: now,
        endedAt: null,
      }
      await addLanding(tx, landing)
      await addEvent(tx, now, {
        type: 'landing.started',
        goalId: goal.id,
        taskId: task.id,
        data: { label, branch: goal.branch },
      })
      return landing
    })
  }

  async function merge(
    repository: Repository,
    landing: Landing,
    goal: Goal,
    task: Task,
    head: string,
    label: string,
  ): Promise<{ commit: string } | { conflicts: string[] }> {
    if (task.baseCommit === head || (await repository.isAncestor(head, task.commit!))) return { commit: task.commit! }
    const trial = await repository.trialMerge(head, task.commit!)
    if ('conflicts' in trial) return trial
    const commit = await repository.commitTree({
      tree: trial.tree,
      parents: [head, task.commit!],
      message: `Merge task ${label}: ${task.spec.title}\n\nClaw-Goal: #${goal.number}\nClaw-Task: ${label}\n`,
      identity: await repository.identity(),
    })
    // Held by a ref of its own until the branch moves: verification may take long and a crash may come.
    await repository.setRef(`refs/claw/merges/${landing.id}`, commit)
    return { commit }
  }

  async function finish(landing: Landing, goal: Goal, task: Task, label: string, proof: Proof): Promise<void> {
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      await moveLanding(tx, landing, 'landed', { proofId: proof.id, merged: proof.commit, endedAt: now })
      // Given up in the very moment in which the branch moved: it stays given up.
      if ((await getTask(tx, task.id)).state !== 'landing') return
      await moveTask(tx, now, task.id, 'done')
      await addEvent(tx, now, {
        type: 'landing.ended',
        goalId: goal.id,
        taskId: task.id,
        data: { label, branch: landing.branch, state: 'landed', commit: proof.commit, note: null },
      })
      await send(queue, tx, 'tidy', task.id)
      await send(queue, tx, 'advance', goal.id)
      await send(queue, tx, 'dispatch', 'all')
    })
  }

  /** Nothing is sent back that nobody wants any more. */
  async function isGivenUp(tx: Tx, task: Task, landing: Landing, now: number): Promise<boolean> {
    if ((await getTask(tx, task.id)).state === 'landing') return false
    await moveLanding(tx, landing, 'blocked', { note: 'given up meanwhile', endedAt: now })
    return true
  }

  async function sendBackConflict(
    landing: Landing,
    goal: Goal,
    task: Task,
    label: string,
    head: string,
    conflicts: string[],
  ): Promise<void> {
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      if (await isGivenUp(tx, task, landing, now)) return
      await moveLanding(tx, landing, 'conflict', { note: conflicts.join(', '), endedAt: now })
      await addEvent(tx, now, {
        type: 'landing.ended',
        goalId: goal.id,
        taskId: task.id,
        data: { label, branch: landing.branch, state: 'conflict', commit: null, note: conflicts.join(', ') },
      })
      await failTask(tx, queue, world, {
        task,
        goal,
        failure: 'environment',
        feedback: `Merging it with what landed before gave conflicts in ${conflicts.join(', ')}.`,
        note: `conflicts in ${conflicts.join(', ')}`,
        softFailuresMax: deps.attempts.softFailuresMax,
        reconcileOnto: head,
        baseCommit: head,
      })
    })
  }

  /** The work and what landed before do not go together: the task goes back, its next run starts on the merged tree. */
  async function sendBackRed(
    landing: Landing,
    goal: Goal,
    task: Task,
    label: string,
    proof: Proof,
    merged: string,
    head: string,
  ): Promise<void> {
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      await recordProof(tx, now, proof, label)
      if (await isGivenUp(tx, task, landing, now)) return
      await moveLanding(tx, landing, 'red', {
        proofId: proof.id,
        merged,
        note: 'the merged tree fails its checks',
        endedAt: now,
      })
      await addEvent(tx, now, {
        type: 'landing.ended',
        goalId: goal.id,
        taskId: task.id,
        data: { label, branch: landing.branch, state: 'red', commit: merged, note: 'the merged tree fails its checks' },
      })
      await failTask(tx, queue, world, {
        task: { ...task, commit: merged },
        goal,
        failure: 'work',
        feedback: `Your change passed its checks alone, but merged with what landed meanwhile these fail. Your worktree now holds the merged tree; make all checks pass there.\n\n${failureInWords(proof)}`,
        note: 'red after the merge',
        softFailuresMax: deps.attempts.softFailuresMax,
        baseCommit: head,
      })
      await tx.updateTable('task').set({ commit: merged }).where('id', '=', task.id).execute()
    })
  }
}

/** Opens the question that a landing on the owner's branch could not answer by itself. */
export async function askAboutLanding(
  tx: Parameters<typeof openAsk>[0],
  now: number,
  goal: Goal,
  question: string,
  detail: string,
): Promise<void> {
  await openAsk(tx, now, {
    kind: 'land-blocked',
    goalId: goal.id,
    taskId: null,
    question,
    detail,
    choices: [
      { id: 'retry', label: 'Try again' },
      { id: 'branch', label: `Leave it as the branch ${goal.branch}` },
      { id: 'drop', label: 'Drop the goal' },
    ],
    freeText: false,
  })
}
