import type { Recalled, RecalledPassage, RecallOptions } from './memory.ts'
import { isSuperseded, isTrusted } from './note.ts'
import type { Catalog } from './notes/catalog.ts'
import { tokensOf } from './profile.ts'
import type { Found } from './recall.ts'

/**
 * What was found, as it is given: with what the files say of each note now, in an order that
 * does not depend on how much is wanted, and cut at the number and the tokens wanted.
 */
export function present(
  parts: { catalog: Catalog; now: number },
  found: readonly Found[],
  { limit, tokensMax }: Required<Pick<RecallOptions, 'limit' | 'tokensMax'>>,
): Pick<Recalled, 'passages' | 'more'> {
  const all = found.flatMap((one) => withNote(parts, one))
  const passages = withinTokens(inOrder(all).slice(0, limit), tokensMax)
  return { passages, more: all.length - passages.length }
}

/** None when the note was removed since it was indexed. */
function withNote(
  { catalog, now }: { catalog: Catalog; now: number },
  { row, score, parts }: Found,
): RecalledPassage[] {
  const path = catalog.findPath(row.note)
  const note = path === undefined ? undefined : catalog.find(path)?.note
  if (!note || path === undefined) return []
  return [
    {
      noteId: note.id,
      path,
      anchor: row.item,
      title: note.title,
      heading: row.heading,
      speaker: row.speaker,
      at: row.at >= 0 ? new Date(row.at).toISOString() : null,
      scope: note.scope,
      kind: note.kind,
      source: note.source,
      superseded: isSuperseded(note, now),
      supersededBy: note.supersededBy,
      trusted: isTrusted(note) && !note.suspicious,
      text: row.text,
      score,
      parts,
    },
  ]
}

/** Places among which what holds now is put before what it replaced: a fixed number, so that more wanted changes no order. */
const ORDER_DEPTH = 40

function inOrder(passages: readonly RecalledPassage[]): RecalledPassage[] {
  return [...presentFirst(passages.slice(0, ORDER_DEPTH)), ...passages.slice(ORDER_DEPTH)]
}

/** What took a note's place comes before it, where both were found; the order of all others stays. */
function presentFirst(passages: readonly RecalledPassage[]): RecalledPassage[] {
  const out = [...passages]
  for (const newer of passages) {
    const from = out.indexOf(newer)
    const to = out.findIndex((older) => older.supersededBy === newer.noteId)
    if (to < 0 || to > from) continue
    out.splice(from, 1)
    out.splice(to, 0, newer)
  }
  return out
}

/** As many as fit, in order; the first always. */
function withinTokens(passages: readonly RecalledPassage[], tokensMax: number): RecalledPassage[] {
  let tokens = 0
  const kept: RecalledPassage[] = []
  for (const passage of passages) {
    tokens += tokensOf(passage.text) + 20
    if (kept.length > 0 && tokens > tokensMax) break
    kept.push(passage)
  }
  return kept
}
