import type { Ask } from '../../core/ask.ts'
import { newId } from '../../core/id.ts'
import { addAsk, addEvent, nextAskNumber, updateAsk } from '../store/rows.ts'
import type { Tx } from '../store/tables.ts'

export type AskInput = Pick<Ask, 'kind' | 'goalId' | 'taskId' | 'question' | 'detail' | 'choices' | 'freeText'> & {
  runId?: Ask['runId']
  fingerprint?: string | null
}

/** Opens an ask in the same transaction as what it holds up. */
export async function openAsk(tx: Tx, now: number, input: AskInput): Promise<Ask> {
  const ask: Ask = {
    id: newId('ask', now),
    number: await nextAskNumber(tx),
    state: 'open',
    answer: null,
    settledAt: null,
    createdAt: now,
    fingerprint: null,
    runId: null,
    ...input,
  }
  await addAsk(tx, ask)
  return ask
}

/** Closes an ask whose subject is gone. An answered one stays answered. */
export async function mootAsk(tx: Tx, now: number, ask: Ask): Promise<void> {
  if (ask.state === 'open') {
    await updateAsk(tx, ask.id, { state: 'moot', settledAt: now })
    await addEvent(tx, now, {
      type: 'ask.mooted',
      goalId: ask.goalId,
      taskId: ask.taskId,
      data: { number: ask.number },
    })
  } else if (ask.settledAt === null) {
    await updateAsk(tx, ask.id, { settledAt: now })
  }
}
