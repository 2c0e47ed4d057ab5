import { addOut, type ChatRow, type NewOut } from '../store/chat-rows.ts'
import type { Db } from '../store/tables.ts'
import type { Channel } from './channel.ts'
import { beginningOf, splitText } from './split.ts'

/** What a message must keep to; those of a channel that is not there now are guessed small. */
export type TextLimits = Pick<Channel['limits'], 'textMax' | 'attachAbove'>

export const SMALL_LIMITS: TextLimits = { textMax: 3_500, attachAbove: 10_000 }

/** What may stand above a file that holds the whole. */
const BEGINNING_MAX = 800

/**
 * Words of any length into the outbox, in the caller's transaction: in pieces, or above a size as a short beginning
 * and a file. Buttons and a file of its own go with the last piece. The same key again says nothing.
 */
export async function say(
  db: Db,
  now: number,
  chat: ChatRow,
  limits: TextLimits,
  out: Omit<NewOut, 'chatId'>,
): Promise<void> {
  const chatId = chat.id
  if (out.text.length > limits.attachAbove && !out.file) {
    const text = `${beginningOf(out.text, Math.min(BEGINNING_MAX, limits.textMax - 100))}\n\n… the whole is in the file.`
    const file = { name: 'answer.md', mime: 'text/markdown', text: out.text }
    return addOut(db, now, { ...out, chatId, text, file })
  }
  const pieces = out.text === '' ? [''] : splitText(out.text, limits.textMax)
  const { buttons, file, ...plain } = out
  for (const [index, text] of pieces.entries()) {
    const isLast = index === pieces.length - 1
    await addOut(db, now, {
      ...plain,
      chatId,
      key: index === 0 ? out.key : `${out.key}/${index + 1}`,
      text,
      ...(isLast && buttons ? { buttons } : {}),
      ...(isLast && file ? { file } : {}),
      ...(index > 0 ? { replyTo: null } : {}),
    })
  }
}
