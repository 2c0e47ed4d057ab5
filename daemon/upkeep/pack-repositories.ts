/**
 * Packs what git has written one file at a time. Each capture, merge and note leaves some loose objects, and each
 * fetch may leave a pack; git's own tidying is off for Claw's repositories, since it also throws things away.
 *
 * Nothing is ever thrown away here: `--geometric` takes loose objects in whether a ref reaches them or not, and what
 * is taken away is in the new pack, which has reached the disk (core.fsync=all). Who reads meanwhile finds it there.
 */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Paths } from '../../config/paths.ts'
import { DAY } from '../../core/clock.ts'
import type { World } from '../../core/world.ts'
import type { Git } from '../worktrees/git.ts'
import type { Chore } from './upkeep.ts'

/** From so many on it is worth it. */
const LOOSE_MAX = 500
const PACKS_MAX = 20
const PACK_MS_MAX = 30 * 60_000

export interface PackDeps {
  world: World
  git: Git
  paths: Pick<Paths, 'repositoriesDir' | 'notesDir'>
}

export function packRepositories({ world, git, paths }: PackDeps): Chore {
  return {
    name: 'packing',
    async run(signal) {
      for (const gitDir of await gitDirsOf(paths)) {
        if (signal.aborted) return
        await dropCutShort(join(gitDir, 'objects/pack'), world.clock.now())
        const { loose, packs } = await countObjects(gitDir)
        if (loose <= LOOSE_MAX && packs <= PACKS_MAX) continue
        // One that cannot be packed keeps no other from it, and loses nothing.
        await git(['repack', '--geometric=2', '-d', '-l', '--quiet'], { gitDir, timeoutMs: PACK_MS_MAX }).then(
          () => world.log.info({ gitDir, loose, packs }, 'repository packed'),
          (error) => world.log.warn({ err: error, gitDir }, 'repository could not be packed'),
        )
      }
    },
  }
}

/** Claw's clones, and the notes, once their history has begun. */
async function gitDirsOf({ repositoriesDir, notesDir }: PackDeps['paths']): Promise<string[]> {
  const clones = (await list(repositoriesDir)).filter((name) => name.endsWith('.git'))
  const all = [...clones.map((name) => join(repositoriesDir, name)), join(notesDir, '.git')]
  const isThere = await Promise.all(all.map(async (dir) => (await list(join(dir, 'objects'))).length > 0))
  return all.filter((_, index) => isThere[index])
}

async function countObjects(gitDir: string): Promise<{ loose: number; packs: number }> {
  const objects = join(gitDir, 'objects')
  const folders = (await list(objects)).filter((name) => /^[0-9a-f]{2}$/.test(name))
  let loose = 0
  for (const name of folders) loose += (await list(join(objects, name))).length
  return { loose, packs: (await list(join(objects, 'pack'))).filter((name) => name.endsWith('.pack')).length }
}

/** Packs that a killed git left half written. Nobody reads them, and git itself removes them only while it throws away. */
async function dropCutShort(dir: string, now: number): Promise<void> {
  for (const name of (await list(dir)).filter((other) => /^(tmp_|\.tmp-)/.test(other))) {
    const found = await stat(join(dir, name)).catch(() => undefined)
    if (found && now - found.mtimeMs > DAY) await rm(join(dir, name), { force: true })
  }
}

const list = (dir: string): Promise<string[]> => readdir(dir).catch(() => [])
