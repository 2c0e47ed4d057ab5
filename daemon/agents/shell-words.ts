/**
 * Takes a shell line apart far enough to say what it would run, and refuses to where that cannot
 * be told from the text alone. Pure.
 *
 * Used for permission only, so every doubt is `undefined`: substitutions, variables, redirections into
 * files, here-documents, functions, control structures, background jobs, globs in the first word.
 */
export function splitCommands(line: string): string[][] | undefined {
  const commands: string[][] = []
  let words: string[] = []
  let word: string | undefined
  let at = 0

  const endWord = () => {
    if (word !== undefined) words.push(word)
    word = undefined
  }
  /** False where an operator has nothing in front of it. */
  const endCommand = (): boolean => {
    endWord()
    if (words.length === 0) return false
    commands.push(words)
    words = []
    return true
  }

  while (at < line.length) {
    const c = line[at]!
    if (c === "'") {
      const end = line.indexOf("'", at + 1)
      if (end < 0) return undefined
      word = (word ?? '') + line.slice(at + 1, end)
      at = end + 1
    } else if (c === '"') {
      const quoted = /^"((?:[^"\\$`!]|\\["\\])*)"/.exec(line.slice(at))
      if (!quoted) return undefined
      word = (word ?? '') + quoted[1]!.replace(/\\(["\\])/g, '$1')
      at += quoted[0].length
    } else if (c === '\\') {
      const next = line[at + 1]
      if (next === undefined || next === '\n') return undefined
      word = (word ?? '') + next
      at += 2
    } else if (c === ' ' || c === '\t') {
      endWord()
      at++
    } else if (word === undefined && HARMLESS_REDIRECTION.test(line.slice(at))) {
      at += HARMLESS_REDIRECTION.exec(line.slice(at))![0].length
    } else if (line.startsWith('&&', at) || line.startsWith('||', at)) {
      if (!endCommand()) return undefined
      at += 2
      if (line.slice(at).trim() === '') return undefined
    } else if (c === ';' || c === '\n' || c === '|') {
      if (line[at + 1] === '&' || !endCommand()) return undefined
      at++
      if (c === '|' && line.slice(at).trim() === '') return undefined
    } else if (/[$`<>&(){}#!~*?[\]]/.test(c)) {
      // A glob or a tilde is harmless as an argument; everything else can do anything.
      if (!/[*?[\]~]/.test(c) || (words.length === 0 && !(c === ']' || c === '['))) return undefined
      word = (word ?? '') + c
      at++
    } else {
      word = (word ?? '') + c
      at++
    }
  }
  endWord()
  if (words.length > 0) commands.push(words)
  return commands.length > 0 && commands.every(isPlain) ? commands : undefined
}

const HARMLESS_REDIRECTION = /^(?:[12]?>&[12]|[12&]?>\s*\/dev\/null)(?=[\s;|]|$)/
const CONTROL = /^(if|then|else|elif|fi|for|while|until|do|done|case|esac|function|select|time|coproc|!|\[\[|\[)$/

/** An assignment in front changes what the command does (PATH, LD_PRELOAD); a keyword starts something that is no command. */
function isPlain(words: string[]): boolean {
  const first = words[0]!
  return first !== '' && !/^\w+\+?=/.test(first) && !CONTROL.test(first)
}
