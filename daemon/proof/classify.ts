import type { CheckResult, GuardFinding } from '../../core/proof.ts'
import type { FailureClass } from '../../core/run.ts'
import { environmentProblem } from './environment.ts'
import type { SetupFailure } from './verify.ts'

/**
 * Says why a commit got no proof, and what its author is told. Pure.
 *
 * `environment`: the place is to blame, and the attempt does not count. `work`: the author gets
 * the real output. Where both happened it is `work`: mending the place would not have helped.
 * Transport and limits are known to whoever drove the agent and never come from here.
 */
export interface ClassifyInput {
  results: readonly CheckResult[]
  guards: readonly GuardFinding[]
  setup: SetupFailure | null
}

export interface Classified {
  failure: Extract<FailureClass, 'work' | 'environment'>
  /** One sentence for the run's note. */
  words: string
  /** For the agent's next turn: what failed first, its command, exit code and output. */
  feedback: string
}

export const FEEDBACK_CHARS_MAX = 10_000
const FIRST_TAIL_CHARS = 5_000
const OTHER_TAIL_CHARS = 600
const OTHERS_MAX = 5

/** Undefined where nothing failed: every check passed and no guard says stop. */
export function classify({ results, guards, setup }: ClassifyInput): Classified | undefined {
  const stops = guards.filter((finding) => finding.level === 'stop')
  if (setup) return ofSetup(setup)
  const failed = results.filter((result) => !result.passed)
  if (failed.length === 0 && stops.length === 0) return undefined

  const problems = failed.map((result) => environmentProblem(result))
  const isPlace = stops.length === 0 && failed.length > 0 && problems.every((problem) => problem !== undefined)
  const first = failed.find((_, n) => isPlace || problems[n] === undefined) ?? failed[0]
  const words = isPlace
    ? `"${first!.name}" could not be run: ${problems[failed.indexOf(first!)]}`
    : first
      ? `"${first.name}" ${howItEnded(first)}${failed.length > 1 ? `, and ${failed.length - 1} more failed` : ''}`
      : `${stops[0]!.detail}${stops.length > 1 ? `, and ${stops.length - 1} more` : ''}`
  return { failure: isPlace ? 'environment' : 'work', words, feedback: feedbackOf(results, failed, stops, first) }
}

function ofSetup(setup: SetupFailure): Classified {
  const ended = setup.exitCode === null ? 'was ended early' : `ended with exit code ${setup.exitCode}`
  const isWork = setup.changedFiles.length > 0
  const because = isWork
    ? `You changed ${setup.changedFiles.slice(0, 5).join(', ')}. Mend that, so that a fresh checkout can be set up.`
    : ''
  return {
    failure: isWork ? 'work' : 'environment',
    words: `Set-up \`${setup.command}\` ${ended}`,
    feedback: cut(
      [
        'A clean checkout of your work could not be set up, so no check was run.',
        `Command: ${setup.command}`,
        `It ${ended}. The end of its output:`,
        fence(setup.tail.slice(-FIRST_TAIL_CHARS)),
        because,
      ]
        .filter(Boolean)
        .join('\n\n'),
    ),
  }
}

function feedbackOf(
  results: readonly CheckResult[],
  failed: readonly CheckResult[],
  stops: readonly GuardFinding[],
  first: CheckResult | undefined,
): string {
  const parts: string[] = []
  if (failed.length > 0) {
    parts.push(
      `Your work was checked in a clean checkout, without network unless the check says so: ${failed.length} of ${results.length} checks failed.`,
    )
  }
  if (stops.length > 0) {
    const lines = stops.slice(0, 10).map((finding) => `- ${finding.detail}`)
    parts.push(`This must not be in the work:\n${lines.join('\n')}`)
  }
  if (first) {
    parts.push(
      `First failure: ${first.name}\nCommand: ${first.command}\nIt ${howItEnded(first)}. The end of its output:\n\n${fence(first.tail.slice(-FIRST_TAIL_CHARS))}`,
    )
  }
  for (const other of failed.filter((result) => result !== first).slice(0, OTHERS_MAX)) {
    parts.push(
      `Also failed: ${other.name} (\`${other.command.slice(0, 200)}\`, it ${howItEnded(other)})\n\n${fence(other.tail.slice(-OTHER_TAIL_CHARS))}`,
    )
  }
  const passed = results.filter((result) => result.passed)
  if (passed.length > 0)
    parts.push(
      `Passed: ${passed
        .map((result) => result.name)
        .join(', ')
        .slice(0, 500)}`,
    )
  parts.push(
    'Find the cause and mend the work. Do not change the checks, the test configuration or package scripts: they are taken from the base and the plan.',
  )
  return cut(parts.join('\n\n'))
}

function howItEnded(result: CheckResult): string {
  if (result.timedOut) return `ran into its time limit after ${Math.round(result.durationMs / 1000)} s`
  if (result.exitCode === null) return 'was ended by a signal'
  const flaky = result.flaky ? ', and passed when it was run again on the same files: it is not reliable' : ''
  return `ended with exit code ${result.exitCode}${flaky}`
}

/** The output cannot close its own fence. */
function fence(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((match) => match[0].length))
  const ticks = '`'.repeat(longest + 1)
  return `${ticks}\n${text}\n${ticks}`
}

function cut(text: string): string {
  return text.length <= FEEDBACK_CHARS_MAX ? text : `${text.slice(0, FEEDBACK_CHARS_MAX - 40)}\n… (cut here)`
}
