import type { Engine } from './engine/engine.ts'
import type { Memory, MemorySettings, MemoryStatus, SelfTest } from './memory.ts'
import type { Catalog } from './notes/catalog.ts'
import type { NotesFolder } from './notes/notes-folder.ts'
import { PRESENT_CHUNKER } from './sync/intake.ts'
import type { Sync } from './sync/sync.ts'

const INDEX_BYTES_MAX = 8 * 1024 ** 3
const INDEX_SHARE_MAX = 200
const INDEX_BYTES_SMALL = 256 * 1024 ** 2

type SyncFacts = Pick<Sync, 'embedderProblem' | 'modelName'>

/** How the memory stands: what it holds, how far the index is, and what should worry its owner. */
export async function readStatus(parts: {
  settings: MemorySettings
  catalog: Catalog
  engine: Pick<Engine, 'count'>
  sync: SyncFacts
  folder: Pick<NotesFolder, 'dir'>
  lastSelfTest: SelfTest | null
}): Promise<MemoryStatus> {
  const { settings, catalog, engine, sync, folder, lastSelfTest } = parts
  const counts = catalog.counts(PRESENT_CHUNKER, catalog.getFact('identity'))
  const count = await engine.count()
  const bytesMax =
    settings.indexBytesMax ?? Math.min(INDEX_BYTES_MAX, Math.max(INDEX_BYTES_SMALL, counts.bytes * INDEX_SHARE_MAX))
  const alarms: string[] = []
  if (count.bytes > bytesMax) {
    alarms.push(
      `The index takes ${mb(count.bytes)} for ${mb(counts.bytes)} of notes; "claw memory reindex" makes it small again.`,
    )
  }
  return {
    notes: counts.notes,
    skipped: catalog.problems().flatMap(({ path, skipped }) => (skipped === null ? [] : [{ path, reason: skipped }])),
    passages: count.passages,
    vectors: count.vectors,
    behind: { words: counts.words, vectors: settings.embedder.kind === 'none' ? 0 : counts.vectors },
    index: count.index,
    embeddings: embeddingsWords(sync),
    diskBytes: count.bytes,
    alarms,
    folder: folder.dir,
    lastSelfTest,
  }
}

/** The little of it that is known without asking the index. */
export function readGlance({ catalog, sync }: { catalog: Catalog; sync: SyncFacts }): ReturnType<Memory['glance']> {
  const { notes, words } = catalog.counts(PRESENT_CHUNKER, catalog.getFact('identity'))
  const isWords = sync.embedderProblem !== null
  const embeddings = isWords ? `words alone (${sync.embedderProblem})` : `words and vectors (${embeddingsWords(sync)})`
  return { notes, behind: words, embeddings }
}

function embeddingsWords(sync: SyncFacts): string {
  if (sync.embedderProblem !== null) return `none: ${sync.embedderProblem}`
  return sync.modelName ?? 'the model is not loaded yet'
}

function mb(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MB`
}
