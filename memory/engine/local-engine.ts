import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../core/fault.ts'
import { chunk, pieces } from '../chunk.ts'
import type { Embedder, EmbedderSettings } from '../embed/embedder.ts'
import { createLocalEmbedder } from '../embed/local-embedder.ts'
import { createRemoteEmbedder } from '../embed/remote-embedder.ts'
import { openLanceIndex } from '../index/lance-index.ts'
import type { NoteIndex, PassageRow, VectorRow } from '../index/note-index.ts'
import { openSqliteIndex, removeSqliteIndex } from '../index/sqlite-index.ts'
import { lockFolder } from '../lock.ts'
import { held, overlap } from '../rank.ts'
import { recall } from '../recall.ts'
import { words } from '../words.ts'
import type { Engine, NoteDocument } from './engine.ts'

export interface EngineSettings {
  dir: string
  /** `auto`: LanceDB where it can be loaded, SQLite elsewhere. */
  index: 'auto' | 'lance' | 'sqlite'
  embedder: EmbedderSettings
}

/** Waits this long for the engine of a daemon that was just killed to let go. */
const LOCK_WAIT_MS = 10_000
const SIMILAR_POOL = 20

/** The engine in this process. */
export async function openLocalEngine(
  settings: EngineSettings,
  onProgress: (file: string, done: number, total: number | null) => void = () => {},
): Promise<Engine> {
  mkdirSync(settings.dir, { recursive: true, mode: 0o700 })
  await using opened = new AsyncDisposableStack()
  opened.use(lockFolder(join(settings.dir, 'lock.db'), LOCK_WAIT_MS))
  const index = opened.use(await openIndex(settings))
  const made = createEmbedder(settings.embedder, onProgress)
  const embedder = made && index.kind === 'lance' ? opened.use(made) : null
  if (settings.embedder.kind === 'none') await index.useVectors(null)
  const owned = opened.move()

  /** Writes and merges one after the other; searches go in between. */
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work)
    last = next.catch(() => {})
    return next
  }

  let chosen: Promise<{ name: string; identity: string; dimensions: number }> | undefined
  const model = () => {
    chosen ??= chooseModel(index, embedder).catch((error: unknown) => {
      chosen = undefined
      throw error
    })
    return chosen
  }

  return {
    put: (documents, fresh) =>
      inTurn(async () => {
        const results = documents.map((document) => ({ document, ...chunk(document) }))
        const rows = results.flatMap(({ document, passages }) =>
          passages.map(
            (passage): PassageRow => ({
              ...rowOf(document),
              ...passage,
              id: `${document.id}#${passage.ord}`,
              at: passage.at ?? -1,
              terms: passage.terms.join(' '),
            }),
          ),
        )
        const ids = documents.map(({ id }) => id)
        await index.put(ids, rows, fresh)
        return results.map(({ document, passages, cut }) => ({ note: document.id, passages: passages.length, cut }))
      }),

    remove: (noteIds) => inTurn(() => index.remove(noteIds)),

    async embed(noteIds, fresh) {
      await model()
      const rows = await index.passagesOf(noteIds)
      const texts = rows.flatMap((row) => pieces(row, row.title).map((text) => ({ row, text })))
      const vectors = await embedder!.embed(texts.map(({ text }) => text))
      const made = texts.map(
        ({ row }, i): VectorRow => ({
          passage: row.id,
          note: row.note,
          item: row.item,
          scope: row.scope,
          kind: row.kind,
          speaker: row.speaker,
          at: row.at,
          past: row.past,
          vector: vectors[i]!,
        }),
      )
      await inTurn(() => index.putVectors(noteIds, made, fresh))
      return { vectors: made.length }
    },

    model,

    async recall(ask) {
      let failed: string | null = null
      if (ask.vectors && embedder) await model().catch((error: Error) => (failed = error.message))
      const answer = await recall(
        { index, embedder },
        { ...ask, vectors: ask.vectors && embedder !== null && failed === null },
      )
      return failed === null ? answer : { ...answer, vectors: { failed } }
    },

    async similar(text, scopes, limit) {
      const own = new Set(words(text))
      const hits = await index.search({ words: [...own].slice(0, 48), all: false }, { scopes }, SIMILAR_POOL)
      const notes = [...new Set(hits.map(({ note }) => note))]
      const byNote = new Map<string, Set<string>>()
      for (const row of await index.passagesOf(notes)) {
        const seen = byNote.get(row.note) ?? new Set<string>()
        for (const word of words(row.text)) seen.add(word)
        byNote.set(row.note, seen)
      }
      return [...byNote]
        .map(([note, theirs]) => ({ note, overlap: overlap(own, theirs), held: held(theirs, own) }))
        .sort((a, b) => b.overlap - a.overlap)
        .slice(0, limit)
    },

    async count() {
      return { index: index.kind, ...(await index.count()) }
    },
    async wantsMerge() {
      return index.wantsOptimize
    },
    countByNote: () => index.countByNote(),
    notesWithVectors: (identity) => index.notesWithVectors(identity),
    optimize: (now, isAlone) => inTurn(() => index.optimize(now, isAlone)),
    clear: () =>
      inTurn(async () => {
        chosen = undefined
        await index.clear()
      }),

    async [Symbol.asyncDispose]() {
      await last
      await owned.disposeAsync()
    },
  }
}

async function chooseModel(index: NoteIndex, embedder: Embedder | null) {
  if (!embedder)
    throw new Fault('embedder_unavailable', 'no embedding model is set up, or there is no LanceDB to keep vectors in')
  const facts = await embedder.load()
  await index.useVectors(facts.identity)
  return { name: embedder.name, ...facts }
}

async function openIndex(settings: EngineSettings): Promise<NoteIndex> {
  if (settings.index !== 'sqlite') {
    const dir = join(settings.dir, 'lance')
    try {
      return await openLanceIndex(dir)
    } catch (error) {
      if (settings.index === 'lance' || !isMissing(error)) throw error
    }
  }
  const file = join(settings.dir, 'words.db')
  try {
    return await openSqliteIndex(file)
  } catch (error) {
    if (!existsSync(file)) throw error
    removeSqliteIndex(file)
    return await openSqliteIndex(file)
  }
}

/** The package, or its binary for this machine, is not there. */
function isMissing(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return (
    code === 'ERR_MODULE_NOT_FOUND' ||
    code === 'MODULE_NOT_FOUND' ||
    code === 'ERR_DLOPEN_FAILED' ||
    /native binding|Unsupported (OS|architecture)/i.test(String(error))
  )
}

function createEmbedder(
  settings: EmbedderSettings,
  onProgress: (file: string, done: number, total: number | null) => void,
): Embedder | null {
  switch (settings.kind) {
    case 'none':
      return null
    case 'local':
      return createLocalEmbedder(settings, onProgress)
    case 'remote':
      return createRemoteEmbedder(settings)
  }
}

function rowOf(document: NoteDocument) {
  return {
    note: document.id,
    scope: document.scope,
    kind: document.kind,
    title: document.title,
    past: document.past,
  }
}
