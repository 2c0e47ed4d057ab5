import type { World } from '../../core/world.ts'
import { addChatEvent, takeChat } from '../store/chat-rows.ts'
import type { Queue } from '../store/queue.ts'
import type { Store } from '../store/store.ts'
import type { Receive } from './channel.ts'

export const CHAT = 'chat'

/** Keeps what came in, each event once, and asks for it to be looked at: one transaction, then it may be acknowledged. */
export function createReceive(
  { store, queue, world }: { store: Store; queue: Queue; world: World },
  name: string,
): Receive {
  return async (events) => {
    await store.transaction(async (tx) => {
      const now = world.clock.now()
      for (const event of events) {
        const chat = await takeChat(tx, now, name, event.chat)
        if (await addChatEvent(tx, now, name, chat, event)) await queue.send(tx, CHAT, chat.id)
      }
    })
  }
}
