/** Reading JSON that a stranger sent: what is not there, or of another kind, is nothing. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  let here = value
  for (const key of path) {
    if (typeof here !== 'object' || here === null) return undefined
    here = (here as Record<string | number, unknown>)[key]
  }
  return here
}

export function listAt(value: unknown, ...path: (string | number)[]): unknown[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

export function textAt(value: unknown, ...path: (string | number)[]): string {
  const found = at(value, ...path)
  return typeof found === 'string' ? found : ''
}

/** The text of a content that is a string or a list of parts with `text`. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return content === undefined || content === null ? '' : JSON.stringify(content)
  return content
    .map((part) => (typeof part === 'string' ? part : textAt(part, 'text')))
    .filter((text) => text !== '')
    .join('\n')
}

/** Parsed JSON, or the text itself. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Cuts a text so that a stream has something to stream: in three, at most. */
export function pieces(text: string): string[] {
  const size = Math.max(1, Math.ceil(text.length / 3))
  const cut: string[] = []
  for (let from = 0; from < text.length; from += size) cut.push(text.slice(from, from + size))
  return cut
}
