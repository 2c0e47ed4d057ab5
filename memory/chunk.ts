import { words } from './words.ts'

/**
 * A note's body into passages: what is searched, shown and quoted. Pure.
 *
 * A document is cut at headings, then into windows of about 120 words that overlap by 30;
 * in a conversation every turn is an item of its own, cut only when it is long. A short
 * passage means little alone ("yes, on Friday"), so it is also searchable by the words
 * around it; a long one is not, because measured, that only blurs it.
 */
export const CHUNKER_VERSION = 1

const WINDOW_WORDS = 120
const OVERLAP_WORDS = 30
/** Under this many words a passage takes in its neighbours. */
const SHORT_WORDS = 60
/** A line of base64 is one word; it must not become one passage. */
const PASSAGE_CHARS_MAX = 2400
const PASSAGES_MAX = 4000
/** A vector stands for this many words at least: one sentence, or a few short ones. */
const PIECE_WORDS_MIN = 6
const PIECE_WORDS_MAX = 60
const PIECES_MAX = 16

export interface NoteText {
  title: string
  /** When it was so, as milliseconds; null where unknown. */
  at: number | null
  format: 'document' | 'conversation'
  body: string
}

export interface Passage {
  ord: number
  /** The turn's or section's anchor: passages of one item are one hit. */
  item: string
  heading: string
  speaker: string
  at: number | null
  text: string
  /** Its own words, and those of its neighbours, repeated by weight: what full-text search sees. */
  terms: string[]
}

interface Item {
  anchor: string
  heading: string
  speaker: string
  at: number | null
  text: string
}

/** `cut` counts the passages over the limit, which are not searchable; it is reported, never silent. */
export function chunk(note: NoteText): { passages: Passage[]; cut: number } {
  const items = note.format === 'conversation' ? turnsOf(note.body) : sectionsOf(note.body)
  const raw = items.flatMap((item) => windows(item.text).map((text) => ({ ...item, at: item.at ?? note.at, text })))
  const kept = raw.slice(0, PASSAGES_MAX)
  const bodies = kept.map((piece) => words(piece.text))
  const lengths = kept.map((piece) => countWords(piece.text))
  const title = note.format === 'conversation' ? [] : words(note.title)
  const passages = kept.map((piece, i): Passage => {
    const label = words(`${dateWords(piece.at)} ${piece.speaker} ${piece.heading}`)
    const own = [...label, ...(piece.speaker ? [] : title), ...bodies[i]!]
    const short = lengths[i]! < SHORT_WORDS
    // A window of the same item overlaps already; its words are not a neighbour's.
    const near = (d: number) =>
      short && kept[i + d] && kept[i + d]!.anchor !== piece.anchor ? nearest(bodies[i + d]!, d) : []
    return {
      ord: i,
      item: piece.anchor,
      heading: piece.heading,
      speaker: piece.speaker,
      at: piece.at,
      text: piece.text,
      terms: [...own, ...own, ...own, ...near(-1), ...near(-1), ...near(-2), ...near(1)],
    }
  })
  return { passages, cut: raw.length - kept.length }
}

/** The texts that vectors are made of: a sentence or a few, with who says it or what it is under. */
export function pieces(passage: Pick<Passage, 'text' | 'speaker' | 'heading'>, title: string): string[] {
  const label = passage.speaker || passage.heading || title
  const sentences = passage.text.match(/[^.!?\n]+[.!?]*\s*/g) ?? [passage.text]
  const packed: string[] = []
  for (const sentence of sentences.flatMap(bounded)) {
    const last = packed.at(-1)
    const small = last !== undefined && (countWords(last) < PIECE_WORDS_MIN || countWords(sentence) < PIECE_WORDS_MIN)
    if (last !== undefined && small && countWords(last) < PIECE_WORDS_MAX)
      packed[packed.length - 1] = `${last}${sentence}`
    else packed.push(sentence)
  }
  const clean = packed.map((text) => text.replace(/\s+/g, ' ').trim()).filter(Boolean)
  const spread = clean.length <= PIECES_MAX ? clean : joined(clean, Math.ceil(clean.length / PIECES_MAX))
  return spread.map((text) => (label ? `${label}: ${text}` : text))
}

/** How many words, roughly, as a person counts them. */
export function countWords(text: string): number {
  let count = 0
  for (const _ of text.matchAll(/\S+/g)) count++
  return count
}

/** A moment as people write it: "8 May 2023". */
export function dateWords(at: number | null): string {
  if (at === null) return ''
  const date = new Date(at)
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`
}

const MONTHS = 'January February March April May June July August September October November December'.split(' ')

/** `### Caroline · 2023-05-08T13:56:00Z ^D1-3` */
const TURN = /^#{2,3} (.*?)(?: · ([^^]*?))?(?: \^(\S+))?$/

function turnsOf(body: string): Item[] {
  const items: Item[] = []
  let item: Item | undefined
  const lines: string[] = []
  const close = () => {
    const text = lines.splice(0).join('\n').trim()
    if (item && text) items.push({ ...item, text })
  }
  for (const line of body.split('\n')) {
    const turn = TURN.exec(line)
    if (turn) {
      close()
      const at = turn[2] ? Date.parse(turn[2]) : Number.NaN
      const speaker = turn[1]!.trim()
      item = {
        anchor: turn[3] ?? `t${items.length + 1}`,
        heading: '',
        speaker: speaker === '-' ? '' : speaker,
        at: Number.isNaN(at) ? null : at,
        text: '',
      }
    } else {
      item ??= { anchor: 't0', heading: '', speaker: '', at: null, text: '' }
      lines.push(line.replace(/^\\(#+ )/, '$1'))
    }
  }
  close()
  return items
}

/** A turn as it is written into a conversation note. */
export function writeTurn(turn: { speaker: string; at: string | null; anchor: string; text: string }): string {
  const speaker = turn.speaker.replace(/[\n·^]/g, ' ').trim() || '-'
  const text = turn.text.replace(/^(#+ )/gm, '\\$1')
  return `### ${speaker}${turn.at ? ` · ${turn.at}` : ''} ^${turn.anchor.replace(/\s/g, '_')}\n${text}\n`
}

function sectionsOf(body: string): Item[] {
  const items: Item[] = []
  const trail: string[] = []
  let lines: string[] = []
  let fence = ''
  const close = () => {
    const text = lines.join('\n').trim()
    lines = []
    const heading = trail.filter(Boolean).join(' › ')
    if (text) items.push({ anchor: `s${items.length + 1}`, heading, speaker: '', at: null, text })
  }
  for (const line of body.split('\n')) {
    const mark = /^\s{0,3}(```+|~~~+)/.exec(line)?.[1]
    if (mark && (fence === '' || line.trim().startsWith(fence))) fence = fence ? '' : mark
    const heading = fence ? null : /^(#{1,6})\s+(.*?)\s*#*$/.exec(line)
    if (!heading) {
      lines.push(line)
      continue
    }
    close()
    const depth = heading[1]!.length
    trail.length = Math.min(trail.length, depth - 1)
    while (trail.length < depth - 1) trail.push('')
    trail[depth - 1] = heading[2]!.slice(0, 200)
  }
  close()
  // A note that is only a heading is still findable by it.
  if (items.length === 0 && trail.some(Boolean)) {
    items.push({ anchor: 's1', heading: '', speaker: '', at: null, text: trail.filter(Boolean).join(' › ') })
  }
  return items
}

function windows(text: string): string[] {
  const found: { start: number; end: number }[] = []
  for (const match of text.matchAll(/\S+/g)) {
    for (let start = match.index; start < match.index + match[0].length; start += PASSAGE_CHARS_MAX / 2) {
      found.push({ start, end: Math.min(start + PASSAGE_CHARS_MAX / 2, match.index + match[0].length) })
    }
  }
  if (found.length <= WINDOW_WORDS + OVERLAP_WORDS && text.length <= PASSAGE_CHARS_MAX) return [text]
  const out: string[] = []
  for (let from = 0; from < found.length; ) {
    let to = Math.min(found.length, from + WINDOW_WORDS)
    // A tail shorter than the overlap belongs to this window.
    if (found.length - to < OVERLAP_WORDS) to = found.length
    while (to > from + 1 && found[to - 1]!.end - found[from]!.start > PASSAGE_CHARS_MAX) to--
    out.push(text.slice(found[from]!.start, found[to - 1]!.end))
    if (to >= found.length) break
    from = Math.max(from + 1, to - Math.min(OVERLAP_WORDS, Math.floor((to - from) / 2)))
  }
  return out
}

/** The words of a neighbour that lie next to the passage: its end when it comes before. */
function nearest(neighbour: string[], d: number): string[] {
  return d < 0 ? neighbour.slice(-SHORT_WORDS) : neighbour.slice(0, SHORT_WORDS)
}

function bounded(sentence: string): string[] {
  const all = sentence.match(/\S+\s*/g) ?? []
  if (all.length <= PIECE_WORDS_MAX) return [sentence]
  const out: string[] = []
  for (let i = 0; i < all.length; i += PIECE_WORDS_MAX) out.push(all.slice(i, i + PIECE_WORDS_MAX).join(''))
  return out
}

function joined(texts: string[], by: number): string[] {
  const out: string[] = []
  for (let i = 0; i < texts.length; i += by) out.push(texts.slice(i, i + by).join(' '))
  return out
}
