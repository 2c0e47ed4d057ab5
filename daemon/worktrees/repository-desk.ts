import { access, readdir, realpath, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { newId } from '../../core/id.ts'
import type { RepositoryId, RepositoryRow } from '../../core/repository.ts'
import type { World } from '../../core/world.ts'
import { addRepository, findRepository, getRepository } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import type { Repositories, Repository } from './worktree.ts'

/**
 * Which of the owner's repositories belongs to which clone of ours, and each of them open once.
 */
export interface RepositoryDesk extends AsyncDisposable {
  /** The row for a path, a URL, or (null) a fresh workspace; made if need be, the clone included. */
  take(source: string | null, workspaceName: string): Promise<{ row: RepositoryRow; repository: Repository }>
  get(id: RepositoryId): Promise<Repository>
  /** Removes a clone that no goal uses, and the workspace that was made for it; does nothing where one does. */
  leave(id: RepositoryId): Promise<void>
  /**
   * Removes clones that were made for a goal which was never taken in, because the daemon ended in between:
   * nothing names them and nothing was ever made in them. Before the first `take`.
   */
  sweep(): Promise<void>
}

export function createRepositoryDesk(deps: {
  store: Store
  world: World
  repositories: Repositories
  dir: string
  workspacesDir: string
}): RepositoryDesk {
  const { store, world, repositories } = deps
  const open = new Map<RepositoryId, Promise<Repository>>()

  function openRow(row: RepositoryRow): Promise<Repository> {
    const known = open.get(row.id)
    if (known) return known
    const opening =
      row.url !== null ? repositories.openUrl(row.url, row.gitDir) : repositories.openLocal(row.path!, row.gitDir)
    open.set(row.id, opening)
    opening.catch(() => open.delete(row.id))
    return opening
  }

  return {
    async take(source, workspaceName) {
      if (source === null) return makeWorkspace(workspaceName)
      const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(source) || /^[^/\s]+@[^/\s]+:/.test(source)
      const by = isUrl ? { url: source } : { path: (await knownTop(source)) ?? (await repositories.locate(source)) }
      let row = await findRepository(store.db, by)
      if (!row) {
        const fresh = freshRow(by)
        // The clone first: a row never names a clone that could not be made.
        const repository = await ('url' in by
          ? repositories.openUrl(by.url, fresh.gitDir)
          : repositories.openLocal(by.path, fresh.gitDir))
        row = await store.transaction(async (tx) => {
          const other = await findRepository(tx, by)
          if (other) return other
          await addRepository(tx, fresh)
          return fresh
        })
        if (row.id === fresh.id) open.set(row.id, Promise.resolve(repository))
      }
      return { row, repository: await openRow(row) }
    },
    async get(id) {
      return openRow(await getRepository(store.db, id))
    },
    async leave(id) {
      const row = await store.transaction(async (tx) => {
        const used = await tx.selectFrom('goal').select('id').where('repositoryId', '=', id).executeTakeFirst()
        if (used) return undefined
        const unused = await getRepository(tx, id)
        await tx.deleteFrom('repository').where('id', '=', id).execute()
        return unused
      })
      if (!row) return
      await (await openRow(row).catch(() => undefined))?.[Symbol.asyncDispose]()
      open.delete(row.id)
      await rm(row.gitDir, { recursive: true, force: true, maxRetries: 3 })
      if (row.path?.startsWith(`${deps.workspacesDir}/`))
        await rm(row.path, { recursive: true, force: true, maxRetries: 3 })
    },
    async sweep() {
      const rows = await store.db.selectFrom('repository').select('gitDir').execute()
      const known = new Set(rows.map((row) => basename(row.gitDir)))
      for (const name of await readdir(deps.dir).catch(() => [])) {
        const folder = join(deps.dir, name)
        if (known.has(name) || !name.startsWith('repo_')) continue
        if (!isHalfMade(name) && (await holdsWork(folder))) world.log.warn({ folder }, 'a clone that no row names')
        else await rm(folder, { recursive: true, force: true })
      }
    },
    async [Symbol.asyncDispose]() {
      for (const repository of open.values()) await (await repository.catch(() => undefined))?.[Symbol.asyncDispose]()
      open.clear()
    },
  }

  /** A folder that is the top of a checkout we know needs no looking into, as long as there is one. */
  async function knownTop(source: string): Promise<string | undefined> {
    try {
      const path = await realpath(source)
      await access(join(path, '.git'))
      return (await findRepository(store.db, { path })) && path
    } catch {
      return undefined
    }
  }

  function freshRow(by: { path: string } | { url: string }): RepositoryRow {
    const id = newId('repo', world.clock.now())
    return {
      id,
      path: 'path' in by ? by.path : null,
      url: 'url' in by ? by.url : null,
      gitDir: join(deps.dir, `${id}.git`),
      createdAt: world.clock.now(),
    }
  }

  async function makeWorkspace(name: string): Promise<{ row: RepositoryRow; repository: Repository }> {
    const row = freshRow({ path: join(deps.workspacesDir, name) })
    const repository = await repositories.openWorkspace(row.path!, row.gitDir)
    await store.transaction((tx) => addRepository(tx, row))
    open.set(row.id, Promise.resolve(repository))
    return { row, repository }
  }
}

function isHalfMade(name: string): boolean {
  return name.includes('.git.making-')
}

/** Whether anything beside what was read from the owner is in a clone. Claw packs no refs, so the folders say all. */
async function holdsWork(gitDir: string): Promise<boolean> {
  const ours = async (folder: string) =>
    (await readdir(join(gitDir, folder)).catch(() => [])).filter((name) => name !== 'owner' && name !== 'root')
  return (await ours('refs/heads')).length > 0 || (await ours('refs/claw')).length > 0
}
