import { setImmediate as breathe } from 'node:timers/promises'
import { isFault } from '../core/fault.ts'
import type { World } from '../core/world.ts'
import { CHUNKER_VERSION } from './chunk.ts'
import type { EmbedderSettings } from './embed/embedder.ts'
import { findModel } from './embed/model-files.ts'
import type { Engine, NoteDocument } from './engine/engine.ts'
import { isSuperseded, readNote } from './note.ts'
import type { Catalog } from './notes/catalog.ts'
import { type FoundFile, hashOf, idOfPath, isNoteName, type NotesFolder, type ReadFile } from './notes/notes-folder.ts'
import { WORDS_VERSION } from './words.ts'

/**
 * Keeps catalog and index in step with the files.
 *
 * Files are the truth, the catalog says what was last seen of them, the engine holds what
 * the catalog says it holds. Each step writes down first what it is about to do, so that a
 * kill at any moment leaves work to be done again and never a note that is taken for done.
 */
export interface Sync extends AsyncDisposable {
  /** Takes up one file now, without waiting for the watcher. */
  took(path: string): Promise<void>
  /** Looks at the whole folder and brings the words up to date. */
  settled(): Promise<void>
  vectorsSettled(): Promise<void>
  /** Whether nearly every note has a vector of the present model. */
  readonly vectorsReady: boolean
  /** Why there are no vectors, for people; null while all is well. */
  readonly embedderProblem: string | null
  readonly modelName: string | null
  loadModel(): Promise<{ name: string; dimensions: number }>
  /** Everything is put again. */
  again(): Promise<void>
}

export interface SyncDeps {
  world: World
  folder: NotesFolder
  catalog: Catalog
  engine: Engine
  embedder: EmbedderSettings
  /** Files others changed, for the history. */
  onForeignChange(what: string): void
}

interface Gathered {
  path: string
  file: FoundFile | undefined
  read: ReadFile
}

/** Changes of what is searched by: passages are made again when one of them does. */
const CHUNKER = CHUNKER_VERSION * 1000 + WORDS_VERSION
const QUIET_MS = 150
const LOOK_AGAIN_MS = 10 * 60_000
const LOOK_AGAIN_BLIND_MS = 2_000
/** A file that makes no sense and is this young is still being written. */
const SETTLE_MS = 1_500
const DIRTY_MAX = 2_000
const PUT_NOTES_MAX = 400
const PUT_BYTES_MAX = 4 * 1024 * 1024
const EMBED_NOTES_MAX = 48
const MERGE_QUIET_MS = 30_000
const VECTORS_READY_SHARE = 0.95
const EMBEDDER_RETRY_MS = 10 * 60_000
const ENGINE_RETRY_MS = 5_000

export function startSync(deps: SyncDeps): Sync {
  const { world, folder, catalog, engine } = deps
  const { clock } = world
  const log = world.log.child({ part: 'memory-sync' })
  const stopping = new AbortController()
  const dirty = new Set<string>()
  let lookAtAll = true
  let timer: Disposable | undefined
  let lookTimer: Disposable | undefined
  let mergeTimer: Disposable | undefined
  let retryTimer: Disposable | undefined
  let unmerged = 0
  let vectorsReady = false
  let embedderProblem: string | null = deps.embedder.kind === 'none' ? 'no embedding model is set up' : null
  let embedderFailedAt = Number.NEGATIVE_INFINITY
  let identity = catalog.getFact('identity')
  let modelName = catalog.getFact('model')

  const ears = folder.watch((path) => {
    if (path !== null && isNoteName(path)) dirty.add(path)
    else lookAtAll = true
    if (dirty.size > DIRTY_MAX) {
      dirty.clear()
      lookAtAll = true
    }
    timer ??= clock.after(QUIET_MS, () => {
      timer = undefined
      start()
    })
  })

  /** One pass after the other. */
  let passing: Promise<void> = Promise.resolve()
  function run(): Promise<void> {
    const passed = passing.then(pass)
    passing = passed.catch((error: unknown) => {
      if (stopping.signal.aborted) return
      log.warn({ error: String(error) }, 'memory pass failed')
      retryTimer ??= clock.after(ENGINE_RETRY_MS, () => {
        retryTimer = undefined
        start()
      })
    })
    return passed
  }

  /** A pass that nobody waits for: what goes wrong in it is logged and tried again. */
  function start(): void {
    run().catch(() => {})
  }

  let embedding: Promise<void> | undefined
  function runVectors(): Promise<void> {
    embedding ??= embedAll().finally(() => {
      embedding = undefined
    })
    return embedding
  }

  async function pass(): Promise<void> {
    if (stopping.signal.aborted) return
    if (lookAtAll) {
      lookAtAll = false
      dirty.clear()
      await lookAtFolder()
    }
    const paths = [...dirty]
    dirty.clear()
    for (const path of paths) await take(path, true)
    await index()
    planNextLook()
    measureVectors()
    if (deps.embedder.kind !== 'none') void runVectors()
  }

  function planNextLook(): void {
    lookTimer?.[Symbol.dispose]()
    lookTimer = clock.after(ears.whole ? LOOK_AGAIN_MS : LOOK_AGAIN_BLIND_MS, () => {
      lookAtAll = true
      start()
    })
  }

  async function lookAtFolder(): Promise<void> {
    const first = await folder.list()
    ears.follow(first.dirs)
    // Listen first, then look: what changes in between is heard.
    const { files, dirs, tooMany } = await folder.list()
    ears.follow(dirs)
    if (tooMany) log.warn({ files: files.length }, 'notes folder holds more than is looked at')
    const known = catalog.paths()
    const changed = files.filter((file) => {
      const seen = known.get(file.path)
      return !seen || seen.mtime !== file.mtime || seen.size !== file.size
    })
    const present = new Set(files.map(({ path }) => path))
    const missing = [...known.keys()].filter((path) => !present.has(path))
    for (const path of missing) drop(path)
    for (let from = 0; from < changed.length; from += 100) {
      if (stopping.signal.aborted) return
      const gathered = await Promise.all(changed.slice(from, from + 100).map(({ path }) => gather(path)))
      const unclear = catalog.together(() => gathered.filter((found) => apply(found, known.size > 0, null) !== null))
      for (const { path } of unclear) await take(path, known.size > 0)
      await breathe()
    }
    if (missing.length > 0) deps.onForeignChange(`${missing.length} notes removed in the folder`)
  }

  /** Reads a file and writes down what it is. */
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
      if (foreign) deps.onForeignChange(`Remove ${path}`)
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
      clock.after(SETTLE_MS, () => {
        if (stopping.signal.aborted) return
        dirty.add(path)
        start()
      })
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
    if (foreign && before?.hash !== read.hash) deps.onForeignChange(`${before ? 'Edit' : 'Add'} ${path}`)
    return null
  }

  function drop(path: string): void {
    const row = catalog.find(path)
    if (row?.note) catalog.addGone(row.note.id)
    catalog.remove(path)
  }

  /** Tells the engine what it does not know yet. */
  async function index(): Promise<void> {
    for (let gone = catalog.gone(500); gone.length > 0; gone = catalog.gone(500)) {
      await engine.remove(gone)
      // A note that has moved bears the same id: it is put again.
      catalog.together(() => {
        catalog.forgetIndex(gone)
        catalog.clearGone(gone)
      })
      wrote()
    }
    for (;;) {
      if (stopping.signal.aborted) return
      const rows = withinBytes(catalog.behind(CHUNKER, PUT_NOTES_MAX), PUT_BYTES_MAX)
      if (rows.length === 0) break
      const documents: NoteDocument[] = []
      const taken: typeof rows = []
      const read = await Promise.all(rows.map((row) => documentOf(row.path, row.hash)))
      for (const [i, row] of rows.entries()) {
        const document = read[i]
        // It has changed since: seen to by the next pass.
        if (!document) continue
        documents.push(document)
        taken.push(row)
      }
      if (taken.length === 0) {
        // All of them are being written to just now: they are heard of again.
        for (const row of rows) await take(row.path, true)
        timer ??= clock.after(SETTLE_MS, () => {
          timer = undefined
          start()
        })
        return
      }
      const fresh = taken.every((row) => !row.sent)
      catalog.together(() => catalog.markSent(taken.map(({ path }) => path)))
      const results = await engine.put(documents, fresh)
      catalog.together(() => {
        for (const [i, row] of taken.entries()) {
          catalog.markWords(row.path, row.hash, CHUNKER, results[i]!.passages, results[i]!.cut)
        }
      })
      wrote()
      if (await engine.wantsMerge()) await merge()
    }
  }

  async function documentOf(path: string, hash: string): Promise<NoteDocument | undefined> {
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
      past: isSuperseded(note, clock.now()),
      format: note.format,
      body: note.body,
    }
  }

  function wrote(): void {
    unmerged++
    mergeTimer?.[Symbol.dispose]()
    mergeTimer = clock.after(MERGE_QUIET_MS, () => void merge())
  }

  let merging: Promise<void> | undefined
  function merge(): Promise<void> {
    mergeTimer?.[Symbol.dispose]()
    mergeTimer = undefined
    merging ??= (async () => {
      const counted = unmerged
      try {
        await engine.optimize(clock.now())
        unmerged -= counted
      } catch (error) {
        if (!stopping.signal.aborted) log.error({ error: String(error) }, 'memory index not merged')
      } finally {
        merging = undefined
      }
    })()
    return merging
  }

  /** Makes the vectors that are missing. Without a model it says why, and tries again later. */
  async function embedAll(): Promise<void> {
    if (clock.monotonic() - embedderFailedAt < EMBEDDER_RETRY_MS) return
    try {
      const key = await settingsKey(deps.embedder)
      const known = catalog.getFact('settings') === key && identity !== null
      if (known && catalog.withoutVectors(identity!, 1).length === 0) return
      const chosen = await engine.model()
      identity = chosen.identity
      modelName = chosen.name
      catalog.together(() => {
        catalog.setFact('settings', key)
        catalog.setFact('identity', chosen.identity)
        catalog.setFact('model', chosen.name)
      })
      embedderProblem = null
      measureVectors()
      for (;;) {
        if (stopping.signal.aborted) return
        const rows = catalog.withoutVectors(identity, EMBED_NOTES_MAX)
        if (rows.length === 0) break
        await engine.embed(
          rows.map((row) => row.note!.id),
          false,
        )
        catalog.together(() => {
          for (const row of rows) catalog.markVectors(row.path, row.words!, chosen.identity)
        })
        wrote()
        if (await engine.wantsMerge()) await merge()
      }
      measureVectors()
    } catch (error) {
      if (stopping.signal.aborted) return
      embedderFailedAt = clock.monotonic()
      embedderProblem = isFault(error, 'embedder_unavailable') ? error.message : `vectors failed: ${String(error)}`
      measureVectors()
      log.warn({ problem: embedderProblem }, 'no vectors, recall by words alone')
    }
  }

  function measureVectors(): void {
    if (deps.embedder.kind === 'none' || identity === null || embedderProblem !== null) {
      vectorsReady = false
      return
    }
    const { notes, vectors } = catalog.counts(CHUNKER, identity)
    vectorsReady = notes > 0 && vectors <= notes * (1 - VECTORS_READY_SHARE)
  }

  measureVectors()
  start()

  return {
    async took(path) {
      await take(path, false)
      start()
    },
    async settled() {
      lookAtAll = true
      await run()
    },
    async vectorsSettled() {
      await run()
      await runVectors()
    },
    get vectorsReady() {
      return vectorsReady
    },
    get embedderProblem() {
      return embedderProblem
    },
    get modelName() {
      return modelName
    },
    async loadModel() {
      embedderFailedAt = Number.NEGATIVE_INFINITY
      embedderProblem = deps.embedder.kind === 'none' ? embedderProblem : null
      const { name, dimensions } = await engine.model()
      start()
      return { name, dimensions }
    },
    async again() {
      const clearing = passing.then(async () => {
        await engine.clear()
        catalog.forgetIndex()
        lookAtAll = true
      })
      passing = clearing.catch(() => {})
      await clearing
      await run()
      await merge()
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      for (const one of [timer, lookTimer, mergeTimer, retryTimer]) one?.[Symbol.dispose]()
      ears[Symbol.dispose]()
      await passing.catch(() => {})
      await embedding?.catch(() => {})
      await merging
    },
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

export const PRESENT_CHUNKER = CHUNKER

/** What the vectors depend on, as far as it can be told without loading the model. */
async function settingsKey(settings: EmbedderSettings): Promise<string> {
  if (settings.kind === 'none') return 'none'
  if (settings.kind === 'remote') return hashOf(JSON.stringify([settings.url, settings.model]))
  const place = await findModel(settings)
  return hashOf(JSON.stringify([settings.model, settings.dtype, place?.bytes ?? 0]))
}
