import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const STATEMENT = /^(?:import|export)\s+(?!type\b)(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm

/** The packages that are loaded with a file: named at its top or at that of a file it loads there. `import()` is for later. */
export function packagesOf(file: string): string[] {
  const files = new Set<string>()
  const packages = new Set<string>()
  const walk = (at: string): void => {
    if (files.has(at)) return
    files.add(at)
    for (const [, name] of readFileSync(at, 'utf8').matchAll(STATEMENT)) {
      if (name!.startsWith('.')) walk(join(dirname(at), name!))
      else if (!name!.startsWith('node:')) packages.add(/^(?:@[^/]+\/)?[^/]+/.exec(name!)![0])
    }
  }
  walk(file)
  return [...packages].sort()
}
