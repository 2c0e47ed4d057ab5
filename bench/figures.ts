/** Numbers that were measured, and what is said about them. Pure: no clock, no machine. */

export type Unit = 'ms' | 'MB' | '%' | '/s' | '×' | 'count' | 'points'

/** One thing that was measured several times. */
export interface Figure {
  name: string
  unit: Unit
  /** The median. */
  value: number
  min: number
  max: number
  p99: number
  repeats: number
  /** What DESIGN.md asks for; for the reader, nothing is judged by it. */
  goal?: string
  /** What has to be known to read the number rightly. */
  note?: string
}

export function figure(
  name: string,
  unit: Unit,
  samples: readonly number[],
  words: { goal?: string; note?: string } = {},
): Figure {
  if (samples.length === 0) throw new Error(`nothing was measured for ${name}`)
  return {
    name,
    unit,
    value: round(percentile(samples, 50)),
    min: round(Math.min(...samples)),
    max: round(Math.max(...samples)),
    p99: round(percentile(samples, 99)),
    repeats: samples.length,
    ...words,
  }
}

/**
 * The value that `percent` of the samples do not exceed. The 50th is the median: of an even number of samples the
 * mean of the two in the middle.
 */
export function percentile(samples: readonly number[], percent: number): number {
  if (samples.length === 0) throw new Error('a percentile of nothing')
  const sorted = [...samples].sort((a, b) => a - b)
  const at = (index: number) => sorted[Math.min(sorted.length - 1, Math.max(0, index))]!
  if (percent === 50 && sorted.length % 2 === 0) return (at(sorted.length / 2 - 1) + at(sorted.length / 2)) / 2
  return at(Math.ceil((percent / 100) * sorted.length) - 1)
}

/** Three significant digits; nobody measures more on a machine that others use. */
export function round(value: number): number {
  return value === 0 || !Number.isFinite(value) ? value : Number(value.toPrecision(3))
}

/** The same figure of the saved baseline, and how the new value relates to it. */
export interface Compared extends Figure {
  baseline: { value: number; min: number; ratio: number | null } | null
}

export function compare(figures: readonly Figure[], baseline: readonly Figure[]): Compared[] {
  return figures.map((now) => {
    const before = baseline.find((other) => other.name === now.name && other.unit === now.unit)
    if (!before) return { ...now, baseline: null }
    const ratio = before.value === 0 ? null : round(now.value / before.value)
    return { ...now, baseline: { value: before.value, min: before.min, ratio } }
  })
}

/** One line per figure, for people. */
export function toLines(figures: readonly Compared[]): string[] {
  const rows = figures.map((one) => [
    one.name,
    `${one.value} ${one.unit}`,
    one.repeats > 1 ? `${one.min} to ${one.max}, ${one.repeats} times` : 'once',
    one.baseline ? `baseline ${one.baseline.value}` : 'no baseline',
    one.goal ? `goal ${one.goal}` : '',
  ])
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]!.length))) ?? []
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}
