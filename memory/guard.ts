import { plainWords } from './words.ts'

/**
 * What may become a note, by plain rules. Pure.
 *
 * The worst memories seen elsewhere were almost all junk: heartbeats, empty answers, and
 * one recalled sentence stored again hundreds of times. Text that came out of the memory is
 * marked on its way out and taken away on its way in.
 */
const OPEN = '<!-- claw:recalled -->'
const CLOSE = '<!-- /claw:recalled -->'

/**
 * Marks text that goes to an agent or a model, so that it is never remembered as new.
 *
 * Marks in it are taken out first: a note cannot say that the rest of it was not recalled.
 */
export function markRecalled(text: string): string {
  return `${OPEN}\n${withoutMarks(text)}\n${CLOSE}`
}

function withoutMarks(text: string): string {
  let rest = text
  // What is left when a mark is taken out may be one again.
  for (let before = ''; before !== rest; ) {
    before = rest
    rest = rest.replaceAll(OPEN, '').replaceAll(CLOSE, '')
  }
  return rest.trim()
}

/** The text without what was recalled. An opening mark without an end takes everything after it. */
export function withoutRecalled(text: string): string {
  let rest = text
  let out = ''
  for (;;) {
    const start = rest.indexOf(OPEN)
    if (start < 0) return (out + rest.replaceAll(CLOSE, '')).trim()
    out += rest.slice(0, start)
    const end = rest.indexOf(CLOSE, start)
    if (end < 0) return out.trim()
    rest = rest.slice(end + CLOSE.length)
  }
}

const NOISE =
  /^\W*(no[_ ]?reply|heartbeat(_ok)?|ping|pong|ok(ay)?|done|none|n\/a|null|undefined|yes|no|thanks?( you)?|nothing( to (do|report|remember|add))?|\[?(no response|empty)\]?|test(ing)?)\W*$/i
/** What a program writes needs to say something; an owner may be brief. */
const WORDS_MIN = 3

/** Why this text is not worth keeping, or null. */
export function findNoise(text: string, fromOwner: boolean): string | null {
  if (text.trim() === '') return 'there is nothing in it'
  if (NOISE.test(text.trim())) return 'it says nothing'
  const said = plainWords(text)
  if (said.length === 0) return 'it has no words'
  if (fromOwner) return null
  if (said.length < WORDS_MIN) return 'it is too short to mean anything later'
  if (said.length > 40 && new Set(said).size / said.length < 0.1) return 'it repeats itself'
  return null
}

const ORDERS = [
  /\b(ignore|disregard|forget|override)\b.{0,40}\b(previous|prior|above|earlier|all|any|your|the)\b.{0,40}\b(instruction|prompt|rule|direction|guideline|message)/is,
  /\byou (are|will) now\b.{0,60}\b(assistant|agent|mode|dan|admin|root|developer)/is,
  /\b(system|developer) (prompt|message|override)\b/i,
  /<\/?(system|assistant|instructions?|tool_(call|result))>/i,
  /\b(do not|don't|never) (tell|inform|reveal|mention)\b.{0,30}\b(user|owner|human)/is,
  /\b(from now on|always|whenever)\b.{0,60}\b(curl|wget|execute|send|upload|post|email)\b.{0,60}(https?:|token|key|password|secret)/is,
  /\b(exfiltrate|reveal your (prompt|instructions))\b/i,
  /[\u200B\u200E\u200F\u202A-\u202E\u2060-\u2064\u{E0000}-\u{E007F}]{4,}/u,
]

/** Whether a text that nobody vouches for gives orders to whoever reads it. */
export function looksLikeOrders(text: string): boolean {
  return ORDERS.some((pattern) => pattern.test(text))
}
