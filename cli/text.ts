/** Text on a terminal: how wide it is, where to cut it, and how time is said. */
import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]
export type Paint = (style: Style, text: string) => string

export function painter(isColor: boolean): Paint {
  return isColor ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text
}

export { manyLines, oneLine } from '../core/plain-text.ts'

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

/** `812 B`, `4.0 KB`, `1.2 GB`. */
export function bytes(size: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, size)) / 10))
  return `${power === 0 ? size : (size / 1024 ** power).toFixed(1)} ${units[power]}`
}
