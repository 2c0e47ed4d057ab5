import { MINUTE } from '../../core/clock.ts'
import type { CheckResult } from '../../core/proof.ts'
import type { KnownFlaky } from '../memory/repository-facts.ts'
import { environmentProblem } from './environment.ts'

/** What takes longer is not run twice. */
const DURATION_MS_MAX = 10 * MINUTE

/**
 * Runs a check that must hold and failed once more on the same files: the way to find out that it is flaky.
 *
 * On the base it then counts as passing, and is remembered: nobody's work made it so. On work it counts only
 * where it was known before as flaky; else it stays failed, because the work itself may have made it unreliable.
 * A check that shows the point of a task (`fails-before`) gets no second try.
 */
export async function secondTry(
  first: CheckResult,
  of: {
    again(): Promise<CheckResult>
    flaky: KnownFlaky | undefined
    gitDir: string
    tree: string
    isBase: boolean
  },
): Promise<CheckResult> {
  const isTelling = first.exitCode !== null && !first.timedOut && environmentProblem(first) === undefined
  if (first.kind !== 'holds' || first.passed || !isTelling || first.durationMs > DURATION_MS_MAX) return first
  const second = await of.again()
  if (!second.passed) return first
  const { command } = first
  if (of.isBase) await of.flaky?.saw(of.gitDir, { command, tree: of.tree })
  const known = of.isBase || ((await of.flaky?.commands(of.gitDir))?.has(command) ?? false)
  return { ...(known ? second : first), flaky: { tries: 2, known } }
}
