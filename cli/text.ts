/**
 * Text on a terminal: how wide it is, where to cut it, and what must never reach it.
 *
 * Titles, questions and diffs were written by models and strangers. An escape sequence in them could
 * rewrite the screen, so control characters are taken out of everything that is shown.
 */
import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]
export type Paint = (style: Style, text: string) => string

export function painter(isColor: boolean): Paint {
  return isColor ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text
}

/** One line, without control characters. */
export function oneLine(text: string): string {
  return text.replace(CONTROL_OR_SPACE, ' ').replace(/ {2,}/g, ' ').trim()
}

/** Many lines, without control characters but tabs and line breaks. */
export function manyLines(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(CONTROL_BUT_LINES, '')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL_OR_SPACE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL_BUT_LINES = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u
const NOTHING = /\p{Mark}|\u200b|\u200d|\ufe0f/u

/** Columns that the text takes; it holds no escape sequences. */
export function columns(text: string): number {
  let width = 0
  for (const letter of text) width += NOTHING.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1
  return width
}

/** At most so many columns, cut with an ellipsis. */
export function clip(text: string, width: number): string {
  if (columns(text) <= width) return text
  let taken = ''
  let used = 0
  for (const letter of text) {
    const more = columns(letter)
    if (used + more > width - 1) break
    taken += letter
    used += more
  }
  return width < 1 ? '' : `${taken}…`
}

/** Exactly so many columns. */
export function pad(text: string, width: number): string {
  const cut = clip(text, width)
  return cut + ' '.repeat(Math.max(0, width - columns(cut)))
}

/** `34s`, `12m`, `3h 05m`, `2d 4h`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 10) return `${minutes}m ${String(seconds % 60).padStart(2, '0')}s`
  if (minutes < 60) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours}h ${String(minutes % 60).padStart(2, '0')}m`
  return `${Math.floor(hours / 24)}d ${hours % 24}h`
}

/** `just now`, `5m ago`, `3h ago`, and from a week on the date. */
export function ago(at: number, now: number): string {
  const minutes = Math.floor((now - at) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return `${minutes}m ago`
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ago`
  if (minutes < 7 * 24 * 60) return `${Math.floor(minutes / (24 * 60))}d ago`
  const date = new Date(at)
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`
}

/** `1 goal`, `2 goals`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
