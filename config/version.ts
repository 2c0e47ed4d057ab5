import { readFileSync } from 'node:fs'

/** The version of this Claw, from the package.json above this file (one folder up in a clone, two in a package). */
export function readVersion(): string {
  for (const up of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8'))
      if (name === 'claw' && typeof version === 'string') return version
    } catch {
      // not here: one folder further up
    }
  }
  return 'unknown'
}
