/**
 * Says whether a shell command passes whatever the work is worth.
 *
 * Pure, and no shell: it reads lists (`;`, `&&`, `||`, `|`, `&`) and knows a handful of words that
 * never fail. What it cannot read (here-documents, loops, functions) counts as meaningful, so a
 * `true` here is certain and a `false` only says that nothing was found. The baseline run is the
 * other half of the answer: a `fails-before` check that passes already is refused there.
 */
export function isVacuous(command: string): boolean {
  const text = stripOuterGroup(stripComments(command).trim())
  if (text.includes('<<')) return false
  const options = { errexit: /(^|[;&\n]\s*)set\s+-[a-z]*e/.test(text), pipefail: /pipefail/.test(text) }
  return listAlwaysPasses(text, options, 0)
}

interface ShellOptions {
  errexit: boolean
  pipefail: boolean
}

/** Nesting of groups and `sh -c` beyond this is not looked into. */
const DEPTH_MAX = 5

const KEYWORDS = /^(if|then|else|elif|fi|for|while|until|do|done|case|esac|function|select)\b/

/** Words that end with 0 whatever they are given. */
const NEVER_FAILS = new Set([
  ':',
  'true',
  'echo',
  'printf',
  'pwd',
  'sleep',
  'date',
  'exit',
  'return',
  'whoami',
  'hostname',
])

/** At the end of a pipe these hide how the command before them ended. */
const HIDES_FAILURE = new Set([
  ...NEVER_FAILS,
  'cat',
  'tee',
  'head',
  'tail',
  'wc',
  'sort',
  'uniq',
  'sed',
  'awk',
  'tr',
  'cut',
])

function listAlwaysPasses(text: string, options: ShellOptions, depth: number): boolean {
  if (depth > DEPTH_MAX) return false
  const steps = split(text, [';', '\n', '&']).filter((step) => step.text.trim() !== '')
  if (steps.length === 0) return true
  const passes = steps.map(
    (step) => step.before === '&' || step.after === '&' || chainPasses(step.text, options, depth),
  )
  const structured = steps.some((step) => KEYWORDS.test(step.text.trim()))
  if (structured) return !options.errexit && passes.at(-1)! && !KEYWORDS.test(steps.at(-1)!.text.trim())
  // What stands after an unconditional `exit 0` is never run.
  const left = steps.findIndex((step) => /^exit(\s+0)?$/.test(step.text.trim()))
  const reached = left === -1 ? passes : passes.slice(0, left + 1)
  return options.errexit ? reached.every(Boolean) : reached.at(-1)!
}

/** `a && b || c`: read from the left, as the shell does. */
function chainPasses(text: string, options: ShellOptions, depth: number): boolean {
  let passes = true
  for (const link of split(text, ['&&', '||'])) {
    const own = pipePasses(link.text, options, depth)
    if (link.before === '||') passes = passes || own
    else passes = passes && own
  }
  return passes
}

function pipePasses(text: string, options: ShellOptions, depth: number): boolean {
  const parts = split(text, ['|'])
  const last = parts.at(-1)!.text
  if (parts.length === 1) return commandPasses(last, options, depth)
  if (options.pipefail) return parts.every((part) => commandPasses(part.text, options, depth))
  return HIDES_FAILURE.has(words(last)[0] ?? '') || commandPasses(last, options, depth)
}

function commandPasses(text: string, options: ShellOptions, depth: number): boolean {
  const trimmed = text.trim()
  const inner = stripOuterGroup(trimmed)
  if (inner !== trimmed) return listAlwaysPasses(inner, options, depth + 1)
  if (trimmed.startsWith('! ')) return /^!\s+(\/(usr\/)?bin\/)?false\b/.test(trimmed)

  const all = words(trimmed)
  const rest = all.slice(all.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word)))
  // Only assignments: they fail only through a command in them.
  if (all.every((word) => /^[A-Za-z_]\w*=/.test(word))) return !/\$\(|`/.test(trimmed)
  const name = (rest[0] ?? '').replace(/^\/(usr\/)?bin\//, '')
  const args = rest.slice(1)
  if (name === 'command' || name === 'env' || name === 'exec') {
    return commandPasses(rest.slice(1).join(' '), options, depth)
  }
  if (name === 'sh' || name === 'bash') return shellPasses(args, trimmed, depth)
  if (name === 'exit' || name === 'return') return args.length === 0 || /^0+$/.test(args[0]!)
  if (name === 'set') return true
  if (name === 'test' || name === '[') return constantTest(args.filter((word) => word !== ']'))
  return NEVER_FAILS.has(name)
}

/** `sh -c '…'` is as vacuous as what it is given. */
function shellPasses(args: string[], text: string, depth: number): boolean {
  const flag = args.findIndex((word) => /^-[a-z]*c$/.test(word))
  const script = flag === -1 ? undefined : args[flag + 1]
  if (script === undefined || /\$/.test(text)) return false
  const errexit =
    args.slice(0, flag + 1).some((word) => /^-[a-z]*e/.test(word)) || /(^|;)\s*set\s+-[a-z]*e/.test(script)
  return listAlwaysPasses(script, { errexit, pipefail: /pipefail/.test(text) }, depth + 1)
}

/** A test of constants only: `test 1`, `[ a = a ]`. */
function constantTest(args: string[]): boolean {
  if (args.some((word) => /[$`]/.test(word))) return false
  if (args.length === 1) return args[0] !== ''
  return args.length === 3 && ['=', '==', '-eq', '-le', '-ge'].includes(args[1]!) && args[0] === args[2]
}

interface Piece {
  text: string
  /** The operator in front of it and the one behind it. */
  before: string | undefined
  after: string | undefined
}

/** Splits at operators that stand outside quotes and brackets. A longer operator is never cut in two. */
function split(text: string, operators: readonly string[]): Piece[] {
  const pieces: Piece[] = []
  let start = 0
  let before: string | undefined
  for (let i = 0, depth = 0, quote = ''; i < text.length; i++) {
    const char = text[i]!
    if (char === '\\' && quote !== "'") i++
    else if (quote) quote = char === quote ? '' : quote
    else if (char === "'" || char === '"' || char === '`') quote = char
    else if (char === '(' || char === '{') depth++
    else if (char === ')' || char === '}') depth--
    else if (depth === 0) {
      const operator = operatorAt(text, i)
      if (operator && operators.includes(operator)) {
        pieces.push({ text: text.slice(start, i), before, after: operator })
        before = operator
        start = i + operator.length
      }
      if (operator) i += operator.length - 1
    }
  }
  pieces.push({ text: text.slice(start), before, after: undefined })
  return pieces
}

function operatorAt(text: string, at: number): string | undefined {
  const two = text.slice(at, at + 2)
  if (two === '&&' || two === '||') return two
  // `2>&1` and `&>file` are redirections.
  if (text[at] === '&' && (text[at - 1] === '>' || text[at - 1] === '<' || text[at + 1] === '>')) return undefined
  return ';|&\n'.includes(text[at]!) ? text[at] : undefined
}

function words(text: string): string[] {
  const found = text.trim().match(/(?:[^\s"']|"(?:\\.|[^"])*"|'[^']*')+/g) ?? []
  return found.filter((word) => !/^\d*[<>]/.test(word)).map((word) => word.replace(/^(["'])([\s\S]*)\1$/, '$2'))
}

function stripComments(text: string): string {
  return text.replace(/("(?:\\.|[^"\\])*"|'[^']*')|(^|\s)#[^\n]*/g, (_, quoted, space) => quoted ?? space ?? '')
}

/** `( … )` and `{ …; }` around the whole. */
function stripOuterGroup(text: string): string {
  const close = text.startsWith('(') ? ')' : /^\{\s/.test(text) ? '}' : undefined
  if (!close || !text.endsWith(close)) return text
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(' || text[i] === '{') depth++
    if (text[i] === ')' || text[i] === '}') depth--
    if (depth === 0 && i < text.length - 1) return text
  }
  return text.slice(1, -1).trim()
}
