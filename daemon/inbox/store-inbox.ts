import { EventEmitter, once } from 'node:events'
import type { Ask, AskId } from '../../core/ask.ts'
import { Fault, nearest } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import { send } from '../orchestrator/jobs.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent, findAsk, listAsks, updateAsk } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Db } from '../store/tables.ts'
import type { Inbox } from './inbox.ts'

export interface StoreInbox extends Inbox {
  /** Resolves with the ask once it is answered or moot; rejects when aborted. */
  settled(id: AskId, signal: AbortSignal): Promise<Ask>
}

/** The inbox over the rows. The answer and what it sets in motion are one transaction. */
export function createStoreInbox({ store, queue, world }: { store: Store; queue: Queue; world: World }): StoreInbox {
  const changes = new EventEmitter()
  changes.setMaxListeners(0)

  async function get(db: Db, name: string): Promise<Ask> {
    const number = /^#?(\d+)$/.exec(name)?.[1]
    const ask = await findAsk(db, number ? { number: Number(number) } : { id: name })
    if (!ask)
      throw new Fault('ask_not_found', `there is no ask ${name}`, { hint: '`claw inbox` lists what waits for you.' })
    return ask
  }

  return {
    list: () => listAsks(store.db, { state: 'open' }),
    get: (name) => get(store.db, name),
    async answer(name, { choice = null, text = null, by }) {
      const answered = await store.transaction(async (tx) => {
        const ask = await get(tx, name)
        if (ask.state === 'answered') {
          const said = ask.answer?.choice ?? ask.answer?.text ?? ''
          throw new Fault('ask_answered', `ask ${ask.number} was answered already, by ${ask.answer?.by}: ${said}`)
        }
        if (ask.state === 'moot')
          throw new Fault('ask_answered', `ask ${ask.number} is closed: what it was about is gone`)
        const answer = { choice: choose(ask, choice, text), text: text?.trim() || null, by, at: world.clock.now() }
        await updateAsk(tx, ask.id, { state: 'answered', answer })
        await addEvent(tx, answer.at, {
          type: 'ask.answered',
          goalId: ask.goalId,
          taskId: ask.taskId,
          runId: ask.runId,
          data: { number: ask.number, choice: answer.choice, text: answer.text, by },
        })
        await send(queue, tx, 'advance', ask.goalId)
        return { ...ask, state: 'answered' as const, answer }
      })
      changes.emit(answered.id)
      return answered
    },
    async settled(id, signal) {
      for (;;) {
        const changed = once(changes, id, { signal })
        // Looked at after listening, so that an answer in between is not missed.
        changed.catch(() => {})
        const ask = await get(store.db, id)
        if (ask.state !== 'open') return ask
        await changed
      }
    },
  }
}

function choose(ask: Ask, choice: string | null, text: string | null): string | null {
  if (choice === null || choice === '') {
    if (ask.choices.length === 0 && text?.trim()) return null
    // Words alone, where there are choices, mean the one that takes words: send it back, plan again.
    const takesWords = ask.choices.find((other) => ['no', 'reject', 'retry'].includes(other.id))
    if (ask.freeText && text?.trim() && takesWords) return takesWords.id
    throw new Fault(
      'input_invalid',
      `ask ${ask.number} needs ${ask.choices.length > 0 ? `one of: ${list(ask)}` : 'an answer in words'}`,
    )
  }
  const wanted = choice.toLowerCase()
  const exact = ask.choices.find((other) => other.id.toLowerCase() === wanted)
  if (exact) return exact.id
  const beginning = ask.choices.filter((other) => other.id.toLowerCase().startsWith(wanted))
  if (beginning.length === 1) return beginning[0]!.id
  const near = nearest(
    choice,
    ask.choices.map((other) => other.id),
  )
  throw new Fault(
    'input_invalid',
    `"${choice}" is no answer to ask ${ask.number}; it takes ${list(ask)}`,
    near ? { hint: `Did you mean ${near}?` } : {},
  )
}

function list(ask: Ask): string {
  return ask.choices.map((other) => other.id).join(', ') || 'words'
}
