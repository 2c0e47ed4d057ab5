import type { Ask } from '../../core/ask.ts'
import type { Goal } from '../../core/goal.ts'
import type { RunId } from '../../core/run.ts'
import { type Task, taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import { openAsk } from '../inbox/ask.ts'
import type { StoreInbox } from '../inbox/store-inbox.ts'
import { within } from '../processes/within.ts'
import type { AskHost, Host } from '../sandbox/sandbox.ts'
import { listAsks, updateAsk } from '../store/rows.ts'
import type { Store } from '../store/store.ts'

export interface AskHostDeps {
  store: Store
  world: World
  inbox: Pick<StoreInbox, 'settled'>
  /** How long a connection waits for the owner. */
  waitMs: number
}

/** On whose behalf a program wants to connect. */
export interface AskHostFor {
  goal: Goal
  /** Null while a plan is tried. */
  task: Pick<Task, 'id' | 'number'> | null
  /** Null for a check of the daemon's. */
  runId: RunId | null
  /** `pi`, `a check`, `the set-up`. */
  who: string
}

/**
 * Answers for a host that policy does not name: from what the owner said before, else by an ask that the connection
 * waits for. The wait is bounded and the ask is not: what is answered later holds for the next connection.
 *
 * Answers live in the asks' own rows: `always` holds everywhere, `goal` and `deny` for the goal, `once` for the run.
 */
export function createAskHost({ store, world, inbox, waitMs }: AskHostDeps) {
  return ({ goal, task, runId, who }: AskHostFor): AskHost => {
    /** Answered with `once`, to this program. */
    const had = new Set<string>()
    const isAllowed = (ask: Ask) => ask.answer?.choice !== 'deny' && ask.state === 'answered'

    return async (host, signal) => {
      const name = inWords(host)
      const holds = (ask: Ask) =>
        ask.kind === 'host' &&
        ask.fingerprint === name &&
        (ask.goalId === goal.id
          ? ask.state === 'open' ||
            ask.answer?.choice === 'deny' ||
            ask.answer?.choice === 'goal' ||
            had.has(ask.id) ||
            (ask.state === 'answered' && runId !== null && ask.runId === runId)
          : false)
      const isAlways = (ask: Ask) => ask.kind === 'host' && ask.fingerprint === name && ask.answer?.choice === 'always'

      const ask = await store.transaction(async (tx) => {
        const asks = await listAsks(tx, { goalId: goal.id })
        const before = asks.findLast((other) => holds(other) || isAlways(other)) ?? (await listAsks(tx)).find(isAlways)
        return before ?? openAsk(tx, world.clock.now(), question(host))
      })
      had.add(ask.id)
      const settled = ask.state === 'open' ? await waitFor(ask, signal) : ask
      if (!settled) {
        return {
          isAllowed: false,
          reason: `${name} is unknown, and the owner has not answered yet (ask ${ask.number}). Go on without it, or try again later.`,
        }
      }
      if (settled.settledAt === null) {
        await store.transaction((tx) => updateAsk(tx, ask.id, { settledAt: world.clock.now() }))
      }
      return isAllowed(settled)
        ? { isAllowed: true, reason: `the owner allowed it (ask ${ask.number})` }
        : { isAllowed: false, reason: `the owner refuses ${name} (ask ${ask.number}). Go on without it.` }
    }

    function question(host: Host) {
      const name = inWords(host)
      const where = task ? `Task ${taskLabel(goal.number, task.number)}` : `Goal #${goal.number}`
      return {
        kind: 'host' as const,
        goalId: goal.id,
        taskId: task?.id ?? null,
        runId,
        fingerprint: name,
        question: `${where}: ${who} wants to connect to ${name}. Allow it?`,
        detail: `Nothing in \`sandbox.hosts\` names ${name}. Its connection waits for you for ${Math.round(waitMs / 1000)} s; a later answer holds for the next one.`,
        choices: [
          { id: 'once', label: runId ? 'Allow it in this run' : 'Allow it this once' },
          { id: 'goal', label: 'Allow it for this goal' },
          { id: 'always', label: 'Always allow it' },
          { id: 'deny', label: 'Refuse it for this goal' },
        ],
        freeText: false,
      }
    }
  }

  /** Undefined when the owner takes longer than the connection may wait, or nobody waits any more. */
  async function waitFor(ask: Ask, signal: AbortSignal): Promise<Ask | undefined> {
    const enough = new AbortController()
    const settled = inbox.settled(ask.id, AbortSignal.any([signal, enough.signal])).catch(() => undefined)
    const first = await within(world.clock, waitMs, settled)
    enough.abort()
    return first
  }
}

function inWords({ host, port }: Host): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
