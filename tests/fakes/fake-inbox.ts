import type { Ask } from '../../core/ask.ts'
import { Fault } from '../../core/fault.ts'
import type { Inbox } from '../../daemon/inbox/inbox.ts'
import { MORNING } from './views.ts'

export interface FakeInbox extends Inbox {
  put(ask: Ask): void
}

/** Asks in a map. Passes tests/contracts/inbox.ts. */
export function createFakeInbox(): FakeInbox {
  const asks = new Map<string, Ask>()
  const find = (name: string): Ask => {
    const ask = [...asks.values()].find((one) => one.id === name || String(one.number) === name.replace('#', ''))
    if (!ask) throw new Fault('ask_not_found', `There is no ask ${name}`)
    return ask
  }
  return {
    put: (ask) => void asks.set(ask.id, ask),
    list: async () => [...asks.values()].filter((ask) => ask.state === 'open'),
    get: async (name) => find(name),
    async answer(name, { choice = null, text = null, by }) {
      const ask = find(name)
      if (ask.state !== 'open') {
        throw new Fault('ask_answered', `Ask ${ask.number} was answered by ${ask.answer?.by ?? 'nobody'}`)
      }
      const fitting = choice === null ? [] : ask.choices.filter(({ id }) => id.startsWith(choice))
      if (choice !== null && fitting.length !== 1) {
        const ids = ask.choices.map(({ id }) => id).join(', ')
        throw new Fault('input_invalid', `"${choice}" is no choice of ask ${ask.number}; choose from ${ids}`)
      }
      if (choice === null && !ask.freeText) {
        throw new Fault('input_invalid', `Ask ${ask.number} wants a choice, not text`)
      }
      const answer = { choice: fitting[0]?.id ?? null, text, by, at: MORNING }
      const answered: Ask = { ...ask, state: 'answered', answer }
      asks.set(ask.id, answered)
      return answered
    },
  }
}
