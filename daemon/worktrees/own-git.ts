import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../core/world.ts'
import { writeDurably } from './durable-file.ts'
import type { Git, GitOptions, GitResult } from './git.ts'

/** Git on Claw's own bare clone. */
export type OwnGit = (args: readonly string[], options?: Omit<GitOptions, 'gitDir'>) => Promise<GitResult>

/**
 * The configuration of a clone as Claw wrote it; that it is there also says the clone is whole.
 *
 * Worktrees share their clone's configuration, and an innocent `npm install` sets hooks in it
 * (husky), a hostile one a filter or a merge driver. So it is put back before git reads it.
 */
export function keptConfig(gitDir: string): string {
  return join(gitDir, 'claw', 'config')
}

export function createOwnGit(git: Git, gitDir: string, config: string, log: Log): OwnGit {
  const file = join(gitDir, 'config')
  return async (args, options) => {
    const now = await readFile(file, 'utf8').catch(() => undefined)
    if (now !== config) {
      log.warn({ gitDir }, "a clone's configuration was changed, put back")
      await writeDurably(file, config)
    }
    return git(args, { ...options, gitDir })
  }
}
