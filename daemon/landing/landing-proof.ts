import type { Goal } from '../../core/goal.ts'
import { newId } from '../../core/id.ts'
import type { Landing } from '../../core/landing.ts'
import type { Check, PlanDraft } from '../../core/plan.ts'
import type { Contract, Proof } from '../../core/proof.ts'
import type { Task, TaskId } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import { uniqueBy } from '../orchestrator/carry-out.ts'
import { classify } from '../proof/classify.ts'
import type { Verify } from '../proof/prove-run.ts'
import { addEvent, addProof } from '../store/rows.ts'
import type { Tx } from '../store/tables.ts'
import type { Repository } from '../worktrees/worktree.ts'

/**
 * What a merged tree must pass: the goal's own checks, the landing task's, and those of every task
 * that landed before, because green and green can be red. What came to pass must now hold.
 */
export function landingContract(tasks: readonly Task[], draft: PlanDraft): Contract {
  const checks: Check[] = [...draft.checks, ...tasks.flatMap((task) => task.spec.checks)]
  return {
    checks: uniqueBy(
      checks.map((check) => ({ ...check, kind: 'holds' as const })),
      (check) => `${check.command}\0${check.network}`,
    ),
    // A later task's acceptance file wins over an earlier one's of the same name.
    overlay: [...new Map(tasks.flatMap((task) => task.spec.overlay).map((file) => [file.path, file])).values()],
    footprint: [...new Set(tasks.flatMap((task) => task.spec.footprint))],
    sharedPaths: draft.sharedPaths,
  }
}

/** Runs the checks of `contract` on a merged tree, in a clean checkout. Writes nothing: the row is the caller's, with what follows from it. */
export async function proveMerge(
  { verify, world }: { verify: Verify; world: World },
  of: {
    goal: Goal
    /** Null: the goal's branch as a whole. */
    taskId: TaskId | null
    repository: Repository
    landing: Landing
    contract: Contract
    merged: string
    /** What it was merged onto. */
    onto: string
    /** Where check definitions come from, whatever the work did to them. */
    definitions: string
  },
  signal: AbortSignal,
): Promise<Proof> {
  const { goal, taskId, repository, landing, contract, merged, onto, definitions } = of
  const verified = await verify(
    { goal, repository, contract, base: definitions, commit: merged, kind: 'landing', tag: `${landing.id}/proof` },
    signal,
  )
  const now = world.clock.now()
  return {
    id: newId('proof', now),
    kind: 'landing',
    goalId: goal.id,
    taskId,
    runId: null,
    contract,
    base: onto,
    commit: merged,
    tree: verified.tree,
    results: verified.results,
    setup: verified.setup,
    guards: [],
    review: null,
    passed: verified.passed && verified.results.length > 0,
    sandbox: verified.sandboxName,
    createdAt: now,
  }
}

/** @param label of the task or goal, for whoever watches */
export async function recordProof(tx: Tx, now: number, proof: Proof, label: string): Promise<void> {
  await addProof(tx, proof)
  await addEvent(tx, now, {
    type: 'proof.recorded',
    goalId: proof.goalId,
    ...(proof.taskId === null ? {} : { taskId: proof.taskId }),
    data: { label, proofId: proof.id, kind: 'landing', passed: proof.passed },
  })
}

/** What failed in a landing proof, with its output, for an agent. */
export function failureInWords(proof: Proof): string {
  return (
    classify({ results: proof.results, guards: proof.guards, setup: proof.setup })?.feedback ?? 'Nothing was checked.'
  )
}
