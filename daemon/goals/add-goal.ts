import type { Config } from '../../config/schema.ts'
import { Fault, nearest } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import { newId } from '../../core/id.ts'
import type { World } from '../../core/world.ts'
import { send } from '../orchestrator/jobs.ts'
import { vetPlan } from '../planning/vet.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent, addGoal, addPlan, findGoalByKey, nextGoalNumber } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { RepositoryDesk } from '../worktrees/repository-desk.ts'
import type { Repository } from '../worktrees/worktree.ts'
import { NewGoal, type NewGoalInput } from './goals.ts'

export interface AddGoalDeps {
  store: Store
  queue: Queue
  world: World
  desk: RepositoryDesk
  config: Pick<Config, 'goals' | 'credentials'>
  /** Every agent there is a profile for, installed or not. */
  knownAgents(): readonly string[]
  /** Folders of this machine that no run may write in. */
  foldersForbidden?: readonly string[]
}

/**
 * Takes a goal in. All that can be known to be wrong is said before anything is made: the repository, the
 * branch, the agent, a plan that does not hold together. When this returns, the goal is on the disk.
 */
export function createAddGoal(deps: AddGoalDeps) {
  const { store, queue, world, desk, config } = deps

  return async function add(input: NewGoalInput): Promise<Goal> {
    const wanted = NewGoal.parse(input)
    if (wanted.idempotencyKey) {
      const before = await findGoalByKey(store.db, wanted.idempotencyKey)
      if (before) return before
    }
    if (wanted.agent !== null) assertAgent(wanted.agent)
    if (wanted.plan) {
      const reasons = vetPlan(wanted.plan, {
        files: null,
        agents: [...deps.knownAgents()],
        credentials: Object.keys(config.credentials),
        foldersForbidden: deps.foldersForbidden ?? [],
      })
      if (reasons.length > 0) throw new Fault('plan_invalid', reasons.join(' '), { details: { reasons } })
    }
    const now = world.clock.now()
    const id = newId('goal', now)
    const { row, repository } = await desk.take(wanted.repo, `${slugOf(wanted.text)}-${id.slice(-6)}`)
    const targetBranch = await findTarget(wanted, repository).catch(async (error) => {
      // A refused goal leaves nothing behind, also where its repository was cloned to look at it.
      await desk.leave(row.id)
      throw error
    })

    return store.transaction(async (tx) => {
      const number = await nextGoalNumber(tx)
      const goal: Goal = {
        id,
        number,
        text: wanted.text,
        branch: `claw/${number}-${slugOf(wanted.text)}`,
        repositoryId: row.id,
        targetBranch,
        baseCommit: null,
        // A workspace has nobody whose branch would have to be spared.
        land: wanted.land ?? (wanted.repo === null ? 'merge' : config.goals.land),
        autonomy: wanted.autonomy ?? config.goals.autonomy,
        limits: {
          minutesMax: wanted.minutesMax ?? config.goals.minutesMax,
          attemptsMax: wanted.attemptsMax ?? config.goals.attemptsMax,
          tokensMax: wanted.tokensMax ?? config.goals.tokensMax,
          usdMax: wanted.usdMax ?? config.goals.usdMax,
        },
        agent: wanted.agent,
        permissions: wanted.permissions,
        source: wanted.source,
        state: 'open',
        quarantine: null,
        wakeAt: null,
        reportFile: null,
        outcome: null,
        createdAt: now,
        endedAt: null,
      }
      await addGoal(tx, goal, wanted.idempotencyKey)
      await addEvent(tx, now, { type: 'goal.added', goalId: id, data: { number, text: wanted.text } })
      if (wanted.plan) {
        const planId = newId('plan', now)
        await addPlan(tx, {
          id: planId,
          goalId: id,
          version: 1,
          state: 'drafting',
          draft: wanted.plan,
          author: 'owner',
          request: [],
          reasons: [],
          baseline: [],
          baseCommit: null,
          createdAt: now,
        })
        await send(queue, tx, 'plan', planId)
      }
      await send(queue, tx, 'advance', id)
      return goal
    })
  }

  async function findTarget({ repo, branch }: NewGoal, repository: Repository): Promise<string> {
    // One question to the owner's repository; what it cannot answer, a fetch does.
    const seen = repo === null ? undefined : await repository.glance(branch)
    if (seen !== undefined) return seen
    if (repo !== null) await repository.fetch()
    const target = branch ?? (await repository.ownerHead()) ?? (await onlyBranch(await repository.ownerBranches()))
    await repository.ownerBranch(target)
    return target
  }

  function assertAgent(name: string): void {
    const known = deps.knownAgents()
    if (known.includes(name)) return
    const near = nearest(name, known)
    throw new Fault(
      'agent_not_found',
      `there is no agent ${name}; known: ${known.join(', ')}`,
      near ? { hint: `Did you mean ${near}?` } : {},
    )
  }
}

async function onlyBranch(branches: readonly string[]): Promise<string> {
  if (branches.length === 1) return branches[0]!
  throw new Fault('branch_not_found', 'the repository’s HEAD is detached, so say which branch the work is for', {
    hint:
      branches.length > 0
        ? `Use --branch with one of: ${branches.slice(0, 10).join(', ')}`
        : 'Make a commit on a branch first.',
  })
}

/** A few words of the goal for a branch's name: lower case letters, digits and dashes. */
export function slugOf(text: string): string {
  const words = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .split('-')
    .filter(Boolean)
  let slug = ''
  for (const word of words) {
    if (slug.length + word.length > 40) break
    slug = slug ? `${slug}-${word}` : word
  }
  return slug || words[0]?.slice(0, 40) || 'goal'
}
