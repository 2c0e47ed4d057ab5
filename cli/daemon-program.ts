import { existsSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Fault } from '../core/fault.ts'

/** What to run: `daemon/main` beside this folder, as TypeScript in a clone and as JavaScript in a package. */
export function daemonArguments(): string[] {
  const main = fileURLToPath(new URL(`../daemon/main${extname(import.meta.url)}`, import.meta.url))
  if (!existsSync(main)) throw new Fault('daemon_down', `The daemon's program is missing: ${main}`)
  return ['--enable-source-maps', main]
}
