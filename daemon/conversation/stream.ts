/**
 * What a brain says, shown while it says it: one message that grows, where messages can be edited.
 *
 * It stands under a key of its own, and the answer takes its place. Only whole pieces of time lead to a write; a kill
 * in between leaves words that the answer replaces later.
 */
import type { World } from '../../core/world.ts'
import type { Channel } from '../channels/channel.ts'
import { DELIVER } from '../channels/deliver.ts'
import { beginningOf } from '../channels/split.ts'
import { type ChatRow, type EventRow, putOut } from '../store/chat-rows.ts'
import type { Queue } from '../store/queue.ts'
import type { Store } from '../store/store.ts'
import { shownUnder, streamKey } from './settle.ts'

export interface Stream extends AsyncDisposable {
  /** All that was said so far. Returns at once. */
  put(text: string): void
}

/** So often the message is changed at most; channels have a pace of their own above that. */
const EVERY_MS = 1_500
/** Before that there is nothing worth reading. */
const CHARACTERS_MIN = 24

export function createStreams({ store, queue, world }: { store: Store; queue: Queue; world: World }) {
  const log = world.log.child({ part: 'stream' })

  return (chat: ChatRow, channel: Channel, event: EventRow): Stream => {
    let lastAt = Number.NEGATIVE_INFINITY
    let writing: Promise<void> | undefined
    let isOver = false

    async function write(text: string): Promise<void> {
      const now = world.clock.now()
      const replyTo = shownUnder(chat, channel, event)
      await store.transaction(async (tx) => {
        const shown = `${beginningOf(text, channel.limits.textMax - 100)} …`
        await putOut(tx, now, { key: streamKey(event.id), chatId: chat.id, text: shown, replyTo })
        await queue.send(tx, DELIVER, chat.id)
      })
    }

    return {
      put(text) {
        if (isOver || writing || !channel.capabilities.edits || text.length < CHARACTERS_MIN) return
        if (world.clock.monotonic() - lastAt < EVERY_MS) return
        lastAt = world.clock.monotonic()
        writing = write(text)
          .catch((error) => log.warn({ err: error }, 'words could not be shown yet'))
          .finally(() => {
            writing = undefined
          })
      },
      /** Nothing is written from here on: the answer stands. */
      async [Symbol.asyncDispose]() {
        isOver = true
        await writing
      },
    }
  }
}
