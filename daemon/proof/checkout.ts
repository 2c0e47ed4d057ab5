import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { World } from '../../core/world.ts'
import type { Room } from '../worktrees/confined-shell.ts'
import { layFile, removeFile } from '../worktrees/place.ts'
import type { Repository } from '../worktrees/worktree.ts'
import type { Restored } from './protect.ts'

/**
 * A clean checkout of exactly one commit, with a HOME, TMPDIR and caches that nobody had before.
 * Disposing it removes all of it, whatever happened inside.
 */
export interface Checkout extends AsyncDisposable {
  readonly room: Room
  /**
   * Puts the tracked files on the commit again, removes what is neither tracked nor ignored, and
   * lays `files` over it. Dependency folders stay. Costs nothing while it is as git made it.
   */
  reset(files: readonly Restored[]): Promise<void>
  /** Says that something has written, or is about to write, into it. */
  used(): void
}

export async function openCheckout(
  deps: { world: World; dir: string },
  repository: Pick<Repository, 'addWorktree' | 'removeWorktree' | 'resetWorktree'>,
  commit: string,
  tag: string,
): Promise<Checkout> {
  const own = join(deps.dir, `${tag.replace(/[^\w.-]+/g, '-').slice(0, 60)}-${randomUUID().slice(0, 8)}`)
  const room: Room = {
    checkout: join(own, 'checkout'),
    home: join(own, 'home'),
    tmp: join(own, 'tmp'),
    toolchain: join(own, 'toolchain'),
  }
  const remove = async () => {
    await repository.removeWorktree(room.checkout, { force: true }).catch((error) => {
      deps.world.log.warn({ path: room.checkout, error }, 'verification checkout not removed by git')
    })
    await rm(own, { recursive: true, force: true, maxRetries: 3 })
  }
  try {
    for (const folder of [room.home, room.tmp, room.toolchain]) await mkdir(folder, { recursive: true, mode: 0o700 })
    await repository.addWorktree(room.checkout, commit)
  } catch (error) {
    await rm(own, { recursive: true, force: true })
    throw error
  }
  let isPristine = true
  return {
    room,
    async reset(files) {
      if (!isPristine) await repository.resetWorktree(room.checkout, commit)
      isPristine = files.length === 0
      for (const { path, content } of files) {
        if (content === null) await removeFile(room.checkout, path)
        else await layFile(room.checkout, path, content)
      }
    },
    used() {
      isPristine = false
    },
    [Symbol.asyncDispose]: remove,
  }
}
