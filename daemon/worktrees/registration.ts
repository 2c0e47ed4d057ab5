import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { writeDurably } from './durable-file.ts'

/**
 * What Claw knows about a worktree, kept beside its clone where no agent is asked.
 *
 * A worktree's own `.git` file, index and HEAD can be written by whoever works in it, so nothing is
 * decided from them. Claw keeps a record (path, the commit its files were last known to be on, what is
 * being done to it) and an index of its own. The folder that git itself wants
 * (gitrepository-layout(5): HEAD, commondir, gitdir) is written from the record whenever it matters.
 */
export const WorktreeRecord = z.object({
  path: z.string(),
  /** The last commit of ours that the files were equal to. */
  commit: z.string(),
  /** Anything but `ready` was cut short by a crash and is finished at the next opening. */
  state: z.enum(['making', 'ready', 'resetting', 'removing']),
})
export type WorktreeRecord = z.infer<typeof WorktreeRecord>

export interface Registry {
  find(path: string): Promise<WorktreeRecord | undefined>
  list(): Promise<WorktreeRecord[]>
  /** On the disk when this returns. */
  save(record: WorktreeRecord): Promise<void>
  /** Removes records that a crash left half-written. Only while nobody saves. */
  dropDrafts(): Promise<void>
  /** Forgets the worktree: record, index and git's folder for it. */
  drop(path: string): Promise<void>
  /** Claw's own index of a worktree. */
  indexOf(path: string): string
  /** Git's folder for it, with HEAD on the record's commit and everything else that was in there gone. */
  mend(record: WorktreeRecord): Promise<string>
}

export async function createRegistry(gitDir: string): Promise<Registry> {
  const records = join(gitDir, 'claw', 'worktrees')
  await mkdir(records, { recursive: true })
  const nameOf = (path: string) => {
    const digest = createHash('sha256').update(path).digest('hex').slice(0, 12)
    return `${basename(path).replace(/[^A-Za-z0-9_-]/g, '_')}-${digest}`
  }
  const adminOf = (path: string) => join(gitDir, 'worktrees', nameOf(path))
  const indexOf = (path: string) => join(records, `${nameOf(path)}.index`)
  const read = async (file: string) => {
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text === undefined) return undefined
    try {
      return WorktreeRecord.parse(JSON.parse(text))
    } catch {
      return undefined
    }
  }

  return {
    find: (path) => read(join(records, `${nameOf(path)}.json`)),
    async list() {
      const names = (await readdir(records)).filter((name) => name.endsWith('.json')).sort()
      const all = await Promise.all(names.map((name) => read(join(records, name))))
      return all.filter((record) => record !== undefined)
    },
    save: (record) => writeDurably(join(records, `${nameOf(record.path)}.json`), JSON.stringify(record)),
    async dropDrafts() {
      const names = (await readdir(records)).filter((name) => name.endsWith('.draft'))
      await Promise.all(names.map((name) => rm(join(records, name), { force: true })))
    },
    async drop(path) {
      await rm(adminOf(path), { recursive: true, force: true })
      await rm(indexOf(path), { force: true })
      for (const rest of ['.lock', '.draft', '.draft.lock']) await rm(indexOf(path) + rest, { force: true })
      await rm(join(records, `${nameOf(path)}.json`), { force: true })
    },
    indexOf,
    async mend({ path, commit }) {
      const admin = adminOf(path)
      await rm(admin, { recursive: true, force: true })
      await mkdir(admin, { recursive: true })
      await Promise.all([
        writeFile(join(admin, 'HEAD'), `${commit}\n`),
        writeFile(join(admin, 'commondir'), '../..\n'),
        writeFile(join(admin, 'gitdir'), `${join(path, '.git')}\n`),
        // Git never prunes what is locked, also when an agent has deleted the `.git` file.
        writeFile(join(admin, 'locked'), 'Claw owns this worktree\n'),
      ])
      await rm(join(path, '.git'), { recursive: true, force: true })
      await writeFile(join(path, '.git'), `gitdir: ${admin}\n`)
      return admin
    },
  }
}
