import type { Hit, PassageRow, TextQuery, Where } from './note-index.ts'

/**
 * Passages that were put since the last merge, searched in memory by the same BM25 as the
 * index, so that their scores stand in one list with the index's.
 *
 * What a word is worth is asked of the index, once for each word between merges.
 */
export interface Tail {
  readonly size: number
  add(row: PassageRow): void
  remove(noteIds: readonly string[]): void
  clear(): void
  search(query: TextQuery, where: Where, weigh: (word: string) => Promise<number>): Promise<Hit[]>
}

/** BM25's constants as LanceDB has them. */
const K1 = 1.2
const B = 0.75
const WEAK = 0.5

interface Entry {
  row: PassageRow
  /** Made by the first search that comes by: ten thousand notes put in a row are never searched one by one. */
  counts: Map<string, number> | undefined
  length: number
}

export function createTail(): Tail {
  const entries = new Map<string, Entry>()
  const byNote = new Map<string, string[]>()
  const weights = new Map<string, number>()
  let lengths = 0

  return {
    get size() {
      return entries.size
    },
    add(row) {
      let length = 1
      for (let i = row.terms.indexOf(' '); i >= 0; i = row.terms.indexOf(' ', i + 1)) length++
      entries.set(row.id, { row, counts: undefined, length })
      byNote.set(row.note, [...(byNote.get(row.note) ?? []), row.id])
      lengths += length
    },
    remove(noteIds) {
      for (const note of noteIds) {
        for (const id of byNote.get(note) ?? []) {
          lengths -= entries.get(id)?.length ?? 0
          entries.delete(id)
        }
        byNote.delete(note)
      }
    },
    clear() {
      entries.clear()
      byNote.clear()
      weights.clear()
      lengths = 0
    },
    async search(query, where, weigh) {
      const matching: { row: PassageRow; counts: Map<string, number>; length: number }[] = []
      for (const entry of entries.values()) {
        if (!isWithin(entry.row, where)) continue
        entry.counts ??= count(entry.row.terms)
        const { counts } = entry
        const matches = query.all
          ? query.words.every((word) => counts.has(word))
          : query.words.some((word) => counts.has(word))
        if (matches) matching.push({ row: entry.row, counts, length: entry.length })
      }
      if (matching.length === 0) return []
      const wanted = query.words.filter((word) => matching.some(({ counts }) => counts.has(word)))
      const unknown = wanted.filter((word) => !weights.has(word))
      for (const [i, weight] of (await Promise.all(unknown.map(weigh))).entries()) weights.set(unknown[i]!, weight)
      const mean = lengths / Math.max(1, entries.size)
      const weak = new Set(query.weak)
      return matching.map(({ row, counts, length }) => {
        let score = 0
        for (const word of wanted) {
          const times = counts.get(word)
          if (!times) continue
          const part = (times * (K1 + 1)) / (times + K1 * (1 - B + (B * length) / mean))
          score += (weights.get(word) ?? 0) * part * (weak.has(word) && !query.all ? WEAK : 1)
        }
        const { id, note, item, speaker, at, past } = row
        return { id, note, item, speaker, at, past, score }
      })
    },
  }
}

/** Solves BM25 for the word's weight, from the score that one passage of usual length got for it. */
export function weightFrom(score: number, terms: string, word: string): number {
  const count = terms.split(' ').filter((term) => term === word).length || 1
  return (score * (count + K1)) / (count * (K1 + 1))
}

/** A word that no merged passage has. */
export function weightOfUnknown(passages: number): number {
  return Math.log(1 + (passages + 0.5) / 1.5)
}

function count(terms: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const term of terms.split(' ')) counts.set(term, (counts.get(term) ?? 0) + 1)
  return counts
}

function isWithin(row: PassageRow, where: Where): boolean {
  return (
    (where.scopes === 'all' || where.scopes.includes(row.scope)) &&
    (where.kinds === undefined || where.kinds.includes(row.kind))
  )
}
