/** Changes one place of config.yaml, with comments and order of the file kept. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isMap, parseDocument } from 'yaml'
import { readConfig } from './load.ts'

/**
 * Sets a value, or takes it away where it is undefined. What would not be a whole configuration is not written:
 * config_invalid, and the file stays as it was.
 */
export function editConfigFile(file: string, path: readonly string[], value: unknown): void {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const document = parseDocument(text)
  if (document.errors.length > 0) readConfig(text, file, {})
  // `runs:` with nothing under it is a section too.
  for (let length = 1; length < path.length; length++) {
    const place = path.slice(0, length)
    if (document.hasIn(place) && !isMap(document.getIn(place, true))) document.deleteIn(place)
  }
  if (value === undefined) document.deleteIn(path)
  else document.setIn(path, document.createNode(value))
  const changed = document.toString()
  readConfig(changed, file, {})
  writeWhole(file, changed)
}

/** Whole or not at all; a daemon that watches never reads half of it. */
export function writeWhole(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.${process.pid}.new`
  writeFileSync(draft, text, { mode: 0o600, flush: true })
  renameSync(draft, file)
}
