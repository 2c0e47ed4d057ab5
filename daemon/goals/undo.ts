import { Fault, isFault } from '../../core/fault.ts'
import type { Goal } from '../../core/goal.ts'
import type { Landing } from '../../core/landing.ts'
import { taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import { openAsk } from '../inbox/ask.ts'
import { landingContract } from '../landing/landing-proof.ts'
import { describeUndo, effectsToUndo } from '../orchestrator/decide-acts.ts'
import type { Verify } from '../proof/prove-run.ts'
import { listEffects } from '../store/effect-rows.ts'
import { addEvent, getPlan, listAsks, listLandings, listTasks } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { RepositoryDesk } from '../worktrees/repository-desk.ts'
import { goalNamed } from './names.ts'

/** What an undo did at once, and what waits for the owner's word. */
export interface Undone {
  /** The branch that was brought back, and the commit that did it; null where nothing had landed. */
  branch: string | null
  commit: string | null
  /** The ask that holds the steps outside the repository; null where there are none. */
  ask: number | null
  /** These steps, in the order in which they will be run, in Markdown. */
  steps: string | null
  /** Why the branch was left as it is. */
  note: string | null
}

/**
 * Takes back what a goal did. What it landed is reverted at once; what it changed outside is listed in an ask, and
 * done once that is answered.
 */
export function createUndo(deps: { store: Store; world: World; desk: RepositoryDesk; verify: Verify }) {
  const { store, world } = deps
  const revert = createRevert(deps)

  return async function undo(name: string, by: string): Promise<Undone> {
    const goal = await goalNamed(store.db, name)
    const landing = (await listLandings(store.db, goal.id)).findLast(
      (other) => other.taskId === null && other.state === 'landed',
    )
    const outside = await askToUndo(goal)
    if (!outside) {
      if (!landing?.merged)
        throw new Fault('move_refused', `Goal #${goal.number} has landed nothing that could be undone`)
      return { ...(await revert(goal, landing, by)), ask: null, steps: null, note: null }
    }
    const reverted = landing?.merged ? await revert(goal, landing, by).catch(asNote) : { branch: null, commit: null }
    return { note: null, ...reverted, ...outside }
  }

  /** What cannot be reverted holds up nothing outside. */
  function asNote(error: unknown) {
    if (!isFault(error)) throw error
    return { branch: null, commit: null, note: error.message }
  }

  /** One question about all that may still be there outside; the open one, where there is one. */
  async function askToUndo(goal: Goal): Promise<{ ask: number; steps: string } | undefined> {
    return await store.transaction(async (tx) => {
      const tasks = await listTasks(tx, goal.id)
      const effects = effectsToUndo(await listEffects(tx, { goalId: goal.id }), tasks)
      if (effects.length === 0) return undefined
      const open = (await listAsks(tx, { goalId: goal.id, state: 'open' })).find((ask) => ask.kind === 'undo-approval')
      if (open) return { ask: open.number, steps: open.detail }
      const steps = describeUndo(effects, tasks)
      const ask = await openAsk(tx, world.clock.now(), {
        kind: 'undo-approval',
        goalId: goal.id,
        taskId: null,
        question: `Take back what goal #${goal.number} changed outside its repository, in this order?`,
        detail: steps,
        choices: [
          { id: 'yes', label: 'Run these steps' },
          { id: 'no', label: 'Leave it as it is' },
        ],
        freeText: false,
      })
      return { ask: ask.number, steps }
    })
  }
}

/**
 * Reverts what a goal landed: a new commit on the branch that takes exactly that change back, whatever
 * came after it. What held before the goal must hold on the result; only then the branch moves.
 */
function createRevert(deps: { store: Store; world: World; desk: RepositoryDesk; verify: Verify }) {
  const { store, world, desk } = deps

  return async function revert(goal: Goal, landing: Landing, by: string): Promise<{ branch: string; commit: string }> {
    const repository = await desk.get(goal.repositoryId)
    await repository.fetch()
    const target = await repository.ownerBranch(landing.branch)
    const identity = await repository.identity()
    const landed = landing.merged
    if (!landed) throw new Error(`landing ${landing.id} landed nothing`)
    if (!(await repository.isAncestor(landed, target))) {
      throw new Fault(
        'move_refused',
        `${landing.branch} does not contain what goal #${goal.number} landed (${landed.slice(0, 12)}); there is nothing to undo`,
      )
    }
    const before = landing.onto
    // A child of the landed commit with the tree from before it: merging that takes the change back, three-way.
    const reverse = await repository.commitTree({
      tree: await repository.treeOf(before),
      parents: [landed],
      message: 'Claw: before the goal',
      identity,
    })
    const trial = await repository.trialMerge(target, reverse)
    if ('conflicts' in trial) {
      throw new Fault(
        'move_refused',
        `${landing.branch} changed the same places since: ${trial.conflicts.join(', ')}`,
        {
          hint: `Give a goal for it: claw "undo what goal #${goal.number} did, keeping what came after" --repo .`,
        },
      )
    }
    if (trial.tree === (await repository.treeOf(target)))
      throw new Fault('move_refused', `what goal #${goal.number} landed is not on ${landing.branch} any more`)
    const commit = await repository.commitTree({
      tree: trial.tree,
      parents: [target],
      message: `Undo goal #${goal.number}: ${goal.text.split('\n')[0]!.slice(0, 100)}\n\nTakes back ${landed}, asked for by ${by}.\n\nClaw-Goal: #${goal.number}\n`,
      identity,
    })
    await repository.setRef(`refs/claw/undo/${goal.number}`, commit)
    await verifyUndo()
    const outcome = await repository.land(landing.branch, commit, target)
    if (outcome.outcome === 'landed') {
      await store.transaction((tx) =>
        addEvent(tx, world.clock.now(), {
          type: 'goal.undone',
          goalId: goal.id,
          data: { branch: landing.branch, commit },
        }),
      )
      return { branch: landing.branch, commit }
    }
    if (outcome.outcome === 'dirty') {
      throw new Fault(
        'worktree_dirty',
        `your checkout of ${landing.branch} has uncommitted changes: ${outcome.paths.join(', ')}`,
        { hint: 'Commit or put them away, then try again.' },
      )
    }
    throw new Fault(
      'ref_moved',
      `${landing.branch} could not be moved: ${outcome.outcome === 'refused' ? outcome.why : 'it moved meanwhile'}`,
    )

    async function verifyUndo(): Promise<void> {
      const tasks = (await listTasks(store.db, goal.id)).filter((task) => task.state === 'done')
      const last = tasks.at(-1)
      const draft = last ? (await getPlan(store.db, last.planId)).draft : null
      if (!draft) return
      const contract = landingContract(tasks, draft)
      // What the goal brought about is gone again; what held before it must hold.
      const broughtAbout = new Set(
        tasks.flatMap((task) =>
          task.spec.checks.filter((check) => check.kind === 'fails-before').map((check) => check.command),
        ),
      )
      const checks = contract.checks.filter((check) => !broughtAbout.has(check.command))
      if (checks.length === 0) return
      const verified = await deps.verify(
        {
          goal,
          kind: 'landing',
          repository,
          contract: { ...contract, checks, overlay: [] },
          base: target,
          commit,
          tag: `${goal.id}/undo`,
        },
        new AbortController().signal,
      )
      if (verified.setup)
        throw new Fault(
          'setup_failed',
          `the tree without goal #${goal.number} could not be set up, so nothing was checked and nothing was moved: \`${verified.setup.command}\``,
          { hint: verified.setup.tail.slice(-500) },
        )
      const red = verified.results.find((result) => !result.passed)
      if (red) {
        const labels = tasks.map((task) => taskLabel(goal.number, task.number)).join(', ')
        throw new Fault(
          'move_refused',
          `without ${labels} the check "${red.name}" fails on ${landing.branch}; something that came after needs it`,
          {
            hint: red.tail.slice(-500),
          },
        )
      }
    }
  }
}
