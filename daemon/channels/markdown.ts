/**
 * The little Markdown that messages are written in, as runs of text with their style. Pure.
 *
 * Never wrong about the words: what is no complete mark stays as it was typed. Words of strangers pass through here,
 * so every rule looks at each character a bounded number of times.
 */
export interface Span {
  text: string
  bold?: true
  italic?: true
  code?: true
  /** A block of code; its language, which may be empty. */
  block?: string
  link?: string
}

const FENCE = /^ {0,3}(`{3,10}|~{3,10})([^\n`]*)$/

export function parseMarkdown(text: string): Span[] {
  const spans: Span[] = []
  const lines = text.split('\n')
  let prose: string[] = []
  const flush = () => {
    if (prose.length > 0) spans.push(...parseProse(prose.join('\n')))
    prose = []
  }
  for (let n = 0; n < lines.length; n++) {
    const fence = FENCE.exec(lines[n]!)
    if (!fence) {
      prose.push(lines[n]!)
      continue
    }
    const end = lines.findIndex((line, at) => at > n && closes(line, fence[1]!))
    if (n > 0) prose.push('')
    flush()
    const stop = end < 0 ? lines.length : end
    const body = lines.slice(n + 1, stop).join('\n')
    if (body !== '') spans.push({ text: body, block: fence[2]!.trim().split(/\s/)[0] ?? '' })
    if (stop < lines.length - 1) prose.push('')
    n = stop
  }
  flush()
  return spans.filter((span) => span.text !== '')
}

function closes(line: string, marks: string): boolean {
  const found = FENCE.exec(line)
  return found !== null && found[1]!.startsWith(marks) && found[2]!.trim() === ''
}

/** A mark that opens here, what it encloses and where it ends. */
const MARKS: readonly { pattern: RegExp; style: (found: RegExpExecArray) => Omit<Span, 'text'>; isPlain?: true }[] = [
  { pattern: /`([^`\n]{1,2000})`/y, style: () => ({ code: true }), isPlain: true },
  { pattern: /\*\*(?=\S)([^\n]{1,2000}?\S|\S)\*\*(?!\*)/y, style: () => ({ bold: true }) },
  { pattern: /\*(?=[^\s*])([^*\n]{0,2000}[^\s*])\*(?!\*)/y, style: () => ({ italic: true }) },
  { pattern: /_(?=[^\s_])([^_\n]{0,2000}[^\s_])_(?![\p{L}\p{N}_])/uy, style: () => ({ italic: true }) },
  {
    pattern: /\[([^\]\n]{1,500})\]\((https?:\/\/[^\s()]{1,1000})\)/y,
    style: (found) => ({ link: found[2]! }),
  },
]
const PUNCTUATION = /[!-/:-@[-`{-~]/
const WORD = /[\p{L}\p{N}_]/u
const DEPTH_MAX = 4

function parseProse(text: string): Span[] {
  const spans: Span[] = []
  for (const [n, line] of text.split('\n').entries()) {
    if (n > 0) spans.push({ text: '\n' })
    const heading = /^#{1,6} +(\S.*)$/.exec(line)?.[1]
    if (heading) spans.push(...parseInline(heading, { bold: true }, 0))
    else spans.push(...parseInline(line, {}, 0))
  }
  return join(spans)
}

function parseInline(text: string, style: Omit<Span, 'text'>, depth: number): Span[] {
  const spans: Span[] = []
  let plain = ''
  const flush = () => {
    if (plain !== '') spans.push({ text: plain, ...style })
    plain = ''
  }
  let at = 0
  while (at < text.length) {
    const char = text[at]!
    if (char === '\\' && at + 1 < text.length && PUNCTUATION.test(text[at + 1]!)) {
      plain += text[at + 1]!
      at += 2
      continue
    }
    const isInsideWord = char === '_' && at > 0 && WORD.test(text[at - 1]!)
    const found = depth < DEPTH_MAX && !isInsideWord && '`*_['.includes(char) ? findMark(text, at) : undefined
    if (!found) {
      plain += char
      at++
      continue
    }
    flush()
    const inner = { ...style, ...found.style }
    if (found.isPlain) spans.push({ text: found.text, ...inner })
    else spans.push(...parseInline(found.text, inner, depth + 1))
    at += found.length
  }
  flush()
  return spans
}

function findMark(text: string, at: number) {
  for (const { pattern, style, isPlain } of MARKS) {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found) return { text: found[1]!, length: found[0].length, style: style(found), isPlain: isPlain === true }
  }
  return undefined
}

function join(spans: readonly Span[]): Span[] {
  const joined: Span[] = []
  for (const span of spans) {
    const last = joined.at(-1)
    const styleOf = ({ text: _, ...style }: Span) => JSON.stringify(style)
    if (last && styleOf(last) === styleOf(span)) last.text += span.text
    else joined.push({ ...span })
  }
  return joined
}
