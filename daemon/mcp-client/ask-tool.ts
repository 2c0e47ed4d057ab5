import { createHash } from 'node:crypto'
import type { Ask } from '../../core/ask.ts'
import type { GoalId } from '../../core/goal.ts'
import type { RunId } from '../../core/run.ts'
import { type TaskId, taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import { openAsk } from '../inbox/ask.ts'
import type { StoreInbox } from '../inbox/store-inbox.ts'
import { addEvent, getGoal, getTask, listAsks, updateAsk } from '../store/rows.ts'
import type { Store } from '../store/store.ts'

/** On whose behalf a tool is called. */
export interface CallFor {
  goalId: GoalId
  taskId: TaskId | null
  runId: RunId | null
}

export interface ToolQuestion {
  server: string
  tool: string
  input: Record<string, unknown>
}

export type ToolAnswer = { said: 'once' | 'always' | 'no' } | { said: 'open'; ask: number }

const INPUT_SHOWN_MAX = 4_000

/**
 * Asks the owner whether a tool may be called. The same call for the same task is the same question: asked again,
 * by the same run, after a restart or by a later one, it finds the open ask or its answer. A no holds for that call;
 * a yes for this once is used up when it has been acted upon.
 */
export function createAskTool({ store, world, inbox }: { store: Store; world: World; inbox: StoreInbox }) {
  return async (
    who: CallFor,
    question: ToolQuestion,
    waitMs: number | null,
    signal: AbortSignal,
  ): Promise<ToolAnswer> => {
    const ask = await findOrOpen(who, question)
    const settled = ask.state === 'open' ? await waitFor(ask, waitMs, signal) : ask
    return settled === undefined ? { said: 'open', ask: ask.number } : settle(settled, who)
  }

  async function findOrOpen({ goalId, taskId, runId }: CallFor, question: ToolQuestion): Promise<Ask> {
    const fingerprint = fingerprintOf(question)
    return store.transaction(async (tx) => {
      const before = (await listAsks(tx, { goalId })).findLast(
        (ask) =>
          ask.kind === 'permission' &&
          ask.taskId === taskId &&
          ask.fingerprint === fingerprint &&
          ask.state !== 'moot' &&
          (ask.settledAt === null || ask.answer?.choice === 'reject'),
      )
      if (before) return before
      const goal = await getGoal(tx, goalId)
      const who = taskId
        ? `Task ${taskLabel(goal.number, (await getTask(tx, taskId)).number)}`
        : `The planner of goal #${goal.number}`
      return openAsk(tx, world.clock.now(), {
        kind: 'permission',
        goalId,
        taskId,
        runId,
        fingerprint,
        question: `${who} wants to call the tool ${question.tool} of ${question.server}. Allow it?`,
        detail: `With this input:\n\n\`\`\`json\n${JSON.stringify(question.input, null, 2).slice(0, INPUT_SHOWN_MAX)}\n\`\`\``,
        choices: [
          { id: 'allow', label: 'Allow it this once' },
          { id: 'always', label: 'Always allow this tool, until it changes' },
          { id: 'reject', label: 'Refuse it' },
        ],
        freeText: false,
      })
    })
  }

  async function waitFor(ask: Ask, waitMs: number | null, signal: AbortSignal): Promise<Ask | undefined> {
    if (waitMs === null) return inbox.settled(ask.id, signal)
    if (waitMs <= 0) return undefined
    const over = new AbortController()
    using _timer = world.clock.after(waitMs, () => over.abort())
    const either = AbortSignal.any([over.signal, signal])
    try {
      return await inbox.settled(ask.id, either)
    } catch (error) {
      if (either.aborted) return undefined
      throw error
    }
  }

  async function settle(ask: Ask, { goalId, taskId, runId }: CallFor): Promise<ToolAnswer> {
    const choice = ask.state === 'answered' ? ask.answer?.choice : 'reject'
    if (ask.settledAt === null) {
      await store.transaction(async (tx) => {
        const now = world.clock.now()
        await updateAsk(tx, ask.id, { settledAt: now })
        if (runId === null) return
        const text = `${choice === 'reject' ? 'refused' : 'allowed'}: ${ask.question}`
        await addEvent(tx, now, { type: 'run.updated', goalId, taskId, runId, data: { kind: 'notice', text } })
      })
    }
    return { said: choice === 'always' ? 'always' : choice === 'allow' ? 'once' : 'no' }
  }
}

function fingerprintOf({ server, tool, input }: ToolQuestion): string {
  return createHash('sha256')
    .update(JSON.stringify(['tool', server, tool, input]))
    .digest('hex')
}
