import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const STATEMENT = /^(?:import|export)\s+(?!type\b)(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm

/** The packages that are loaded with a file, as far as it and its own files say so at their top. */
function packagesOf(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return []
  seen.add(file)
  const wanted = [...readFileSync(file, 'utf8').matchAll(STATEMENT)].map((match) => match[1]!)
  return wanted
    .filter((name) => !name.startsWith('node:'))
    .flatMap((name) => (name.startsWith('.') ? packagesOf(join(dirname(file), name), seen) : [name]))
}

// `claw status` is asked for a hundred times a day: a schema library alone would double its time.
test.each(['cli/claw.ts', 'cli/commands/status.ts', 'cli/commands/goals.ts', 'cli/commands/inbox.ts'])(
  '%s loads no library but the one that reads the command line',
  (file) => {
    expect(packagesOf(file).filter((name) => name !== 'commander')).toEqual([])
  },
)
