/**
 * Failures on their way out: RFC 9457 problem documents.
 *
 * A fault keeps its code, its words and its hint. A bug becomes a 500 with an id that stands in the
 * log beside the stack; the client never sees the stack.
 */
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { Fault, type FaultCode } from '../../core/fault.ts'
import type { Log } from '../../core/world.ts'

/** A new code without a status does not compile. */
export const STATUS = {
  input_invalid: 400,
  config_invalid: 422,
  plan_invalid: 422,
  goal_not_found: 404,
  goal_unreadable: 500,
  plan_not_found: 404,
  task_not_found: 404,
  run_not_found: 404,
  ask_not_found: 404,
  proof_not_found: 404,
  report_not_found: 404,
  output_not_found: 404,
  schedule_not_found: 404,
  route_not_found: 404,
  body_too_large: 413,
  move_refused: 409,
  ask_answered: 409,
  token_refused: 401,
  origin_refused: 403,
  signature_refused: 401,
  home_locked: 409,
  daemon_down: 503,
  node_too_old: 500,
  store_broken: 500,
  disk_full: 507,
  command_missing: 500,
  command_failed: 500,
  command_timeout: 504,
  repository_not_found: 422,
  repository_unreadable: 422,
  branch_not_found: 422,
  worktree_dirty: 409,
  worktree_failed: 500,
  ref_moved: 409,
  path_unsafe: 422,
  git_failed: 500,
  agent_not_found: 422,
  agent_unavailable: 503,
  agent_silent: 504,
  agent_crashed: 502,
  agent_protocol: 502,
  run_overrun: 500,
  session_lost: 502,
  sandbox_unavailable: 503,
  act_not_ready: 422,
  brain_missing: 422,
  brain_answer_invalid: 502,
  provider_refused: 502,
  provider_limited: 503,
  provider_unavailable: 503,
  tool_server_unavailable: 503,
  tool_not_found: 404,
  tool_refused: 403,
  skill_not_found: 404,
  setup_failed: 500,
  secret_invalid: 422,
  secret_missing: 422,
  secret_in_work: 422,
  note_not_found: 404,
  note_refused: 422,
  note_changed: 409,
  note_too_large: 413,
  memory_off: 409,
  memory_locked: 409,
  memory_unavailable: 503,
  embedder_unavailable: 503,
  channel_not_found: 404,
  channel_refused: 422,
  channel_limited: 503,
  channel_unavailable: 503,
  person_not_found: 404,
  pairing_not_found: 404,
  role_refused: 403,
} as const satisfies Record<FaultCode, number>

export const Problem = z.object({
  type: z.string().describe('`urn:claw:` and the code.'),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('One sentence for a person; it names the thing.'),
  code: z.string().describe('A fault code, or `bug`.'),
  hint: z.string().optional().describe('What to do about it.'),
  details: z.record(z.string(), z.unknown()).optional().describe('Facts for programs.'),
  id: z.string().optional().describe('For a bug: the id to look for in the log.'),
})
export type Problem = z.infer<typeof Problem>

/** Translates any error once, and writes a bug into the log. */
export function toProblem(error: unknown, log: Log): Problem {
  if (error instanceof Fault) {
    return {
      type: `urn:claw:${error.code}`,
      title: error.code.replaceAll('_', ' '),
      status: STATUS[error.code],
      detail: error.message,
      code: error.code,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(Object.keys(error.details).length === 0 ? {} : { details: error.details }),
    }
  }
  const id = `bug_${randomBytes(6).toString('hex')}`
  log.error({ id, err: error }, 'bug in a request')
  return {
    type: 'urn:claw:bug',
    title: 'bug',
    status: 500,
    detail: `Something is wrong in Claw itself; the log has the stack under ${id}.`,
    code: 'bug',
    hint: 'Look for the id with `claw daemon logs`, and report it.',
    id,
  }
}

export function problemResponse(problem: Problem): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json' },
  })
}
