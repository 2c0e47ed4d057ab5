/** What was spent: on which goal, task, run, agent, model or day. */
import { countOf } from '../../core/count.ts'
import type { CostBy, CostRow, CostSheet } from '../../core/spend.ts'
import { connect } from '../daemon.ts'
import type { Surface } from '../surface.ts'
import { oneLine, pad } from '../text.ts'

export interface CostOptions {
  goal?: string
  by?: CostBy
}

export async function cost(surface: Surface, { goal, by }: CostOptions): Promise<void> {
  const client = await connect(surface, { start: true })
  const query = { ...(goal === undefined ? {} : { goal }), ...(by === undefined ? {} : { by }) }
  const sheet = (await (await client.v1.cost.$get({ query })).json()) as CostSheet
  if (surface.isJson) return surface.printJson(sheet)
  if (sheet.rows.length === 0) return surface.say('Nothing was spent yet.')
  for (const line of costLines(sheet, surface)) surface.print(line)
}

const COLUMNS = ['cost', 'input', 'cached', 'output', 'requests'] as const

/** A table; what is not known or only guessed is said below it. */
export function costLines({ by, rows, total }: CostSheet, { paint }: Pick<Surface, 'paint'>): string[] {
  const width = Math.min(40, Math.max(by.length, ...rows.map((row) => oneLine(row.key).length), 5)) + 2
  const line = (name: string, cells: readonly string[]) =>
    `${pad(name, width)}${cells.map((cell) => cell.padStart(12)).join('')}`
  const notes: string[] = []
  if (total.unpriced > 0) {
    notes.push(
      `${countOf(total.unpriced, 'request')} of a model whose price is not known: not in the cost (set \`prices\` in the configuration)`,
    )
  }
  if (total.estimated > 0) {
    notes.push(`${countOf(total.estimated, 'request')} counted at an estimate: nobody said what they used`)
  }
  return [
    paint('gray', line(by, COLUMNS)),
    ...rows.map((row) => line(oneLine(row.key), cells(row))),
    ...(rows.length > 1 ? [paint('bold', line('total', cells(total)))] : []),
    ...notes.map((note) => paint('gray', note)),
  ]
}

function cells(row: CostRow): string[] {
  const number = (amount: number) => amount.toLocaleString('en-US')
  const usd = row.usd === null ? 'unknown' : `$${row.usd.toFixed(row.usd > 0 && row.usd < 0.1 ? 4 : 2)}`
  return [
    row.unpriced > 0 && row.usd !== null ? `>${usd}` : usd,
    number(row.inputTokens),
    number(row.cachedTokens),
    number(row.outputTokens),
    number(row.requests),
  ]
}
