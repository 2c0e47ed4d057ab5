import { setImmediate as breathe } from 'node:timers/promises'
import type { World } from '../../core/world.ts'
import { CHUNKER_VERSION } from '../chunk.ts'
import { readNote } from '../note.ts'
import type { Catalog } from '../notes/catalog.ts'
import { type FoundFile, hashOf, idOfPath, type NotesFolder, type ReadFile } from '../notes/notes-folder.ts'
import { WORDS_VERSION } from '../words.ts'

/**
 * Files into the catalog: what there is, what each of them is, and what has gone.
 *
 * A file that is half written is left alone for a moment, a copy that bears another note's id
 * is known by its path, and what cannot be a note is written down with the reason.
 */
export interface Intake {
  /** Reads a file and writes down what it is. `foreign`: somebody else wrote it, so history is told. */
  take(path: string, foreign: boolean): Promise<void>
  /** Compares the whole folder with the catalog. */
  lookAtFolder(): Promise<void>
}

export interface IntakeDeps {
  world: World
  folder: NotesFolder
  catalog: Catalog
  /** The folders there are, before they are read: what changes in between is then heard. */
  follow(dirs: readonly string[]): void
  onForeignChange(what: string): void
  /** Asks for the file to be taken again when it had time to become whole. */
  again(path: string, inMs: number): void
  stopping: AbortSignal
}

/** Changes of what is searched by: passages are made again when one of them does. */
export const PRESENT_CHUNKER = CHUNKER_VERSION * 1000 + WORDS_VERSION
/** A file that makes no sense and is this young is still being written. */
export const SETTLE_MS = 1_500
const READ_AT_ONCE = 100

interface Gathered {
  path: string
  file: FoundFile | undefined
  read: ReadFile
}

export function createIntake(deps: IntakeDeps): Intake {
  const { folder, catalog, onForeignChange } = deps
  const { clock } = deps.world
  const log = deps.world.log.child({ part: 'memory-sync' })

  async function take(path: string, foreign: boolean): Promise<void> {
    const found = await gather(path)
    const other = apply(found, foreign, null)
    if (other === null) return
    apply(found, foreign, { path: other, isThere: (await folder.stat(other)) !== undefined })
  }

  async function gather(path: string): Promise<Gathered> {
    const file = await folder.stat(path).catch(() => undefined)
    const read: ReadFile = file ? await folder.read(path) : { kind: 'gone' }
    return { path, file, read }
  }

  /**
   * Writes down what was read.
   *
   * @param other whether the file that has the same id is still there
   * @returns that file's path when this is not known yet; then nothing was written
   */
  function apply(
    { path, file, read }: Gathered,
    foreign: boolean,
    other: { path: string; isThere: boolean } | null,
  ): string | null {
    const before = catalog.find(path)
    if (!file || read.kind === 'gone') {
      if (!before) return null
      drop(path)
      if (foreign) onForeignChange(`Remove ${path}`)
      return null
    }
    if (read.kind === 'skipped') {
      if (before?.note) catalog.addGone(before.note.id)
      const hash = hashOf(`${file.size} ${file.mtime}`)
      catalog.put({ ...file, hash, note: null, skipped: read.reason, problem: null })
      return null
    }
    const { note, problem } = readNote(read.text, path, idOfPath(path))
    const unfinished = (problem !== null || read.text.trim() === '') && clock.now() - file.mtime < SETTLE_MS
    if (unfinished && before?.note) {
      deps.again(path, SETTLE_MS)
      return null
    }
    let sameId: string | null = null
    const holder = catalog.findPath(note.id)
    if (holder !== undefined && holder !== path) {
      if (other?.path !== holder) return holder
      if (other.isThere) {
        sameId = `has the id of ${holder}; known by its path until one of them is changed`
        note.id = idOfPath(path)
      } else drop(holder)
    }
    if (before?.note && before.note.id !== note.id) catalog.addGone(before.note.id)
    const { body: _, data: __, path: ___, ...head } = note
    catalog.put({ ...file, hash: read.hash, note: head, skipped: null, problem: problem ?? read.problem ?? sameId })
    if (foreign && before?.hash !== read.hash) onForeignChange(`${before ? 'Edit' : 'Add'} ${path}`)
    return null
  }

  function drop(path: string): void {
    const row = catalog.find(path)
    if (row?.note) catalog.addGone(row.note.id)
    catalog.remove(path)
  }

  return {
    take,

    async lookAtFolder() {
      const first = await folder.list()
      deps.follow(first.dirs)
      // Listen first, then look: what changes in between is heard.
      const { files, dirs, tooMany } = await folder.list()
      deps.follow(dirs)
      if (tooMany) log.warn({ files: files.length }, 'notes folder holds more than is looked at')
      const known = catalog.paths()
      const changed = files.filter((file) => {
        const seen = known.get(file.path)
        return !seen || seen.mtime !== file.mtime || seen.size !== file.size
      })
      const present = new Set(files.map(({ path }) => path))
      const missing = [...known.keys()].filter((path) => !present.has(path))
      for (const path of missing) drop(path)
      for (let from = 0; from < changed.length; from += READ_AT_ONCE) {
        if (deps.stopping.aborted) return
        const gathered = await Promise.all(changed.slice(from, from + READ_AT_ONCE).map(({ path }) => gather(path)))
        const unclear = catalog.together(() => gathered.filter((found) => apply(found, known.size > 0, null) !== null))
        for (const { path } of unclear) await take(path, known.size > 0)
        await breathe()
      }
      if (missing.length > 0) onForeignChange(`${missing.length} notes removed in the folder`)
    },
  }
}
