/**
 * Mixes what several searches found into one order. Pure.
 *
 * Each list is divided by its best score before it is weighed: a cosine and a BM25 number
 * share no scale. Places (reciprocal rank) would be simpler, but measured, they let a weak
 * list drown a strong one; see docs/decisions. A passage that one list does not hold scores
 * there as just below that list's last: the list was cut at a fixed length, not at zero.
 *
 * The lists have fixed lengths that do not depend on how many passages are wanted, and the
 * order is made before it is cut, so more wanted passages never change the first ones.
 */
export interface Candidate {
  id: string
  note: string
  item: string
  /** Parts of the score, for `--explain`. */
  parts: Record<string, number>
  score: number
}

export interface Pool {
  name: string
  weight: number
  hits: readonly { id: string; note: string; item: string; score: number }[]
  /** Everything that matches is in it, so what is not in it scores nothing there. */
  whole?: boolean
}

/** A passage missing from a pool scores this share of the pool's last. */
const FLOOR = 0.95
/** How much a note counts for its passages, by its best three. */
const NOTE_WEIGHT = 0.7
const NOTE_SHARES = [1, 1 / 2, 1 / 3]

/**
 * @param priors small sums added to a passage, by name; keep them mild, they never filter
 */
export function rank(pools: readonly Pool[], priors: (id: string) => Record<string, number>): Candidate[] {
  const candidates = new Map<string, Candidate>()
  for (const pool of pools) {
    for (const hit of pool.hits) {
      if (!candidates.has(hit.id))
        candidates.set(hit.id, { id: hit.id, note: hit.note, item: hit.item, parts: {}, score: 0 })
    }
  }
  for (const pool of pools) {
    const best = pool.hits.reduce((max, hit) => Math.max(max, hit.score), 0)
    if (best <= 0) continue
    const scores = new Map<string, number>()
    let last = best
    for (const hit of pool.hits) {
      if (hit.score < last) last = hit.score
      if (hit.score > (scores.get(hit.id) ?? 0)) scores.set(hit.id, hit.score)
    }
    const floor = pool.whole ? 0 : (FLOOR * Math.max(0, last)) / best
    for (const candidate of candidates.values()) {
      const score = scores.get(candidate.id)
      add(candidate, pool.name, pool.weight * (score === undefined ? floor : score / best))
    }
  }
  const items = bestOfItem([...candidates.values()])
  for (const candidate of items)
    for (const [name, part] of Object.entries(priors(candidate.id))) add(candidate, name, part)
  addNotePrior(items)
  return items.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
}

/** Of the passages of one turn or section the best stands for all. */
function bestOfItem(candidates: Candidate[]): Candidate[] {
  const best = new Map<string, Candidate>()
  for (const candidate of candidates) {
    const key = `${candidate.note}\n${candidate.item}`
    const other = best.get(key)
    if (!other || candidate.score > other.score || (candidate.score === other.score && candidate.id < other.id)) {
      best.set(key, candidate)
    }
  }
  return [...best.values()]
}

/** A note with several good passages is more likely the right one: a mild lift for all of them. */
function addNotePrior(candidates: Candidate[]): void {
  const byNote = new Map<string, number[]>()
  for (const { note, score } of candidates) byNote.set(note, [...(byNote.get(note) ?? []), score])
  const strength = new Map<string, number>()
  for (const [note, scores] of byNote) {
    scores.sort((a, b) => b - a)
    strength.set(
      note,
      NOTE_SHARES.reduce((sum, share, i) => sum + share * (scores[i] ?? 0), 0),
    )
  }
  const best = Math.max(0, ...strength.values())
  if (best <= 0) return
  for (const candidate of candidates) add(candidate, 'note', (NOTE_WEIGHT * (strength.get(candidate.note) ?? 0)) / best)
}

function add(candidate: Candidate, name: string, part: number): void {
  if (part === 0) return
  candidate.parts[name] = (candidate.parts[name] ?? 0) + part
  candidate.score += part
}

/** Share of words two texts have in common, 0 to 1. */
export function overlap(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size === 0 || b.size === 0) return 0
  let both = 0
  for (const word of a) if (b.has(word)) both++
  return both / (a.size + b.size - both)
}

/** Share of `a`'s words that `b` has, 0 to 1. */
export function held(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size === 0) return 0
  let both = 0
  for (const word of a) if (b.has(word)) both++
  return both / a.size
}
