/**
 * Expected failures.
 *
 * A fault is the world saying no: it has a code, a message for a person that names
 * the thing and says what to do, and it knows whether trying again may help.
 * Any other error is a bug and is loud.
 */

/** Every code, with whether the same call may succeed later without anyone changing anything. */
export const FAULTS = {
  // what was asked for
  input_invalid: 'final',
  config_invalid: 'final',
  plan_invalid: 'final',
  goal_not_found: 'final',
  goal_unreadable: 'final',
  plan_not_found: 'final',
  task_not_found: 'final',
  run_not_found: 'final',
  ask_not_found: 'final',
  proof_not_found: 'final',
  report_not_found: 'final',
  output_not_found: 'final',
  schedule_not_found: 'final',
  route_not_found: 'final',
  body_too_large: 'final',
  move_refused: 'final',
  ask_answered: 'final',
  token_refused: 'final',
  origin_refused: 'final',
  signature_refused: 'final',
  // the world
  home_locked: 'final',
  daemon_down: 'retry',
  node_too_old: 'final',
  store_broken: 'final',
  disk_full: 'retry',
  command_missing: 'final',
  command_failed: 'final',
  command_timeout: 'retry',
  // repositories
  repository_not_found: 'final',
  repository_unreadable: 'final',
  branch_not_found: 'final',
  worktree_dirty: 'final',
  worktree_failed: 'retry',
  ref_moved: 'retry',
  path_unsafe: 'final',
  git_failed: 'final',
  // agents
  agent_not_found: 'final',
  agent_unavailable: 'retry',
  agent_silent: 'retry',
  agent_crashed: 'retry',
  agent_protocol: 'retry',
  run_overrun: 'final',
  session_lost: 'final',
  sandbox_unavailable: 'final',
  // work outside a worktree
  act_not_ready: 'final',
  // brain and providers
  brain_missing: 'final',
  brain_answer_invalid: 'retry',
  provider_refused: 'final',
  provider_limited: 'retry',
  provider_unavailable: 'retry',
  // secrets
  secret_invalid: 'final',
  secret_missing: 'final',
  // the owner's MCP servers and skills
  tool_server_unavailable: 'retry',
  tool_not_found: 'final',
  tool_refused: 'final',
  skill_not_found: 'final',
  secret_in_work: 'final',
  // memory
  note_not_found: 'final',
  note_refused: 'final',
  note_changed: 'retry',
  note_too_large: 'final',
  memory_off: 'final',
  memory_locked: 'final',
  memory_unavailable: 'retry',
  embedder_unavailable: 'retry',
  // channels and people
  channel_not_found: 'final',
  channel_refused: 'final',
  channel_limited: 'retry',
  channel_unavailable: 'retry',
  person_not_found: 'final',
  pairing_not_found: 'final',
  role_refused: 'final',
  // set-up
  setup_failed: 'retry',
} as const satisfies Record<string, 'retry' | 'final'>

export type FaultCode = keyof typeof FAULTS

export interface FaultOptions {
  cause?: unknown
  /** What the reader can do about it, one imperative sentence. */
  hint?: string
  /** Facts for programs: ids, exit codes, a `retryAt` in milliseconds since the epoch. */
  details?: Record<string, unknown>
}

export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: FaultCode
  readonly hint: string | undefined
  readonly details: Record<string, unknown>

  constructor(code: FaultCode, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.details = options.details ?? {}
  }

  /** Whether the same call may succeed later with nothing changed. */
  get mayRetry(): boolean {
    return FAULTS[this.code] === 'retry'
  }
}

export function isFault(error: unknown, code?: FaultCode): error is Fault {
  return error instanceof Fault && (code === undefined || error.code === code)
}

/** The nearest of `choices` to what was typed, if it is near enough to suggest. */
export function nearest(typed: string, choices: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(typed.length / 3)) + 1
  for (const choice of choices) {
    const distance = editDistance(typed.toLowerCase(), choice.toLowerCase())
    if (distance < bestDistance) {
      best = choice
      bestDistance = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}
