import type { Embedder } from './embed/embedder.ts'
import type { Hit, NoteIndex, PassageRow, Where } from './index/note-index.ts'
import { readQuestion } from './question.ts'
import type { Candidate, Pool } from './rank.ts'
import { overlap, rank } from './rank.ts'
import { plainWords, words } from './words.ts'

/**
 * The pipeline: search → fuse → trim.
 *
 * Full text and vectors are searched apart, each to a fixed depth, and mixed by `rank`.
 * Nothing here depends on how many passages are wanted, except the last cut.
 */
export interface Ask {
  question: string
  where: Where
  limit: number
  /** Whether the vectors are complete enough to be asked. */
  vectors: boolean
  now: number
}

export interface Found {
  row: Omit<PassageRow, 'terms'>
  score: number
  parts: Record<string, number>
}

export interface Answer {
  found: Found[]
  /** Why nothing is given although something was found. */
  abstained: string | null
  /** Whether vectors took part, and if not why. */
  vectors: 'used' | 'off' | { failed: string }
}

const TEXT_POOL = 100
const VECTOR_POOL = 200
const QUOTED_POOL = 5_000
const PARTS_WEIGHT = 0.3
const SPEAKER_PRIOR = 0.2
const SPAN_PRIOR = 0.15
const PAST_PRIOR = -0.3
const QUOTED_PRIOR = 2
/** Newer wins where all else is equal; a year ago counts half. */
const NEWNESS_PRIOR = 0.02
const NEWNESS_HALF_MS = 365 * 24 * 3600 * 1000
const SAME_OVERLAP = 0.9
/** Passages that are read to be told apart, beyond those wanted. */
const SPARE = 20

/**
 * When nothing bears on the question. Measured on questions asked of the wrong people's
 * conversations: with a good model, hardly any answerable question is below both of the first two.
 */
const COVERAGE_SURE = 0.5
const COSINE_MIN = 0.5
/** Without a good model's word, this share of the question's words in one passage. */
const COVERAGE_MIN = 0.3
/** A model that is trusted less than this can say that something bears, not that nothing does. */
const SURE_WEIGHT = 0.8
/** Passages that are looked at for it, however many are wanted. */
const BEARS_DEPTH = 80
/** A word that no more passages have than this is a keyword, and what has it is never dropped. */
const RARE_MAX = 2

export async function recall(parts: { index: NoteIndex; embedder: Embedder | null }, ask: Ask): Promise<Answer> {
  const { index, embedder } = parts
  const question = readQuestion(ask.question, await index.speakers(ask.where.scopes))

  const dense = ask.vectors && embedder ? nearest(index, embedder, question.statements, ask.where) : null
  const [text, partHits, quotedHits, near] = await Promise.all([
    index.search({ words: question.words, all: false, weak: question.names }, ask.where, TEXT_POOL),
    Promise.all(question.parts.map((part) => index.search({ words: part, all: false }, ask.where, TEXT_POOL))),
    findQuoted(index, question.quoted, ask.where),
    dense ?? Promise.resolve({ hits: [], failed: null }),
  ])

  const pools: Pool[] = [{ name: 'text', weight: 1, hits: text }]
  if (partHits.length > 0) pools.push({ name: 'parts', weight: PARTS_WEIGHT, hits: partHits.flatMap(scaled) })
  if (near.hits.length > 0) pools.push({ name: 'vectors', weight: embedder?.weight ?? 0, hits: near.hits })
  if (quotedHits.length > 0) pools.push({ name: 'quoted', weight: QUOTED_PRIOR, hits: quotedHits, whole: true })

  const facts = new Map<string, Hit>()
  for (const hit of [...text, ...partHits.flat(), ...quotedHits, ...near.hits]) facts.set(hit.id, hit)
  const names = new Set(question.names)
  const ranked = rank(pools, (id) => {
    const hit = facts.get(id)!
    return {
      speaker: names.size > 0 && words(hit.speaker).some((word) => names.has(word)) ? SPEAKER_PRIOR : 0,
      time: question.span && hit.at >= question.span.from && hit.at < question.span.to ? SPAN_PRIOR : 0,
      past: hit.past ? PAST_PRIOR : 0,
      new: hit.at < 0 ? 0 : NEWNESS_PRIOR * 2 ** (-Math.max(0, ask.now - hit.at) / NEWNESS_HALF_MS),
    }
  })

  const read = await readRanked(index, ranked.slice(0, Math.max(ask.limit, TEXT_POOL / 2) + SPARE))
  const quoted = new Set(quotedHits.map((hit) => hit.id))
  const vectors = near.failed ? { failed: near.failed } : dense ? 'used' : 'off'
  const bestCosine = near.hits[0]?.score ?? null
  const sure = bestCosine !== null && (embedder?.weight ?? 0) >= SURE_WEIGHT
  if (quoted.size === 0 && !(await bears(index, question.words, read.slice(0, BEARS_DEPTH), bestCosine, sure))) {
    const abstained = ranked.length === 0 ? 'no note has any of these words' : 'nothing found bears on the question'
    return { found: [], abstained, vectors }
  }
  return { found: withoutTwins(read, quoted).slice(0, ask.limit), abstained: null, vectors }
}

/** Each list by its own best, so that a long part of a question does not drown a short one. */
function scaled(hits: readonly Hit[]): Hit[] {
  const best = hits[0]?.score ?? 1
  return hits.map((hit) => ({ ...hit, score: hit.score / best }))
}

async function nearest(
  index: NoteIndex,
  embedder: Embedder,
  statements: readonly string[],
  where: Where,
): Promise<{ hits: Hit[]; failed: string | null }> {
  try {
    const vectors = await embedder.embed(statements)
    const lists = await Promise.all(vectors.map((vector) => index.nearest(vector, where, VECTOR_POOL)))
    return { hits: lists.flat().sort((a, b) => b.score - a.score), failed: null }
  } catch (error) {
    return { hits: [], failed: error instanceof Error ? error.message : String(error) }
  }
}

/** Passages that hold a quoted phrase as it was written, letter case and spacing aside. */
async function findQuoted(index: NoteIndex, quoted: readonly string[], where: Where): Promise<Hit[]> {
  const found: Hit[] = []
  for (const phrase of quoted) {
    const terms = [...new Set(words(phrase))]
    const wanted = squeezed(phrase)
    // Many passages may have all the words and only a poor one among them the phrase: then all of them are read.
    // A phrase of stop words alone cannot be looked up; the rest of the question still can.
    for (const depth of [TEXT_POOL, QUOTED_POOL]) {
      const hits = await index.search({ words: terms, all: true }, where, depth)
      const rows = new Map((await index.get(hits.map((hit) => hit.id))).map((row) => [row.id, row]))
      const exact = hits.filter(({ id }) => {
        const row = rows.get(id)
        return row && squeezed(`${row.title} ${row.heading} ${row.text}`).includes(wanted)
      })
      found.push(...exact.map((hit) => ({ ...hit, score: 1 })))
      if (exact.length > 0 || hits.length < depth) break
    }
  }
  return found
}

function squeezed(text: string): string {
  return plainWords(text).join(' ')
}

async function readRanked(index: NoteIndex, ranked: readonly Candidate[]): Promise<(Found & { terms: Set<string> })[]> {
  const rows = new Map((await index.get(ranked.map(({ id }) => id))).map((row) => [row.id, row]))
  return ranked.flatMap((candidate) => {
    const row = rows.get(candidate.id)
    if (!row) return []
    const { terms, ...rest } = row
    return [{ row: rest, score: candidate.score, parts: candidate.parts, terms: new Set(terms.split(' ')) }]
  })
}

/** Whether anything found is about the question at all: its words are there, or its sense is near, or a rare word is. */
async function bears(
  index: NoteIndex,
  asked: readonly string[],
  read: readonly { terms: Set<string> }[],
  cosine: number | null,
  sure: boolean,
): Promise<boolean> {
  if (read.length === 0) return false
  if (cosine !== null && cosine >= COSINE_MIN) return true
  if (asked.length === 0) return false
  const covered = read.map(({ terms }) => asked.filter((word) => terms.has(word)).length / asked.length)
  if (Math.max(...covered) >= (sure ? COVERAGE_SURE : COVERAGE_MIN)) return true
  const present = asked.filter((word) => read.some(({ terms }) => terms.has(word)))
  const counts = await Promise.all(
    present.map((word) => index.search({ words: [word], all: false }, { scopes: 'all' }, RARE_MAX + 1)),
  )
  return counts.some((hits) => hits.length <= RARE_MAX)
}

/** The same words twice help nobody; the better placed one stays. What was quoted is never dropped. */
function withoutTwins(read: readonly (Found & { terms: Set<string> })[], quoted: ReadonlySet<string>): Found[] {
  const kept: { found: Found; own: Set<string> }[] = []
  for (const { terms: _, ...found } of read) {
    const own = new Set(words(found.row.text))
    const twin = kept.some(
      (other) => other.found.row.speaker === found.row.speaker && overlap(other.own, own) >= SAME_OVERLAP,
    )
    if (!twin || quoted.has(found.row.id)) kept.push({ found, own })
  }
  return kept.map(({ found }) => found)
}
