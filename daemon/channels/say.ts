import { addOut, type ChatRow, type NewOut, putOut } from '../store/chat-rows.ts'
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
 * and a file. Buttons and a file of its own go with the last piece. What stands under the key already (the same
 * words again, or what was shown of them before they were whole) becomes the first piece.
 */
export async function say(
  db: Db,
  now: number,
  chat: ChatRow,
  limits: TextLimits,
  out: Omit<NewOut, 'chatId'>,
): Promise<void> {
  const pieces = piecesOf(out, limits)
  // A file cannot be put into a message that is there: it follows.
  if (pieces[0]!.file && (await isThere(db, out.key))) pieces.splice(0, 1, ...withFileBehind(pieces[0]!))
  for (const [index, piece] of pieces.entries()) {
    const key = index === 0 ? out.key : `${out.key}/${index + 1}`
    const put = index === 0 ? putOut : addOut
    await put(db, now, { ...out, ...piece, key, chatId: chat.id, ...(index > 0 ? { replyTo: null } : {}) })
  }
}

type Piece = Pick<NewOut, 'text' | 'buttons' | 'file'>

function piecesOf({ text, buttons = [], file = null }: Omit<NewOut, 'chatId'>, limits: TextLimits): Piece[] {
  if (text.length > limits.attachAbove && !file) {
    const beginning = beginningOf(text, Math.min(BEGINNING_MAX, limits.textMax - 100))
    const whole = { name: 'answer.md', mime: 'text/markdown', text }
    return [{ text: `${beginning}\n\n… the whole is in the file.`, buttons, file: whole }]
  }
  const texts = text === '' ? [''] : splitText(text, limits.textMax)
  return texts.map((piece, index) =>
    index === texts.length - 1 ? { text: piece, buttons, file } : { text: piece, buttons: [], file: null },
  )
}

function withFileBehind({ text, buttons = [], file = null }: Piece): Piece[] {
  return [
    { text, buttons, file: null },
    { text: '', buttons: [], file },
  ]
}

async function isThere(db: Db, key: string): Promise<boolean> {
  return (await db.selectFrom('chat_out').select('id').where('key', '=', key).executeTakeFirst()) !== undefined
}
