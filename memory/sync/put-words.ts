import type { World } from '../../core/world.ts'
import type { Engine, NoteDocument } from '../engine/engine.ts'
import { isSuperseded, readNote } from '../note.ts'
import type { Catalog } from '../notes/catalog.ts'
import { idOfPath, type NotesFolder } from '../notes/notes-folder.ts'
import { PRESENT_CHUNKER } from './intake.ts'
import type { Merger } from './merger.ts'

/**
 * Tells the index what the catalog holds and it does not know yet.
 *
 * It is written down first that a note is about to be sent, then it is sent, then that it is
 * there: a kill in between sends it once more.
 */
export interface PutDeps {
  world: World
  folder: NotesFolder
  catalog: Catalog
  engine: Engine
  merger: Merger
  /** These files changed while they were being read. */
  onRestless(paths: readonly string[]): Promise<void>
  stopping: AbortSignal
}

const GONE_MAX = 500
const PUT_NOTES_MAX = 400
const PUT_BYTES_MAX = 4 * 1024 * 1024

export async function putWords(deps: PutDeps): Promise<void> {
  const { catalog, engine, merger, stopping } = deps
  for (let gone = catalog.gone(GONE_MAX); gone.length > 0; gone = catalog.gone(GONE_MAX)) {
    await engine.remove(gone)
    // A note that has moved bears the same id: it is put again.
    catalog.together(() => {
      catalog.forgetIndex(gone)
      catalog.clearGone(gone)
    })
    merger.wrote()
  }
  while (!stopping.aborted) {
    const rows = withinBytes(catalog.behind(PRESENT_CHUNKER, PUT_NOTES_MAX), PUT_BYTES_MAX)
    if (rows.length === 0) return
    const read = await Promise.all(rows.map((row) => documentOf(deps, row.path, row.hash)))
    // What has changed since is seen to by the next pass.
    const taken = rows.flatMap((row, i) => (read[i] ? [{ row, document: read[i] }] : []))
    if (taken.length === 0) return await deps.onRestless(rows.map(({ path }) => path))
    const fresh = taken.every(({ row }) => !row.sent)
    catalog.together(() => catalog.markSent(taken.map(({ row }) => row.path)))
    const results = await engine.put(
      taken.map(({ document }) => document),
      fresh,
    )
    catalog.together(() => {
      for (const [i, { row }] of taken.entries()) {
        catalog.markWords(row.path, row.hash, PRESENT_CHUNKER, results[i]!.passages, results[i]!.cut)
      }
    })
    merger.wrote()
    await merger.mergeIfWanted()
  }
}

async function documentOf(
  { world, folder, catalog }: PutDeps,
  path: string,
  hash: string,
): Promise<NoteDocument | undefined> {
  const read = await folder.read(path)
  if (read.kind !== 'text' || read.hash !== hash) return undefined
  const row = catalog.find(path)
  const { note } = readNote(read.text, path, idOfPath(path))
  const at = Date.parse(note.observed ?? note.created ?? '')
  return {
    id: row?.note?.id ?? note.id,
    scope: note.scope,
    kind: note.kind,
    title: note.title,
    at: Number.isNaN(at) ? null : at,
    past: isSuperseded(note, world.clock.now()),
    format: note.format,
    body: note.body,
  }
}

/** The first files that together are no larger, one at least. */
function withinBytes<T extends { size: number }>(rows: readonly T[], bytesMax: number): T[] {
  let bytes = 0
  return rows.filter(({ size }, i) => {
    bytes += size
    return i === 0 || bytes <= bytesMax
  })
}
