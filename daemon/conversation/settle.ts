/** The end of an event: its answer in the outbox, both sides in the record, the event settled. One transaction. */
import { oneLine } from '../../core/plain-text.ts'
import type { World } from '../../core/world.ts'
import type { Channel, MessageEvent } from '../channels/channel.ts'
import { DELIVER } from '../channels/deliver.ts'
import { say } from '../channels/say.ts'
import { addTurn, type ChatRow, type EventRow, findOuts, type NewOut, settleChatEvents } from '../store/chat-rows.ts'
import type { Queue } from '../store/queue.ts'
import { addEvent } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Tx } from '../store/tables.ts'
import type { Answer, Who } from './answer.ts'
import { readData } from './ask-message.ts'

const SAID_MAX = 300

export function createSettle({ store, queue, world }: { store: Store; queue: Queue; world: World }) {
  return async function settle(
    chat: ChatRow,
    channel: Channel,
    rows: readonly EventRow[],
    who: Who,
    answer: Answer,
  ): Promise<void> {
    const now = world.clock.now()
    const first = rows[0]!
    const replyTo = shownUnder(chat, channel, first)
    await store.transaction(async (tx) => {
      for (const row of rows) if (row.data.type === 'message') await keepWords(tx, now, chat, row, row.data, who)
      const isShown = (await findOuts(tx, streamKey(first.id))).length > 0
      for (const [n, { text, buttons, file }] of answer.out.entries()) {
        await say(tx, now, chat, channel.limits, {
          key: n === 0 && isShown ? streamKey(first.id) : keyOf(first.id, n, buttons),
          text,
          ...(buttons ? { buttons } : {}),
          ...(file ? { file } : {}),
          ...(replyTo === null ? {} : { replyTo }),
        })
        await addTurn(tx, {
          chatId: chat.id,
          eventId: first.id,
          at: now,
          kind: 'claw',
          by: 'claw',
          text,
          data: { role: null },
          tainted: answer.isTainted === true,
        })
      }
      if (answer.out.length > 0) await queue.send(tx, DELIVER, chat.id)
      const ids = rows.map(({ id }) => id)
      await settleChatEvents(tx, now, ids, { state: 'done', personId: who.person.id, note: answer.note })
    })
  }
}

/** The message that an answer stands under: in groups always, between two where the channel shows it so. */
export function shownUnder({ kind }: ChatRow, { capabilities }: Channel, { data }: EventRow): string | null {
  const isShown = kind === 'group' || capabilities.threads === true
  return data.type === 'message' && isShown ? data.messageId : null
}

async function keepWords(
  tx: Tx,
  now: number,
  chat: ChatRow,
  row: EventRow,
  event: MessageEvent,
  { person, by }: Who,
): Promise<void> {
  const files = event.files.map(({ name }) => `[file ${oneLine(name)}]`)
  const text = [event.text, ...files].filter((part) => part !== '').join('\n')
  await addTurn(tx, {
    chatId: chat.id,
    eventId: row.id,
    at: now,
    kind: 'person',
    by: person.name,
    text,
    data: { role: person.role },
    tainted: event.forwardedFrom !== null,
  })
  await addEvent(tx, now, {
    type: 'chat.said',
    data: { by, role: person.role, text: oneLine(text).slice(0, SAID_MAX) },
  })
}

/** The key of what a brain says while it thinks; its answer takes that place. */
export function streamKey(eventId: number): string {
  return `stream:${eventId}`
}

/** A confirmation is found again by its number, whatever message it belongs to. */
function keyOf(eventId: number, n: number, buttons: NewOut['buttons']): string {
  const proposal = buttons?.[0]?.[0] && readData(buttons[0][0].data)
  if (proposal && 'proposal' in proposal) return `proposal:${proposal.proposal}`
  return n === 0 ? `re:${eventId}` : `re:${eventId}:${n}`
}
