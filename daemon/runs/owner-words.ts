import type { Ask } from '../../core/ask.ts'
import type { Run } from '../../core/run.ts'
import { getRun, listAsks, listWaitingSteers, moveRun, type Steer, takeSteers, updateAsk } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Db, Tx } from '../store/tables.ts'

/** What the owner has said to a task and its agent has not been told yet. */
export interface OwnerWords {
  /** Empty where there is nothing. */
  text: string
  steers: readonly Steer[]
  answers: readonly Ask[]
}

/** Later words for the task, and answers to questions whose asker did not come back for them. */
export async function unheardWords(db: Db, run: Pick<Run, 'goalId' | 'taskId'>): Promise<OwnerWords> {
  const steers = (await listWaitingSteers(db, run.goalId)).filter((steer) => steer.taskId === run.taskId)
  const answers = (await listAsks(db, { goalId: run.goalId })).filter(
    (ask) => ask.kind === 'question' && ask.taskId === run.taskId && ask.state === 'answered' && ask.settledAt === null,
  )
  const text = [
    ...answers.map((ask) => `You asked: ${ask.question}\nThe owner answers: ${answerOf(ask)}`),
    ...steers.map((steer) => `The owner adds: ${steer.text}`),
  ].join('\n\n')
  return { text, steers, answers }
}

/** Words count as told once the turn that told them has ended: after a crash they are told again, never lost. */
export async function markTold(tx: Tx, now: number, { steers, answers }: OwnerWords): Promise<void> {
  await takeSteers(
    tx,
    now,
    steers.map((steer) => steer.id),
  )
  for (const ask of answers) await updateAsk(tx, ask.id, { settledAt: now })
}

/**
 * An agent whose own time limit for tools is shorter than its owner's lunch ends its turn while its question is
 * open. Its work is not done then: this waits, as long as it takes, until the owner has said something or the
 * question is gone, and the run says that it waits. Rejects when `stop` is aborted.
 */
export async function wordsToGoOn(store: Store, run: Run, stop: AbortSignal): Promise<OwnerWords> {
  const isAsking = async () =>
    (await listAsks(store.db, { goalId: run.goalId, state: 'open' })).some(
      (ask) => ask.kind === 'question' && ask.runId === run.id,
    )
  const setWaiting = (isWaiting: boolean) =>
    store.transaction(async (tx) => {
      const { state } = await getRun(tx, run.id)
      if (state === (isWaiting ? 'running' : 'waiting')) await moveRun(tx, run.id, isWaiting ? 'waiting' : 'running')
    })
  using news = newsOf(store, stop)
  for (let waits = false; ; waits = true) {
    // Looked at in this order: an answer in between is found as words.
    const asks = await isAsking()
    const words = await unheardWords(store.db, run)
    if (words.text || !asks) {
      if (waits) await setWaiting(false)
      return words
    }
    if (!waits) await setWaiting(true)
    await news.next()
  }
}

/** Resolves `next` once anything was committed since the last look. */
function newsOf(store: Store, stop: AbortSignal): Disposable & { next(): Promise<void> } {
  let { promise, resolve, reject } = Promise.withResolvers<void>()
  promise.catch(() => {})
  const listener = store.onCommit(() => resolve())
  const onStop = () => reject(stop.reason)
  stop.addEventListener('abort', onStop, { once: true })
  if (stop.aborted) onStop()
  return {
    async next() {
      await promise
      ;({ promise, resolve, reject } = Promise.withResolvers<void>())
      promise.catch(() => {})
      if (stop.aborted) onStop()
    },
    [Symbol.dispose]() {
      listener[Symbol.dispose]()
      stop.removeEventListener('abort', onStop)
    },
  }
}

function answerOf({ answer, choices }: Ask): string {
  const label = choices.find((choice) => choice.id === answer?.choice)?.label ?? answer?.choice
  return [label, answer?.text].filter(Boolean).join(': ') || '(nothing)'
}
