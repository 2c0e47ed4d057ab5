// @ts-check
/**
 * `npm start`: the daemon in this process. Plain JavaScript, so that nothing has to be compiled before the
 * folder is known in which compiled code is kept for the next start. (`claw` does the same in its launcher.)
 */
import { mkdirSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

if (!process.env.NODE_COMPILE_CACHE && !process.env.NODE_DISABLE_COMPILE_CACHE) {
  try {
    const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'claw', 'compiled')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    module.enableCompileCache(folder)
  } catch {
    // a home that cannot be written to: slower, no worse
  }
}
await import('../daemon/main.ts')
