/** What was found, against what should have been. Pure. */

/** Means over questions, in percent, to a tenth. */
export interface Quality {
  questions: number
  r5: number
  r10: number
  r20: number
  r50: number
  mrr: number
  ndcg10: number
}

const DEPTHS = [5, 10, 20, 50] as const

/** One question's R@5, R@10, R@20, R@50, reciprocal rank and nDCG@10, each 0 to 1. */
export function score(found: readonly string[], evidence: ReadonlySet<string>): number[] {
  const recallAt = (k: number) => new Set(found.slice(0, k).filter((id) => evidence.has(id))).size / evidence.size
  const first = found.findIndex((id) => evidence.has(id))
  const gain = found.slice(0, 10).reduce((sum, id, i) => sum + (evidence.has(id) ? 1 / Math.log2(i + 2) : 0), 0)
  const ideal = Array.from({ length: Math.min(10, evidence.size) }, (_, i) => 1 / Math.log2(i + 2))
  const best = ideal.reduce((a, b) => a + b, 0)
  return [...DEPTHS.map(recallAt), first < 0 ? 0 : 1 / (first + 1), gain / best]
}

export function mean(rows: readonly number[][]): Quality {
  const column = (i: number) => round((100 * rows.reduce((sum, row) => sum + row[i]!, 0)) / Math.max(1, rows.length))
  return {
    questions: rows.length,
    r5: column(0),
    r10: column(1),
    r20: column(2),
    r50: column(3),
    mrr: column(4),
    ndcg10: column(5),
  }
}

/** The value that this share of the sorted numbers does not exceed. */
export function at(sorted: readonly number[], share: number): number {
  return round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
}

export function round(value: number): number {
  return Math.round(value * 10) / 10
}
