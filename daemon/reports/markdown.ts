/** Markdown from text that others wrote: it can neither break a table nor bring links or HTML of its own. */

/** One line of prose, clipped. */
export function line(text: string, charactersMax = 500): string {
  const flat = text.replaceAll(/\s+/g, ' ').trim()
  const short = flat.length > charactersMax ? `${flat.slice(0, charactersMax - 1)}…` : flat
  return short.replaceAll('<', '&lt;').replaceAll('[', '\\[')
}

/** A code span, whatever backticks are in it. */
export function code(text: string, charactersMax = 300): string {
  const flat = text.replaceAll(/\s+/g, ' ').trim()
  const short = flat.length > charactersMax ? `${flat.slice(0, charactersMax - 1)}…` : flat
  if (short === '') return ''
  const longest = Math.max(0, ...(short.match(/`+/g) ?? []).map((run) => run.length))
  const fence = '`'.repeat(longest + 1)
  const pad = longest > 0 ? ' ' : ''
  return `${fence}${pad}${short}${pad}${fence}`
}

export function quote(text: string): string {
  return text
    .trim()
    .split('\n')
    .map((each) => `> ${each.replaceAll('<', '&lt;')}`.trimEnd())
    .join('\n')
}

/** Cells are Markdown already, made by `line` or `code`; a pipe in one does not end it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')
}

export function bullets(items: readonly string[], itemsMax = 50): string {
  const shown = items.slice(0, itemsMax).map((item) => `- ${item}`)
  if (items.length > itemsMax) shown.push(`- … and ${items.length - itemsMax} more`)
  return shown.join('\n')
}

export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
