import { createHash, randomBytes } from 'node:crypto'
import type { GoalId } from '../../core/goal.ts'
import type { RunId } from '../../core/run.ts'
import type { TaskId } from '../../core/task.ts'

/** Who asks, and for what: everything that a request is counted under. */
export interface Caller {
  goalId: GoalId | null
  taskId: TaskId | null
  runId: RunId | null
  /** The agent profile's name, or `brain`. */
  agent: string
  /** work, reconcile; for the brain plan, review … */
  purpose: string
  /** The upstream its model was taken from. */
  upstream: string
}

export interface RunToken extends Disposable {
  /** What the agent is given for a key. */
  readonly token: string
}

/**
 * Tokens that open the gateway, each for one run.
 *
 * Only digests are kept, in memory: a restart ends all of them, as it ends the processes that hold them.
 * The brain's token may be followed by `.purpose.goal`, so that one process can ask for many goals.
 */
export interface RunTokens {
  /** Good until it is disposed of. */
  grant(caller: Caller): RunToken
  find(token: string): Caller | undefined
}

export const BRAIN = 'brain'
const PREFIX = 'claw-'

export function createRunTokens(): RunTokens {
  const callers = new Map<string, Caller>()
  return {
    grant(caller) {
      const token = PREFIX + randomBytes(32).toString('base64url')
      const key = digest(token)
      callers.set(key, caller)
      return { token, [Symbol.dispose]: () => void callers.delete(key) }
    },
    find(given) {
      const [token = '', purpose, goalId] = given.split('.')
      const caller = callers.get(digest(token))
      if (!caller || purpose === undefined) return caller
      // What follows a run's own token is no word of ours.
      if (caller.agent !== BRAIN) return undefined
      return { ...caller, purpose, goalId: goalId ? (goalId as GoalId) : null }
    },
  }
}

/** The brain's token for one question. */
export function tokenFor(token: string, question: { purpose: string; goalId?: string | undefined }): string {
  return `${token}.${question.purpose}${question.goalId ? `.${question.goalId}` : ''}`
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
