/**
 * What the Bot API takes, read from its published description: the types that grammy generates from it
 * (@grammyjs/types). The fake refuses what is not in there, so that a call with a wrong name cannot pass.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface MethodWords {
  required: string[]
  optional: string[]
}

export function readMethods(): Map<string, MethodWords> {
  const file = fileURLToPath(new URL('../../node_modules/@grammyjs/types/methods.d.ts', import.meta.url))
  const text = readFileSync(file, 'utf8').replaceAll(/\/\*\*[\s\S]*?\*\//g, '')
  const methods = new Map<string, MethodWords>()
  for (const { index, 1: name } of text.matchAll(/^ {2,4}([a-z]\w+)\((?:args\??: \{|args|\))/gim)) {
    const from = text.indexOf('(', index)
    const body = enclosed(text, from)
    const words: MethodWords = { required: [], optional: [] }
    const members = body.includes('{') ? enclosed(body, body.indexOf('{')) : ''
    for (const [, key, mark] of withoutInner(members).matchAll(/(?:^|[;\n])\s*(\w+)(\??):/g)) {
      words[mark === '?' ? 'optional' : 'required'].push(key!)
    }
    methods.set(name!, words)
  }
  return methods
}

/** What stands between the bracket at `from` and its end. */
function enclosed(text: string, from: number): string {
  const pairs: Record<string, string> = { '(': ')', '{': '}' }
  const [open, close] = [text[from]!, pairs[text[from]!]!]
  let depth = 0
  for (let at = from; at < text.length; at++) {
    if (text[at] === open) depth++
    else if (text[at] === close && --depth === 0) return text.slice(from + 1, at)
  }
  return ''
}

function withoutInner(text: string): string {
  let depth = 0
  return [...text]
    .filter((char) => {
      if ('{(<'.includes(char)) depth++
      const isOuter = depth === 0
      if ('})>'.includes(char)) depth--
      return isOuter
    })
    .join('')
}
