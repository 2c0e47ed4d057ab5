import { Fault, isFault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import type { Plan, PlanDraft, PlanId } from '../../core/plan.ts'
import type { Task } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import { openAsk } from '../inbox/ask.ts'
import type { PlanMemory } from '../memory/recall-for-work.ts'
import { refusedChoices } from '../orchestrator/decide-plan.ts'
import { send } from '../orchestrator/jobs.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent, getGoal, getPlan, listPlans, listTasks, movePlan, updateGoal } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { RepositoryDesk } from '../worktrees/repository-desk.ts'
import type { Repository } from '../worktrees/worktree.ts'
import { type OffLimit, vetPlan } from './vet.ts'

export interface PlanGoalDeps {
  /** The owner's names for secrets. */
  credentials: readonly string[]
  store: Store
  queue: Queue
  world: World
  desk: RepositoryDesk
  /** Facts of the repository at a commit, in Markdown for the planner. */
  survey(repository: Repository, commit: string): Promise<string>
  /** What memory says that bears on the goal, and what it forbids. */
  recall(goal: Goal, files: readonly string[]): Promise<PlanMemory>
  /** What the brain looks up before it plans; null where there is nothing to look up with. */
  lookUp?(input: { goal: Goal; commit: string; survey: string }, signal: AbortSignal): Promise<string | null>
  /** Asks the brain. */
  draft(request: DraftRequest, signal: AbortSignal): Promise<{ draft: PlanDraft; author: string }>
  /** Runs each check of the plan on its base. */
  baseline(
    input: { repository: Repository; commit: string; draft: PlanDraft; goal: Goal },
    signal: AbortSignal,
  ): Promise<{ reasons: string[]; lines: string[] }>
  agents(): readonly string[]
  /** Folders of this machine that no run may write in. */
  foldersForbidden?: readonly string[]
}

export interface DraftRequest {
  goal: Goal
  survey: string
  memory: PlanMemory
  lookedUp: string | null
  /** The refused version before this one, with the reasons. */
  previous: { draft: PlanDraft; reasons: string[] } | null
  /** Tasks that are done and stay. */
  finished: { key: string; title: string }[]
  /** The owner's later words. */
  words: string[]
}

/** How often a brain that cannot be reached is tried before the owner is asked; less than what quarantines a goal. */
const TRIES_MAX = 4
/** One that answers nonsense was asked twice each time already. */
const NONSENSE_MAX = 1

/**
 * The job behind a plan row in state `drafting`: read the repository, have a plan drafted (or take
 * the owner's), vet it, run its checks on the base, and move the row on. Done twice it changes nothing.
 */
export function createPlanGoal(deps: PlanGoalDeps) {
  const { store, queue, world } = deps

  return async function planGoal(planId: PlanId, tries: number, signal: AbortSignal): Promise<void> {
    const plan = await getPlan(store.db, planId)
    const goal = await getGoal(store.db, plan.goalId)
    if (plan.state !== 'drafting' || goal.state === 'dropped' || goal.state === 'met') return
    try {
      await makePlan(plan, goal, signal)
    } catch (error) {
      if (signal.aborted) throw error
      // A limit passes; the job waits for the provider's own time, however long that is.
      if (isFault(error, 'provider_limited')) throw error
      const triesMax = isFault(error, 'brain_answer_invalid') ? NONSENSE_MAX : TRIES_MAX
      if (error instanceof Fault && error.mayRetry && tries < triesMax) throw error
      if (!(error instanceof Fault)) throw error
      await giveUp(plan, goal, error)
    }
  }

  async function makePlan(plan: Plan, goal: Goal, signal: AbortSignal): Promise<void> {
    const repository = await deps.desk.get(goal.repositoryId)
    const commit = await takeBase(goal, repository)
    const finished = (await listTasks(store.db, goal.id)).filter((task) => task.state === 'done')
    const files = await repository.listFiles(commit)
    let { draft, author } = plan
    let offLimits: readonly OffLimit[] = []
    if (!draft) {
      const memory = await deps.recall(goal, files)
      const survey = await deps.survey(repository, commit)
      const lookedUp = (await deps.lookUp?.({ goal, commit, survey }, signal)) ?? null
      const drafted = await deps.draft(
        {
          goal,
          survey,
          memory,
          lookedUp,
          previous: await previousOf(plan),
          finished: finished.map((task) => ({ key: task.spec.key, title: task.spec.title })),
          words: plan.request,
        },
        signal,
      )
      // A plan of the owner's own says itself what may be changed.
      offLimits = memory.offLimits
      draft = withOffLimits(withFinished(drafted.draft, finished), offLimits)
      author = drafted.author
    }
    const reasons = vetPlan(draft, {
      files,
      agents: [...deps.agents()],
      footprintForbidden: offLimits,
      credentials: deps.credentials,
      finished: finished.map((task) => task.spec.key),
      foldersForbidden: deps.foldersForbidden ?? [],
    })
    const onBase =
      reasons.length === 0
        ? await deps.baseline({ repository, commit, draft, goal }, signal)
        : { reasons: [], lines: [] }
    reasons.push(...onBase.reasons)
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      const fresh = await getPlan(tx, plan.id)
      if (fresh.state !== 'drafting') return
      const patch = { draft, author, baseline: onBase.lines, baseCommit: commit }
      if (reasons.length > 0) {
        await movePlan(tx, fresh, 'refused', { ...patch, reasons })
        await addEvent(tx, now, { type: 'plan.refused', goalId: goal.id, data: { version: plan.version, reasons } })
      } else {
        await movePlan(tx, fresh, 'proposed', patch)
        await addEvent(tx, now, {
          type: 'plan.proposed',
          goalId: goal.id,
          data: { version: plan.version, tasks: draft.tasks.length },
        })
      }
      await send(queue, tx, 'advance', goal.id)
    })
  }

  /** The commit the plan is made for: where the goal's branch is, or, at first, the target as it stands now. */
  async function takeBase(goal: Goal, repository: Repository): Promise<string> {
    const ref = `refs/heads/${goal.branch}`
    const head = await repository.find(ref)
    if (head && goal.baseCommit) return head
    await repository.fetch()
    const base = await repository.ownerBranch(goal.targetBranch)
    // The ref first: a row never names a commit that nothing holds.
    await repository.setRef(ref, base)
    await store.transaction((tx) => updateGoal(tx, goal.id, { baseCommit: base }))
    return base
  }

  async function previousOf(plan: Plan): Promise<DraftRequest['previous']> {
    const before = (await listPlans(store.db, plan.goalId)).findLast(
      (other) => other.version < plan.version && other.draft !== null,
    )
    return before?.draft ? { draft: before.draft, reasons: before.reasons } : null
  }

  async function giveUp(plan: Plan, goal: Goal, fault: Fault): Promise<void> {
    const reasons = [fault.hint ? `${fault.message} ${fault.hint}` : fault.message]
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      const fresh = await getPlan(tx, plan.id)
      if (fresh.state !== 'drafting') return
      await movePlan(tx, fresh, 'refused', { reasons })
      await addEvent(tx, now, { type: 'plan.refused', goalId: goal.id, data: { version: plan.version, reasons } })
      await openAsk(tx, now, {
        kind: 'plan-refused',
        goalId: goal.id,
        taskId: null,
        question: `No plan could be made for goal #${goal.number}: ${fault.message}`,
        detail: fault.hint ?? '',
        choices: refusedChoices((await listPlans(tx, goal.id)).some((other) => other.state === 'active')),
        freeText: true,
      })
      await send(queue, tx, 'advance', goal.id)
    })
  }
}

/** What is forbidden goes with the plan, so that the work is held to it as well, whatever its footprint claims. */
function withOffLimits(draft: PlanDraft, offLimits: readonly OffLimit[]): PlanDraft {
  return offLimits.length === 0 ? draft : { ...draft, offLimits: offLimits.map(({ glob }) => glob) }
}

/** Finished tasks stay in every later plan, so that others can need them; a plan that names their keys again does not redo them. */
function withFinished(draft: PlanDraft, finished: readonly Task[]): PlanDraft {
  const done = new Set(finished.map((task) => task.spec.key))
  return {
    ...draft,
    tasks: [...finished.map((task) => task.spec), ...draft.tasks.filter((task) => !done.has(task.key))],
  }
}
