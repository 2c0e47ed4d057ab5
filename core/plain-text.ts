/**
 * Text that is fit to be shown on a terminal.
 *
 * Titles, questions, diffs and error messages were written by models and strangers. An escape sequence in
 * them could rewrite the screen, so control characters (and those that turn the writing direction) are taken
 * out of everything that is shown.
 */

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

/** One line of at most so many characters, with an ellipsis where something is missing. */
export function clipLine(text: string, max: number): string {
  const line = oneLine(text)
  return line.length <= max ? line : `${line.slice(0, max - 1)}…`
}

/** The end of a program's words on one line, at most so many characters. */
export function lastLines(text: string, max: number): string {
  const clean = oneLine(text.trim().split('\n').slice(-3).join(' | '))
  return clean.length <= max ? clean : `…${clean.slice(-(max - 1))}`
}
