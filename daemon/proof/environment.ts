import type { CheckResult } from '../../core/proof.ts'

/**
 * Says whether a check failed because of the place it ran in and not because of the work: one
 * sentence, or undefined. Pure. Only what is certain counts; a wrong `environment` would excuse
 * bad work, a wrong `work` only costs an attempt.
 */
export function environmentProblem(
  result: Pick<CheckResult, 'command' | 'exitCode' | 'timedOut' | 'tail'>,
): string | undefined {
  const { exitCode, tail, command } = result
  if (result.timedOut || exitCode === 0) return undefined
  const lines = tail.split('\n')
  const missing = lines.find((line) => /command not found|: not found\s*$/.test(line))
  if (exitCode === 127) {
    // `./check.sh` that is not there yet may be what the task is to write.
    const ownScript =
      lines.some((line) => /No such file or directory/.test(line)) && /(^|\s)\.{0,2}[\w.-]*\/\S+/.test(command)
    return ownScript && !missing ? undefined : `command not found: ${(missing ?? command).trim().slice(0, 200)}`
  }
  if (exitCode === 126) return `the command cannot be run: ${(lines.at(-1) ?? command).slice(0, 200)}`
  const sure = lines.find((line) => PATTERNS.some((pattern) => pattern.test(line)))
  return sure?.trim().slice(0, 200)
}

const PATTERNS = [
  /No module named '?(pytest|tox|nox|unittest2|nose2?)'?\s*$/,
  /could not determine executable to run/,
  /error: no such (sub)?command: `/,
  /rustup could not choose a version/,
  /No space left on device|ENOSPC/,
  /bwrap: /,
]
