import type { Goal } from '../../core/goal.ts'
import type { Check, OverlayFile, PlanDraft } from '../../core/plan.ts'
import type { Contract } from '../../core/proof.ts'
import type { BaselineVerdict } from '../proof/baseline-verdict.ts'
import type { Baseline, Verifier } from '../proof/verify.ts'
import type { AskHost } from '../sandbox/sandbox.ts'
import type { Repository } from '../worktrees/worktree.ts'

/** Verdicts that send a plan back, with what the planner is to do about it. */
const SENDS_BACK: Partial<Record<BaselineVerdict, string>> = {
  'passes-already': 'It proves nothing: write a check that fails until the work is done, or call it `holds`.',
  'fails-already': 'It cannot show that nothing broke: leave it out, or make mending it a task of its own.',
  environment: 'Use a command that exists here.',
}

/**
 * Runs each check of a plan on the base commit before anything is spent on the work. Tasks that need
 * others are left for later: their base does not exist yet, so nothing true can be said about it.
 */
export function createPlanBaseline({ verifier }: { verifier: Pick<Verifier, 'baseline'> }) {
  return async function planBaseline(
    input: {
      repository: Repository
      commit: string
      draft: PlanDraft
      goal: Goal
      ownerCheckout: string | null
      /** Answers for hosts that policy does not name. */
      askHost?: AskHost
      done: ReadonlySet<string>
    },
    signal: AbortSignal,
  ): Promise<{ reasons: string[]; lines: string[] }> {
    const { repository, commit, draft, goal } = input
    const reasons: string[] = []
    const lines: string[] = []
    const tasks = draft.tasks.filter((task) => task.needs.length === 0 && !input.done.has(task.key))
    const asked: Asked[] = [
      ...draft.checks.map((check) => ({ name: 'the goal as a whole', check, overlay: [] })),
      ...tasks.flatMap((task) =>
        task.checks.map((check) => ({ name: `task ${task.key}`, check, overlay: task.overlay })),
      ),
    ]
    for (const [n, group] of byOverlay(asked).entries()) {
      const contract: Contract = {
        checks: group.map(({ check }) => check),
        overlay: group[0]!.overlay,
        footprint: ['**'],
        sharedPaths: draft.sharedPaths,
      }
      const found: Baseline = await verifier.baseline({
        repository,
        contract,
        base: commit,
        tag: `${goal.id}/baseline-${n + 1}`,
        signal,
        ...(input.ownerCheckout === null ? {} : { ownerCheckout: input.ownerCheckout }),
        ...(input.askHost ? { askHost: input.askHost } : {}),
      })
      if (found.setup) {
        reasons.push(
          `Set-up failed on the base commit, so no check can be run there: \`${found.setup.command}\` ended with ${found.setup.exitCode}. ${found.setup.tail.slice(-600)}`,
        )
        return { reasons, lines }
      }
      for (const [index, { result, verdict, words }] of found.checks.entries()) {
        const { name } = group[index]!
        lines.push(`${name}: ${words}`)
        const advice = SENDS_BACK[verdict]
        if (advice)
          reasons.push(
            `In ${name}: ${words}. ${advice}${verdict === 'fails-already' ? ` It says: ${result.tail.slice(-300)}` : ''}`,
          )
      }
    }
    return { reasons, lines }
  }
}

/** One check and whose it is. */
interface Asked {
  name: string
  check: Check
  overlay: OverlayFile[]
}

/** Checks that look at the same files share one checkout: it is put back between any two of them anyway. */
function byOverlay(asked: readonly Asked[]): Asked[][] {
  const groups = new Map<string, Asked[]>()
  for (const one of asked) {
    const key = JSON.stringify(one.overlay)
    groups.set(key, [...(groups.get(key) ?? []), one])
  }
  return [...groups.values()]
}
