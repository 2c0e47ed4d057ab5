/**
 * Fills templates, strictly: a variable without a value, and a value without a variable, are bugs
 * and throw. Values are put in as they are and never read for variables again.
 */
export type Values = Readonly<Record<string, string>>

const VARIABLE = /\{\{([a-z]+)\}\}/g

export function fill(name: string, template: string, values: Values): string {
  const wanted = new Set([...template.matchAll(VARIABLE)].map((match) => match[1]!))
  const missing = [...wanted].filter((variable) => values[variable] === undefined)
  if (missing.length > 0) throw new TypeError(`The prompt ${name} wants ${missing.join(', ')}, which was not given`)
  const unknown = Object.keys(values).filter((variable) => !wanted.has(variable))
  if (unknown.length > 0) throw new TypeError(`The prompt ${name} has no place for ${unknown.join(', ')}`)
  const parts = template.trim().split('\n\n')
  // A part that is nothing but a variable without a value is left out, with its empty line.
  const kept = parts.filter((part) => !isLone(part) || values[part.slice(2, -2)]!.trim() !== '')
  const filled = kept.map((part) => part.replaceAll(VARIABLE, (_, variable: string) => values[variable]!.trim()))
  return `${filled.join('\n\n')}\n`
}

function isLone(part: string): boolean {
  return /^\{\{[a-z]+\}\}$/.test(part)
}
