import type { CheckResult } from '../../core/proof.ts'
import { environmentProblem } from './environment.ts'

/**
 * consistent: the check says on the base what its kind promises. passes-already: a `fails-before`
 * that has nothing to prove. fails-already: a `holds` that is broken before any work.
 * environment: it could not be run, so it says nothing.
 */
export type BaselineVerdict = 'consistent' | 'passes-already' | 'fails-already' | 'environment'

/** Pure. `words` are for the planner and the owner. */
export function judgeBaseline(result: CheckResult): { verdict: BaselineVerdict; words: string } {
  const problem = environmentProblem(result)
  if (problem !== undefined) {
    return { verdict: 'environment', words: `"${result.name}" cannot be run here: ${problem}` }
  }
  const ended = result.timedOut
    ? 'ran into its time limit'
    : result.exitCode === null
      ? 'was ended by a signal'
      : `ended with ${result.exitCode}`
  if (result.kind === 'fails-before') {
    if (!result.passed)
      return { verdict: 'consistent', words: `"${result.name}" fails on the base, as it should (it ${ended})` }
    return {
      verdict: 'passes-already',
      words: `"${result.name}" is to fail before the work, but it passes on the base already, so it cannot show that the work was done`,
    }
  }
  if (result.passed && result.flaky) {
    const words = `"${result.name}" is flaky: on the base it failed, and passed when it was run again on the same files`
    return { verdict: 'consistent', words }
  }
  if (result.passed) return { verdict: 'consistent', words: `"${result.name}" passes on the base` }
  return {
    verdict: 'fails-already',
    words: `"${result.name}" is to hold before and after, but it fails on the base already (it ${ended}): ${lastLines(result.tail)}`,
  }
}

function lastLines(tail: string): string {
  return tail.split('\n').slice(-5).join(' / ').slice(-600)
}
