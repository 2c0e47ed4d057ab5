/** What people do in a chat, by a command or by hand: done once, and written down with who did it. */
import { isFault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { OwnerContext } from '../../tools/context.ts'
import { addEvent } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Who } from './answer.ts'

const WORDS_MAX = 500

export function createActed({ store, world }: { store: Store; world: World }) {
  async function record({ person, by }: Who, action: string, words: string): Promise<void> {
    await store.transaction((tx) =>
      addEvent(tx, world.clock.now(), {
        type: 'chat.acted',
        data: { by, role: person.role, action, words: words.slice(0, WORDS_MAX) },
      }),
    )
  }

  return {
    record,
    /** Answers an ask. The same person's same answer a second time is the redelivered first. */
    async answerAsk(
      context: OwnerContext,
      ask: string,
      answer: { choice?: string; text?: string },
      who: Who,
    ): Promise<void> {
      try {
        await context.inbox.answer(ask, { ...answer, by: who.by })
      } catch (error) {
        if (!isFault(error, 'ask_answered')) throw error
        const { answer: given } = await context.inbox.get(ask)
        const isSame = given?.by === who.by && given.choice === (answer.choice ?? given.choice)
        if (!isSame) throw error
        return
      }
      await record(who, 'answer', `ask ${ask}: ${answer.choice ?? answer.text ?? ''}`)
    },
  }
}

export type Acted = ReturnType<typeof createActed>
