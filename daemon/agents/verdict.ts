import { type Fault, type FaultCode, isFault } from '../../core/fault.ts'
import type { FailureClass } from '../../core/run.ts'
import type { RunVerdict, TurnEnd } from './agent.ts'

/**
 * Decides how the end of a run counts. Pure.
 *
 * transport is tried again and does not count, a limit pauses, work is fed back and counts,
 * environment needs something mended first.
 */
const CLASS: Partial<Record<FaultCode, FailureClass>> = {
  agent_crashed: 'transport',
  agent_protocol: 'transport',
  agent_silent: 'transport',
  agent_unavailable: 'transport',
  session_lost: 'transport',
  provider_unavailable: 'transport',
  provider_limited: 'limit',
  run_overrun: 'work',
  provider_refused: 'environment',
  agent_not_found: 'environment',
  sandbox_unavailable: 'environment',
  command_missing: 'environment',
  setup_failed: 'environment',
  act_not_ready: 'environment',
  secret_missing: 'environment',
  secret_invalid: 'environment',
  path_unsafe: 'environment',
  disk_full: 'environment',
  worktree_failed: 'transport',
}

/** The verdict of a fault; undefined for an error that is a bug and must be loud. */
export function classifyFault(error: unknown): RunVerdict | undefined {
  if (!isFault(error)) return undefined
  const failure = CLASS[error.code]
  return failure === undefined ? undefined : { failure, note: error.message, retryAt: retryAtOf(error) }
}

/** The verdict of a turn that ended by itself; undefined: nothing speaks against verifying what it did. */
export function classifyTurn(end: Pick<TurnEnd, 'stopReason' | 'text'>): RunVerdict | undefined {
  const note = (words: string) => ({ failure: 'work' as const, note: words, retryAt: null })
  switch (end.stopReason) {
    case 'refusal':
      return note(`The agent refused: ${end.text.slice(-300) || 'without a word'}`)
    case 'max_tokens':
      return note('The agent ran out of tokens in the middle of its work')
    default:
      return undefined
  }
}

function retryAtOf(fault: Fault): number | null {
  const retryAt = fault.details['retryAt']
  return typeof retryAt === 'number' ? retryAt : null
}
