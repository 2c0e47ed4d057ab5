import { createHash } from 'node:crypto'
import type { Ask } from '../../core/ask.ts'
import { Fault } from '../../core/fault.ts'
import type { RunId } from '../../core/run.ts'
import { taskLabel } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import type { OwnerSaid, RunContext } from '../../tools/context.ts'
import { openAsk } from '../inbox/ask.ts'
import type { StoreInbox } from '../inbox/store-inbox.ts'
import { getGoal, getRun, getTask, listAsks, updateAsk } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import { whileWaiting } from './while-waiting.ts'

export interface AskOwnerDeps {
  store: Store
  world: World
  inbox: StoreInbox
}

type Question = Parameters<RunContext['askOwner']>[0]

/** Questions that the runs of one task may put to the owner. Whoever asks more does not decide enough. */
const QUESTIONS_MAX = 20

/** Beside ready answers there is always this one, which goes with words. */
const OTHER = { id: 'other', label: 'Something else, in words' }

/**
 * Puts a question of a run's to the owner and waits for a while.
 *
 * The same words from the same task are the same question: asked again, by the same run, after a restart or
 * by a later run, they find the open ask or its answer. While a call waits, the run says so.
 */
export function createAskOwner({ store, world, inbox }: AskOwnerDeps) {
  return async (runId: RunId, question: Question, waitMs: number, signal: AbortSignal): Promise<OwnerSaid> => {
    const ask = await findOrOpen(runId, question)
    if (ask.state !== 'open') return settle(ask, question)
    return whileWaiting(store, runId, async () => {
      const settled = await waitFor(ask, waitMs, signal)
      return settled ? await settle(settled, question) : { state: 'open', ask: ask.number }
    })
  }

  async function findOrOpen(runId: RunId, { question, detail, choices }: Question): Promise<Ask> {
    return store.transaction(async (tx) => {
      const run = await getRun(tx, runId)
      const asks = (await listAsks(tx, { goalId: run.goalId })).filter(
        (ask) => ask.kind === 'question' && ask.taskId === run.taskId,
      )
      const fingerprint = fingerprintOf(question, choices)
      const before = asks.findLast((ask) => ask.fingerprint === fingerprint && ask.state !== 'moot')
      if (before) return before
      if (asks.length >= QUESTIONS_MAX) {
        throw new Fault('input_invalid', `This task has asked ${QUESTIONS_MAX} questions already`, {
          hint: 'Decide yourself, and say in your last words what you decided.',
        })
      }
      const task = await getTask(tx, run.taskId)
      const goal = await getGoal(tx, run.goalId)
      return openAsk(tx, world.clock.now(), {
        kind: 'question',
        goalId: goal.id,
        taskId: task.id,
        runId: run.id,
        fingerprint,
        question: `Task ${taskLabel(goal.number, task.number)}: ${question}`,
        detail,
        choices:
          choices.length === 0 ? [] : [...choices.map((label, index) => ({ id: LETTERS[index]!, label })), OTHER],
        freeText: true,
      })
    })
  }

  /** The ask once it is settled; undefined when the time is up or the caller has gone. */
  async function waitFor(ask: Ask, waitMs: number, signal: AbortSignal): Promise<Ask | undefined> {
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

  async function settle(ask: Ask, { choices }: Question): Promise<OwnerSaid> {
    if (ask.state === 'moot' || ask.answer === null) return { state: 'closed', ask: ask.number }
    if (ask.settledAt === null) await store.transaction((tx) => updateAsk(tx, ask.id, { settledAt: world.clock.now() }))
    const { choice, text } = ask.answer
    const label = choice === null || choice === OTHER.id ? null : (choices[LETTERS.indexOf(choice)] ?? choice)
    return { state: 'answered', ask: ask.number, choice: label, text }
  }
}

const LETTERS = 'abcdefgh'

function fingerprintOf(question: string, choices: readonly string[]): string {
  const words = [question, ...choices].map((text) => text.trim().replace(/\s+/g, ' ').toLowerCase())
  return createHash('sha256')
    .update(JSON.stringify(['question', ...words]))
    .digest('hex')
}
