/**
 * Reads what a shell line would start, seen through quoting, pipes, subshells, substitutions, here-documents
 * and the programs that only start another one (`sh -c`, `env`, `sudo`, `npx`, `xargs`, `find -exec` …). Pure.
 *
 * Used to decide permissions, so what cannot be told is said: a program whose name is only known when it
 * runs is UNKNOWN, and a line that cannot be read to its end is undefined.
 */

/** A word, or a part of one, that is only known when the line runs. */
export const UNKNOWN = '\u0000'

export interface Started {
  /** The program without its folder, then its arguments; UNKNOWN stands for what only running tells. */
  words: string[]
  /** Variables set for it alone. */
  sets: string[]
}

const DEPTH_MAX = 8
const LENGTH_MAX = 20_000
/** Words that begin or end something and start no program; what follows them may. */
const KEYWORDS = new Set([
  'if',
  'then',
  'else',
  'elif',
  'fi',
  'while',
  'until',
  'do',
  'done',
  '!',
  '{',
  '}',
  'time',
  'coproc',
])
const SHELLS = new Set(['sh', 'bash', 'dash', 'zsh', 'ksh', 'ash', 'fish', 'busybox'])

export function readScript(line: string, depth = 0): Started[] | undefined {
  if (depth > DEPTH_MAX || line.length > LENGTH_MAX) return undefined
  const reader = new Reader(line, depth)
  return reader.read() ? reader.started : undefined
}

/** The same for a command that was taken apart already. */
export function startedBy(words: readonly string[]): Started[] | undefined {
  return seeThrough(words, [], 0)
}

class Reader {
  readonly started: Started[] = []
  private at = 0
  private words: string[] = []
  private word: string | undefined
  /** Here-documents that begin on the next line. */
  private documents: { end: string; isRaw: boolean; isTabbed: boolean; shell: boolean }[] = []
  private readonly line: string
  private readonly depth: number

  constructor(line: string, depth: number) {
    this.line = line
    this.depth = depth
  }

  /** False where it cannot be read. */
  read(): boolean {
    while (this.at < this.line.length) if (!this.step()) return false
    return this.endCommand() && this.documents.length === 0
  }

  private step(): boolean {
    const { line, at } = this
    const c = line[at]!
    if (c === "'") return this.single()
    if (c === '"') return this.double()
    if (c === '\\') {
      if (line[at + 1] === '\n') this.at += 2
      else this.add(line[at + 1] ?? '', 2)
      return true
    }
    if (c === '$' || c === '`') return this.dollar(false)
    if (c === '#' && this.word === undefined) {
      const end = line.indexOf('\n', at)
      this.at = end < 0 ? line.length : end
      return true
    }
    if (c === ' ' || c === '\t') {
      this.endWord()
      this.at++
      return true
    }
    if (c === '<' || c === '>' || (c === '&' && line[at + 1] === '>')) return this.redirect()
    if (c === '\n') return this.newLine()
    if (c === ';' && line[at + 1] === ';') return false
    if (c === ';' || c === '&' || c === '|') {
      this.at += line.startsWith('&&', at) || line.startsWith('||', at) || line.startsWith('|&', at) ? 2 : 1
      return this.endCommand()
    }
    if (c === '(') return this.word === undefined ? this.group() : false
    if (c === ')') return false
    this.add(c, 1)
    return true
  }

  private add(text: string, length: number): void {
    this.word = (this.word ?? '') + text
    this.at += length
  }

  private single(): boolean {
    const end = this.line.indexOf("'", this.at + 1)
    if (end < 0) return false
    this.add(this.line.slice(this.at + 1, end), end + 1 - this.at)
    return true
  }

  private double(): boolean {
    this.word ??= ''
    this.at++
    while (this.at < this.line.length) {
      const c = this.line[this.at]!
      if (c === '"') {
        this.at++
        return true
      }
      if (c === '\\') {
        const next = this.line[this.at + 1] ?? ''
        this.add('"\\$`'.includes(next) ? next : next === '\n' ? '' : `\\${next}`, 2)
      } else if (c === '$' || c === '`') {
        if (!this.dollar(true)) return false
      } else this.add(c, 1)
    }
    return false
  }

  /** A variable, a calculation, or a command whose output stands here: that one is started too. */
  private dollar(isQuoted: boolean): boolean {
    const { line, at } = this
    if (line[at] === '`') {
      const end = closing(line, at + 1, '`')
      return end >= 0 && this.inner(line.slice(at + 1, end).replaceAll('\\`', '`'), end + 1)
    }
    if (line.startsWith('$((', at)) {
      const end = line.indexOf('))', at)
      if (end < 0 || /[`]|\$\(/.test(line.slice(at + 3, end))) return false
      this.add(UNKNOWN, end + 2 - at)
      return true
    }
    if (line[at + 1] === '(') {
      const end = matching(line, at + 1)
      return end >= 0 && this.inner(line.slice(at + 2, end), end + 1)
    }
    if (line[at + 1] === '{') {
      const end = line.indexOf('}', at)
      if (end < 0 || /[`]|\$\(/.test(line.slice(at + 2, end))) return false
      this.add(UNKNOWN, end + 1 - at)
      return true
    }
    if (!isQuoted && line[at + 1] === "'") return this.escaped()
    const name = /^\$(\w+|[@*#?$!-])/.exec(line.slice(at))
    this.add(name ? UNKNOWN : '$', name ? name[0].length : 1)
    return true
  }

  /** `$'…'`, whose escapes can spell anything. */
  private escaped(): boolean {
    const end = closing(this.line, this.at + 2, "'")
    if (end < 0) return false
    const text = this.line.slice(this.at + 2, end)
    const read = text
      .replace(/\\x([0-9a-f]{1,2})/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
      .replace(/\\u([0-9a-f]{1,4})/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
      .replace(/\\([0-7]{1,3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)))
      .replace(/\\([\\'"])/g, '$1')
    this.add(read, end + 1 - this.at)
    return true
  }

  private inner(script: string, next: number): boolean {
    const found = readScript(script, this.depth + 1)
    if (!found) return false
    this.started.push(...found)
    this.add(UNKNOWN, next - this.at)
    return true
  }

  private group(): boolean {
    const end = matching(this.line, this.at)
    if (end < 0) return false
    const before = this.words.filter((word) => !KEYWORDS.has(word))
    // A function, or an array: neither is read.
    if (before.length > 0) return false
    const found = readScript(this.line.slice(this.at + 1, end), this.depth + 1)
    if (!found) return false
    this.words = []
    this.started.push(...found)
    this.at = end + 1
    return true
  }

  /** The file itself is the sandbox's matter; a document may be a script. */
  private redirect(): boolean {
    const rest = this.line.slice(this.at)
    if (this.word !== undefined && /^\d+$/.test(this.word)) this.word = undefined
    else this.endWord()
    const heredoc = /^<<(-?)[ \t]*(?:'([^'\n]+)'|"([^"\n]+)"|\\?([\w.-]+))/.exec(rest)
    if (heredoc && !rest.startsWith('<<<')) {
      const [whole, tab, single, double, bare] = heredoc
      const shell = SHELLS.has(base(this.words.find((word) => !KEYWORDS.has(word)) ?? ''))
      const isRaw = bare === undefined || whole.includes('\\')
      this.documents.push({ end: single ?? double ?? bare ?? '', isRaw, isTabbed: tab === '-', shell })
      this.at += whole.length
      return true
    }
    const process = /^[<>]\(/.exec(rest)
    if (process) {
      const end = matching(this.line, this.at + 1)
      return end >= 0 && this.inner(this.line.slice(this.at + 2, end), end + 1)
    }
    const operator = /^(?:<<<|&>>|&>|>>|>\||<>|[<>]&|[<>])[ \t]*/.exec(rest)
    if (!operator) return false
    const isText = rest.startsWith('<<<')
    this.at += operator[0].length
    const target = this.target()
    if (target === undefined) return false
    // Text that a shell reads is a script.
    if (isText && SHELLS.has(base(this.words[0] ?? ''))) {
      const found = target.includes(UNKNOWN) ? undefined : readScript(target, this.depth + 1)
      if (!found) return false
      this.started.push(...found)
    }
    return true
  }

  /** The word behind a redirection, which belongs to no program. */
  private target(): string | undefined {
    const words = this.words
    this.words = []
    this.word = undefined
    while (this.at < this.line.length && !/[\s;&|<>()]/.test(this.line[this.at]!)) if (!this.step()) return undefined
    const target = this.word
    this.words = words
    this.word = undefined
    return target
  }

  private newLine(): boolean {
    this.at++
    if (!this.endCommand()) return false
    for (const { end, isRaw, isTabbed, shell } of this.documents.splice(0)) {
      const body: string[] = []
      for (;;) {
        if (this.at >= this.line.length) return false
        const stop = this.line.indexOf('\n', this.at)
        const line = this.line.slice(this.at, stop < 0 ? undefined : stop)
        this.at = stop < 0 ? this.line.length : stop + 1
        if ((isTabbed ? line.replace(/^\t+/, '') : line) === end) break
        body.push(line)
      }
      const text = body.join('\n')
      // Only a shell runs what stands there; elsewhere what is substituted in it runs.
      const scripts = shell ? [text] : isRaw ? [] : substitutions(text)
      for (const script of scripts) {
        const found = script === undefined ? undefined : readScript(script, this.depth + 1)
        if (!found) return false
        this.started.push(...found)
      }
    }
    return true
  }

  private endWord(): void {
    if (this.word !== undefined) this.words.push(this.word)
    this.word = undefined
  }

  private endCommand(): boolean {
    this.endWord()
    const words = this.words
    this.words = []
    while (words.length > 0 && KEYWORDS.has(words[0]!)) words.shift()
    if (words.length === 0) return true
    if (words[0] === 'for' || words[0] === 'select') return words[2] === 'in' || words.length <= 2
    if (/^(case|esac|function|\[\[)$/.test(words[0]!)) return words[0] === '[['
    const found = seeThrough(words, [], this.depth)
    if (!found) return false
    this.started.push(...found)
    return true
  }
}

/** Options of programs that start another one, which take a word of their own. */
const STARTERS: Record<string, RegExp> = {
  env: /^-[uCS]$|^--(unset|chdir)$/,
  nohup: /^$/,
  nice: /^-n$/,
  ionice: /^-[cn]$/,
  timeout: /^-[ks]$|^--(signal|kill-after)$/,
  stdbuf: /^-[ioe]$/,
  setsid: /^$/,
  exec: /^-a$/,
  command: /^$/,
  builtin: /^$/,
  xargs: /^-[adEILnPs]$/,
  sudo: /^-[ugpCThRrtD]$/,
  doas: /^-[uC]$/,
  npx: /^(-p|--package|-c|--call)$/,
  bunx: /^(-p|--package)$/,
  pnpx: /^(-p|--package)$/,
  uvx: /^--(from|with|python)$/,
}
/** These act with other rights whatever they start. */
const RAISING = new Set(['sudo', 'doas'])

/** What a command really starts: itself, and what it is told to start. */
function seeThrough(given: readonly string[], setBefore: readonly string[], depth: number): Started[] | undefined {
  if (depth > DEPTH_MAX) return undefined
  const words = [...given]
  const sets = [...setBefore]
  while (words.length > 0 && /^\w+\+?=/.test(words[0]!)) sets.push(words.shift()!.split(/\+?=/)[0]!)
  if (words.length === 0) return []
  const program = base(words[0]!)
  const itself: Started = { words: [program, ...words.slice(1)], sets }
  if (program.includes(UNKNOWN)) return [itself]
  if (program === 'eval' && words.some((word) => word.includes(UNKNOWN))) return undefined
  if (program === 'eval') return append([itself], readScript(words.slice(1).join(' '), depth + 1))
  if (SHELLS.has(program)) {
    const flag = words.findIndex((word, index) => index > 0 && /^-\w*c$/.test(word))
    const script = flag < 0 ? undefined : words[flag + 1]
    if (flag < 0) return [itself]
    if (script === undefined || script.includes(UNKNOWN)) return undefined
    return append([itself], readScript(script, depth + 1))
  }
  if (program === 'find') {
    const runs = words.flatMap((word, index) => (/^-(exec|execdir|ok|okdir)$/.test(word) ? [index] : []))
    let found: Started[] | undefined = [itself]
    for (const index of runs) found = found && append(found, seeThrough(words.slice(index + 1), sets, depth + 1))
    return found
  }
  const own = STARTERS[program]
  const runner = /^(npm|pnpm|yarn|bun)$/.test(program) && /^(exec|x|dlx)$/.test(words[1] ?? '')
  if (!own && !runner) return [itself]
  let at = runner ? 2 : 1
  for (; at < words.length && (words[at]!.startsWith('-') || (program === 'env' && /^\w+=/.test(words[at]!))); at++) {
    if (words[at] === '--') {
      at++
      break
    }
    if (/^(-c|--call)$/.test(words[at]!) && (program === 'npx' || runner)) {
      const script = words[at + 1]
      return script === undefined || script.includes(UNKNOWN)
        ? undefined
        : append([itself], readScript(script, depth + 1))
    }
    if (program === 'env' && /^-S/.test(words[at]!)) return undefined
    if (/^\w+=/.test(words[at]!)) sets.push(words[at]!.split('=')[0]!)
    else if (own?.test(words[at]!)) at++
  }
  if (program === 'timeout') at++
  const rest = words.slice(at)
  // A package's version is not its name: `npx wrangler@3`.
  if (rest[0] && (runner || /^(npx|bunx|pnpx|uvx)$/.test(program))) rest[0] = rest[0].replace(/(?<=.)@[\w.^~-]*$/, '')
  const found = rest.length === 0 ? [] : seeThrough(rest, sets, depth + 1)
  return (
    found &&
    (RAISING.has(program) || rest.length === 0 || runner || own === STARTERS['npx'] ? append([itself], found) : found)
  )
}

function append(first: Started[], more: Started[] | undefined): Started[] | undefined {
  return more && [...first, ...more]
}

function base(program: string): string {
  return program.includes(UNKNOWN) ? UNKNOWN : program.slice(program.lastIndexOf('/') + 1)
}

/** Where the bracket that opens at `from` closes, quotes and brackets within passed over; -1 where it does not. */
function matching(line: string, from: number): number {
  let open = 0
  for (let at = from; at < line.length; at++) {
    const c = line[at]!
    if (c === '\\') at++
    else if (c === "'") {
      at = line.indexOf("'", at + 1)
      if (at < 0) return -1
    } else if (c === '"') {
      at = closing(line, at + 1, '"')
      if (at < 0) return -1
    } else if (c === '(') open++
    else if (c === ')' && --open === 0) return at
  }
  return -1
}

function closing(line: string, from: number, mark: string): number {
  for (let at = from; at < line.length; at++) {
    if (line[at] === '\\') at++
    else if (line[at] === mark) return at
  }
  return -1
}

/** Commands that are substituted in a text; undefined stands for one that does not end. */
function substitutions(text: string): (string | undefined)[] {
  const found: (string | undefined)[] = []
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '`' || text.startsWith('$(', at)) {
      const end = text[at] === '`' ? closing(text, at + 1, '`') : matching(text, at + 1)
      found.push(end < 0 ? undefined : text.slice(at + (text[at] === '`' ? 1 : 2), end))
      if (end < 0) return found
      at = end
    }
  }
  return found
}
