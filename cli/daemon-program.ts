import { existsSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Fault } from '../core/fault.ts'

/**
 * What to run: `daemon/main` beside this folder, as TypeScript in a clone and as JavaScript in a package.
 *
 * Node lets the young part of its heap grow to 128 MB on a machine with much memory and never gives it back; the
 * daemon lives long and needs little of it. Measured after 40 goals: 180 MB instead of 209, of which 50 are alive.
 */
export function daemonArguments(): string[] {
  const main = fileURLToPath(new URL(`../daemon/main${extname(import.meta.url)}`, import.meta.url))
  if (!existsSync(main)) throw new Fault('daemon_down', `The daemon's program is missing: ${main}`)
  return ['--enable-source-maps', '--max-semi-space-size=8', main]
}
