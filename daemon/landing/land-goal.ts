import { Fault } from '../../core/fault.ts'
import { type Goal, type GoalId, isGoalEnded } from '../../core/goal.ts'
import { newId } from '../../core/id.ts'
import type { Landing } from '../../core/landing.ts'
import type { PlanDraft, PlannedTask } from '../../core/plan.ts'
import type { Proof } from '../../core/proof.ts'
import { isTaskEnded, type Task, taskLabel } from '../../core/task.ts'
import { aTask } from '../orchestrator/carry-out.ts'
import { goalLanding } from '../orchestrator/decide-work.ts'
import { send } from '../orchestrator/jobs.ts'
import {
  addEvent,
  addLanding,
  addTask,
  getGoal,
  listAsks,
  listLandings,
  listPlans,
  listProofs,
  listTasks,
  moveLanding,
  setLandingOnto,
} from '../store/rows.ts'
import type { Tx } from '../store/tables.ts'
import { createLocks } from '../worktrees/repository-lock.ts'
import type { Repository } from '../worktrees/worktree.ts'
import { askAboutLanding, type LandDeps } from './land-tasks.ts'
import { failureInWords, landingContract, proveMerge, recordProof } from './landing-proof.ts'

export interface LandGoalDeps extends LandDeps {
  /** Proposes a pushed branch; answers its address. Throws command_missing where that cannot be done here. */
  openPullRequest(input: {
    goal: Goal
    repository: Repository
    commit: string
    title: string
    body: string
  }): Promise<string>
}

/** How often somebody else may move the target under our hands before the owner is asked. */
const MOVED_MAX = 5

/**
 * The job that brings the goal's branch to the owner: as a branch, by fast-forwarding the target, or as a
 * pull request. The owner's branch only moves to a commit that was verified here; where the target moved
 * on, it is merged into our branch first and all checks are run on the result. Goals with the same target
 * land one after the other, so that none is verified for a target which its sibling moves away meanwhile.
 */
export function createLandGoal(deps: LandGoalDeps) {
  const { store, queue, world } = deps
  const turnFor = createLocks()

  return async function landGoal(goalId: GoalId, signal: AbortSignal): Promise<void> {
    const goal = await getGoal(store.db, goalId)
    if (goal.state !== 'open') return isGoalEnded(goal.state) ? endOpenLandings(goalId) : undefined
    const tasks = await currentTasks(goal)
    const done = tasks.filter((task) => task.state === 'done')
    if (done.length === 0 || tasks.some((task) => !isTaskEnded(task.state))) return
    const before = goalLanding(await listLandings(store.db, goalId))
    if (before?.state === 'landed') return
    if ((await listAsks(store.db, { goalId, state: 'open' })).some((ask) => ask.kind === 'land-blocked')) return

    const repository = await deps.desk.get(goal.repositoryId)
    const head = await repository.find(`refs/heads/${goal.branch}`)
    if (!head) throw new Error(`goal ${goal.id} has no branch`)
    const landing = await openLanding(goal, repository, head, before)
    try {
      if (goal.land === 'merge')
        await turnFor(`${goal.repositoryId} ${goal.targetBranch}`).run(() =>
          mergeIntoTarget(goal, repository, landing, head, done, signal),
        )
      else if (goal.land === 'branch') await leaveAsBranch(goal, repository, landing, head)
      else await proposeChange(goal, repository, landing, head, done)
    } catch (error) {
      if (!(error instanceof Fault) || error.mayRetry || signal.aborted) throw error
      await block(
        landing,
        goal,
        `The work could not be brought to ${landing.branch}: ${error.message}`,
        error.hint ?? '',
      )
    }
  }

  async function currentTasks(goal: Goal): Promise<Task[]> {
    const plan = (await listPlans(store.db, goal.id)).findLast((other) => other.state === 'active')
    return (await listTasks(store.db, goal.id)).filter((task) => task.planId === plan?.id)
  }

  /** The row first; one that a crash left behind is gone on with, unless the goal's branch holds other work since. */
  async function openLanding(
    goal: Goal,
    repository: Repository,
    head: string,
    left: Landing | undefined,
  ): Promise<Landing> {
    if (left && left.endedAt === null) {
      if (left.commit === head || (await repository.find(mergeRef(left))) === head) return left
    }
    return store.transaction(async (tx) => {
      const now = world.clock.now()
      if (left && left.endedAt === null) await moveLanding(tx, left, 'blocked', { note: 'begun anew', endedAt: now })
      const branch = goal.land === 'merge' ? goal.targetBranch : goal.branch
      const landing: Landing = {
        id: newId('landing', now),
        goalId: goal.id,
        taskId: null,
        state: 'merging',
        branch,
        // The branch may have been moved just before a crash: what it was at is known from then.
        onto: (left?.endedAt === null ? left.onto : goal.baseCommit) ?? head,
        commit: head,
        merged: null,
        proofId: null,
        note: null,
        createdAt: now,
        endedAt: null,
      }
      await addLanding(tx, landing)
      await addEvent(tx, now, { type: 'landing.started', goalId: goal.id, data: { label: `#${goal.number}`, branch } })
      return landing
    })
  }

  /**
   * Whether the goal was paused or dropped while its landing was made ready: then nothing of the owner's moves.
   * A paused one goes on from here when it is taken up again.
   */
  async function isHeld(goal: Goal): Promise<boolean> {
    const { state } = await getGoal(store.db, goal.id)
    if (isGoalEnded(state)) await endOpenLandings(goal.id)
    return state !== 'open'
  }

  async function endOpenLandings(goalId: GoalId): Promise<void> {
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      for (const landing of await listLandings(tx, goalId))
        if (landing.taskId === null && landing.endedAt === null)
          await moveLanding(tx, landing, 'blocked', { note: 'the goal was dropped', endedAt: now })
    })
  }

  async function leaveAsBranch(goal: Goal, repository: Repository, landing: Landing, head: string): Promise<void> {
    await repository.fetch()
    const there = await ownerCommit(repository, goal.branch)
    if (await isHeld(goal)) return
    const outcome =
      there === head ? ({ outcome: 'landed', how: 'ref' } as const) : await repository.land(goal.branch, head, there)
    if (outcome.outcome === 'landed') return landed(landing, goal, head, 'branch', await proofOf(goal, head))
    await block(landing, goal, `The branch ${goal.branch} could not be written to your repository.`, describe(outcome))
  }

  async function mergeIntoTarget(
    goal: Goal,
    repository: Repository,
    landing: Landing,
    first: string,
    done: Task[],
    signal: AbortSignal,
  ): Promise<void> {
    let head = first
    signal.throwIfAborted()
    if (await isHeld(goal)) return
    for (let moved = 0; moved < MOVED_MAX; moved++) {
      await repository.fetch()
      const target = await ownerCommit(repository, goal.targetBranch)
      // There already, perhaps with the owner's commits on top: moved just before a crash, or by the owner.
      if (target !== null && (await repository.isAncestor(head, target)))
        return landed(landing, goal, head, 'merge', await proofOf(goal, head))
      if (target !== null && !(await repository.isAncestor(target, head))) {
        const caughtUp = await catchUp(goal, repository, landing, head, target, done, signal)
        if (caughtUp === undefined) return
        head = caughtUp
      }
      if (await isHeld(goal)) return
      if (target !== null) await store.transaction((tx) => setLandingOnto(tx, landing.id, target))
      const outcome = await repository.land(goal.targetBranch, head, target)
      if (outcome.outcome === 'landed') return landed(landing, goal, head, outcome.how, await proofOf(goal, head))
      if (outcome.outcome === 'moved') continue
      const question =
        outcome.outcome === 'dirty'
          ? `Your checkout of ${goal.targetBranch} has uncommitted changes, so it was left alone. Commit or put them away, then try again.`
          : `The work could not be brought to ${goal.targetBranch}.`
      return block(landing, goal, question, describe(outcome))
    }
    await block(
      landing,
      goal,
      `${goal.targetBranch} keeps moving; it moved ${MOVED_MAX} times while the work was verified.`,
      '',
    )
  }

  /** Merges the target into the goal's branch and verifies the result. Undefined where that became a task or a question. */
  async function catchUp(
    goal: Goal,
    repository: Repository,
    landing: Landing,
    head: string,
    target: string,
    done: Task[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const plan = (await listPlans(store.db, goal.id)).findLast((other) => other.state === 'active')
    if (!plan?.draft) throw new Error(`goal ${goal.id} lands without a plan`)
    const contract = landingContract(done, plan.draft)
    const trial = await repository.trialMerge(head, target)
    if ('conflicts' in trial) {
      await addCatchUpTask(goal, landing, plan.id, plan.draft, done, head, target, trial.conflicts)
      return undefined
    }
    const merged = await repository.commitTree({
      tree: trial.tree,
      parents: [head, target],
      message: `Merge ${goal.targetBranch} into ${goal.branch}\n\nClaw-Goal: #${goal.number}\n`,
      identity: await repository.identity(),
    })
    await repository.setRef(mergeRef(landing), merged)
    const proof = await proveMerge(
      deps,
      { goal, taskId: null, repository, landing, contract, merged, onto: target, definitions: target },
      signal,
    )
    await store.transaction((tx) => recordProof(tx, world.clock.now(), proof, `#${goal.number}`))
    if (!proof.passed) {
      await addCatchUpTask(goal, landing, plan.id, plan.draft, done, head, target, [], failureInWords(proof))
      return undefined
    }
    await repository.setRef(`refs/heads/${goal.branch}`, merged, head)
    return merged
  }

  /** Bringing the branch up to date needs thinking, so it becomes a task like any other, checked like any other. */
  async function addCatchUpTask(
    goal: Goal,
    landing: Landing,
    planId: Task['planId'],
    draft: PlanDraft,
    done: Task[],
    head: string,
    target: string,
    conflicts: string[],
    output = '',
  ): Promise<void> {
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      await end(
        tx,
        landing,
        conflicts.length > 0 ? 'conflict' : 'red',
        goal,
        `${goal.targetBranch} moved meanwhile`,
        now,
      )
      const all = await listTasks(tx, goal.id)
      const number = Math.max(0, ...all.map((task) => task.number)) + 1
      const contract = landingContract(done, draft)
      const spec: PlannedTask = {
        key: `catch-up-${number}`,
        title: `Bring the work up to date with ${goal.targetBranch}`,
        kind: 'change',
        brief: `${goal.targetBranch} moved on while the work for this goal was done, and the two do not go together${conflicts.length > 0 ? ` (conflicts in ${conflicts.join(', ')})` : ''}. Settle it: keep what ${goal.targetBranch} brought and what the goal asked for.\n\nGoal: ${goal.text}\n\n${output}`,
        needs: [],
        footprint: ['**'],
        checks: contract.checks,
        overlay: contract.overlay,
        agent: null,
        credentials: [],
      }
      const task: Task = {
        ...aTask(spec, { goalId: goal.id, planId, number, now }),
        baseCommit: head,
        next: {
          purpose: 'reconcile',
          strategy: 'fresh-session',
          feedback: output || `Conflicting files: ${conflicts.join(', ')}`,
          ontoCommit: target,
        },
      }
      await addTask(tx, task)
      await addEvent(tx, now, {
        type: 'task.added',
        goalId: goal.id,
        data: { label: taskLabel(goal.number, number), title: spec.title },
      })
      await send(queue, tx, 'advance', goal.id)
    })
  }

  async function proposeChange(
    goal: Goal,
    repository: Repository,
    landing: Landing,
    head: string,
    done: Task[],
  ): Promise<void> {
    if (await isHeld(goal)) return
    await repository.push(goal.branch, head)
    const list = done.map((task) => `- ${taskLabel(goal.number, task.number)} ${task.spec.title}`).join('\n')
    const url = await deps.openPullRequest({
      goal,
      repository,
      commit: head,
      title: goal.text.split('\n')[0]!.slice(0, 70),
      body: `${goal.text}\n\n${list}\n\nEvery task was verified on this exact commit before it was pushed.`,
    })
    await landed({ ...landing, note: url }, goal, head, `pull request ${url}`, await proofOf(goal, head))
  }

  async function proofOf(goal: Goal, commit: string): Promise<Proof | undefined> {
    return (await listProofs(store.db, { goalId: goal.id })).findLast(
      (proof) => proof.commit === commit && proof.passed && proof.kind === 'landing',
    )
  }

  async function landed(
    landing: Landing,
    goal: Goal,
    commit: string,
    how: string,
    proof: Proof | undefined,
  ): Promise<void> {
    if (!proof) throw new Error(`goal ${goal.id} would land ${commit}, which has no landing proof`)
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      await moveLanding(tx, landing, 'landed', { merged: commit, proofId: proof.id, note: landing.note, endedAt: now })
      await addEvent(tx, now, { type: 'goal.landed', goalId: goal.id, data: { branch: landing.branch, commit, how } })
      await send(queue, tx, 'advance', goal.id)
    })
  }

  async function end(
    tx: Tx,
    landing: Landing,
    state: 'conflict' | 'red' | 'blocked',
    goal: Goal,
    note: string,
    now: number,
  ): Promise<void> {
    await moveLanding(tx, landing, state, { note, endedAt: now })
    await addEvent(tx, now, {
      type: 'landing.ended',
      goalId: goal.id,
      data: { label: `#${goal.number}`, branch: landing.branch, state, commit: null, note },
    })
  }

  async function block(landing: Landing, goal: Goal, question: string, detail: string): Promise<void> {
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      await end(tx, landing, 'blocked', goal, question, now)
      await askAboutLanding(tx, now, goal, question, detail)
      await send(queue, tx, 'advance', goal.id)
    })
  }
}

/** Holds what was caught up with the target, until the branch is moved to it; says after a crash whose work that is. */
function mergeRef({ id }: Landing): string {
  return `refs/claw/merges/${id}`
}

async function ownerCommit(repository: Repository, branch: string): Promise<string | null> {
  try {
    return await repository.ownerBranch(branch)
  } catch (error) {
    if (error instanceof Fault && error.code === 'branch_not_found') return null
    throw error
  }
}

function describe(outcome: { outcome: string; paths?: string[]; why?: string; now?: string | null }): string {
  if (outcome.paths) return outcome.paths.map((path) => `- \`${path}\``).join('\n')
  return outcome.why ?? (outcome.now ? `it is at ${outcome.now} now` : outcome.outcome)
}
