import { stem } from './stem.ts'

/**
 * Text into the words it is searched by.
 *
 * The same function serves notes and questions, and both indexes are built over its
 * output, so a search means the same everywhere: accents folded, English stemmed, stop
 * words dropped, `parseGoalId` found by `goal` and by `parseGoalId`, scripts without
 * spaces cut into pairs.
 */
export const WORDS_VERSION = 1

/** Longer than any word worth finding; a line of base64 is not one. */
const WORD_MAX = 64

const STOP = new Set(
  (
    'a an and are as at be been being but by can could did do does doing for from had has have having he her hers him his how i ' +
    'if in into is it its me my of on or our ours she should so some such than that the their theirs them then there these they ' +
    'this those to too us very was we were what when where which while who whom whose why will with would you your yours am ' +
    'about any s t d ll m re ve don didn doesn isn wasn aren weren won'
  ).split(' '),
)

const WORD = /[\p{L}\p{N}\p{M}]+/gu
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u

/** Every word of the text in order, stemmed, stop words left out. */
export function words(text: string): string[] {
  const found: string[] = []
  for (const match of text
    .normalize('NFKD')
    .replace(/\p{Mn}+/gu, '')
    .matchAll(WORD)) {
    const raw = match[0]
    if (raw.length > WORD_MAX) continue
    if (UNSPACED.test(raw)) {
      for (const pair of pairs(raw)) found.push(pair)
      continue
    }
    const whole = raw.toLowerCase()
    if (STOP.has(whole)) continue
    found.push(stem(whole))
    for (const part of humps(raw)) if (!STOP.has(part)) found.push(stem(part))
  }
  return found
}

/** Lower-cased words without stemming or stop words, for comparing texts. */
export function plainWords(text: string): string[] {
  return (
    text
      .normalize('NFKD')
      .replace(/\p{Mn}+/gu, '')
      .toLowerCase()
      .match(WORD) ?? []
  )
}

export function isStopWord(word: string): boolean {
  return STOP.has(word.toLowerCase())
}

/** `parseGoalId` → parse, goal, id. Nothing for a word that is one piece. */
function humps(raw: string): string[] {
  if (!/[a-z][A-Z]|[A-Z]{2}[a-z]/.test(raw)) return []
  return raw
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(' ')
}

function pairs(run: string): string[] {
  const letters = [...run.toLowerCase()]
  if (letters.length === 1) return letters
  return letters.slice(1).map((letter, i) => letters[i]! + letter)
}
