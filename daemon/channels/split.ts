/**
 * Long words in pieces that a channel takes. Pure.
 *
 * A piece ends where a person would pause: between paragraphs, else lines, else sentences, else words. A code fence
 * that is cut is closed at the end of the piece and opened again, with its language, at the start of the next.
 */

/** Room for the fence that is put back. */
const FENCE_ROOM = 40
const FENCE = /^ {0,3}(`{3,10}|~{3,10})([^\n`]*)$/

interface OpenFence {
  marks: string
  info: string
}

export function splitText(text: string, max: number): string[] {
  const room = Math.max(16, max - FENCE_ROOM)
  const pieces: string[] = []
  let rest = text
  let open: OpenFence | undefined
  while (rest !== '') {
    const head = open ? `${open.marks}${open.info}\n` : ''
    if (head.length + rest.length <= max && (!open || closes(rest, open))) {
      pieces.push(head + rest)
      break
    }
    const at = cutAt(rest, room - head.length)
    const body = head + rest.slice(0, at).replace(/\s+$/, '')
    const after: OpenFence | undefined = fenceAfter(body)
    pieces.push(after ? `${body}\n${after.marks}` : body)
    // Inside a fence the indentation of the next line stays.
    rest = after ? rest.slice(at).replace(/^\n/, '') : rest.slice(at).replace(/^\s+/, '')
    open = after
  }
  return pieces.filter((piece) => piece.trim() !== '')
}

/** What is in a fence to the end needs no cut as long as it is closed somewhere. */
function closes(rest: string, open: OpenFence): boolean {
  return rest.split('\n').some((line) => {
    const found = FENCE.exec(line)
    return found !== null && found[1]!.startsWith(open.marks) && found[2]!.trim() === ''
  })
}

function cutAt(text: string, max: number): number {
  const limit = Math.min(Math.max(1, max), text.length)
  if (limit === text.length) return limit
  const window = text.slice(0, limit + 1)
  const least = Math.floor(limit / 3)
  for (const mark of [/\n\s*\n/g, /\n/g, /[.!?。]\s/g, /\s/g]) {
    let best = -1
    for (const { index, 0: found } of window.matchAll(mark)) {
      const end = index + found.length
      if (end <= limit && end > least) best = end
    }
    if (best > 0) return best
  }
  // Never through the middle of a character of two units.
  const unit = text.charCodeAt(limit - 1)
  return unit >= 0xd800 && unit < 0xdc00 && limit > 1 ? limit - 1 : limit
}

/** The fence that is open at the end of a text. */
function fenceAfter(text: string): OpenFence | undefined {
  let open: OpenFence | undefined
  for (const line of text.split('\n')) {
    const found = FENCE.exec(line)
    if (!found) continue
    const [, marks = '', info = ''] = found
    if (!open) open = { marks, info: info.trim().slice(0, 20) }
    else if (marks.startsWith(open.marks) && info.trim() === '') open = undefined
  }
  return open
}

/** The beginning of something that goes along whole as a file. */
export function beginningOf(text: string, max: number): string {
  const [first = ''] = splitText(text, max)
  return first
}
