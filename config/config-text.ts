/** The configuration's text, read and written for its owner: never left worse than it was. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isMap, parseDocument } from 'yaml'
import { readConfig } from './load.ts'

/** What stands on top of a file that was not there before. */
export const FIRST = '# Every key and its default: docs/CONFIG.md. Only what differs needs to stand here.\n'

/** No file is an empty one. */
export function readText(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

/** The text with some keys set (undefined: taken away), comments and order kept. Throws config_invalid where that would not be a whole configuration. */
export function withKeys(
  text: string,
  file: string,
  keys: readonly (readonly [key: string, value: unknown])[],
): string {
  const document = parseDocument(text)
  if (document.errors.length > 0) readConfig(text, file, {})
  for (const [key, value] of keys) {
    const path = key.split('.')
    // `runs:` with nothing under it is a section too.
    for (let length = 1; length < path.length; length++) {
      const place = path.slice(0, length)
      if (document.hasIn(place) && !isMap(document.getIn(place, true))) document.deleteIn(place)
    }
    if (value === undefined) document.deleteIn(path)
    else document.setIn(path, value)
  }
  const changed = document.toString()
  readConfig(changed, file, {})
  return changed
}

/** Whole or not at all; a daemon that watches never reads half of it. */
export function writeWhole(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.${process.pid}.new`
  writeFileSync(draft, text, { mode: 0o600, flush: true })
  renameSync(draft, file)
}
