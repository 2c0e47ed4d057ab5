import { Fault, isFault } from '../core/fault.ts'

/** What the exit code says to a script. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  daemonDown: 3,
  denied: 4,
  /** A watched goal ended without being met. */
  notMet: 5,
  interrupted: 130,
} as const

/** What was asked for is wrong: the command has to be given differently. */
const USAGE = new Set([
  'input_invalid',
  'config_invalid',
  'plan_invalid',
  'goal_not_found',
  'plan_not_found',
  'task_not_found',
  'run_not_found',
  'ask_not_found',
  'proof_not_found',
  'schedule_not_found',
  'person_not_found',
  'pairing_not_found',
  'channel_not_found',
  'route_not_found',
  'body_too_large',
  'repository_not_found',
  'repository_unreadable',
  'branch_not_found',
  'agent_not_found',
  'path_unsafe',
  'note_not_found',
  'tool_not_found',
  'skill_not_found',
  'note_refused',
  'note_too_large',
])

/** What the daemon refused, as it said it: the problem document's code and words. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly code: string
  readonly hint: string | undefined
  readonly problem: object

  constructor(problem: { code: string; detail: string; hint?: string }) {
    super(problem.detail)
    this.code = problem.code
    this.hint = problem.hint
    this.problem = problem
  }
}

/** The owner pressed Ctrl-C. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

/** For a command that finds its arguments wrong only when it looks at them. */
export function usage(message: string): Fault {
  return new Fault('input_invalid', message)
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return EXIT.interrupted
  if (!(error instanceof Refused) && !isFault(error)) return EXIT.failed
  if (error.code === 'daemon_down') return EXIT.daemonDown
  if (error.code === 'token_refused' || error.code === 'origin_refused') return EXIT.denied
  return USAGE.has(error.code) ? EXIT.usage : EXIT.failed
}
