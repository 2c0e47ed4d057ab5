import type { World } from '../../core/world.ts'
import type { EmbedderSettings } from '../embed/embedder.ts'
import type { Engine } from '../engine/engine.ts'
import type { Catalog } from '../notes/catalog.ts'
import { isNoteName, type NotesFolder } from '../notes/notes-folder.ts'
import { createIntake, SETTLE_MS } from './intake.ts'
import { createMerger } from './merger.ts'
import { putWords } from './put-words.ts'
import { createVectors } from './vectors.ts'

/**
 * Keeps catalog and index in step with the files.
 *
 * Files are the truth, the catalog says what was last seen of them, the engine holds what
 * the catalog says it holds. Each step writes down first what it is about to do, so that a
 * kill at any moment leaves work to be done again and never a note that is taken for done.
 *
 * One pass after the other: files into the catalog (`intake`), words into the index
 * (`put-words`), and beside them vectors (`vectors`) and merges (`merger`).
 */
export interface Sync extends AsyncDisposable {
  /** Takes up one file now, without waiting for the watcher. */
  took(path: string): Promise<void>
  /** Resolves when the folder was looked at once: a daemon that was killed may have written what it did not note. */
  ready(): Promise<void>
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

const QUIET_MS = 150
const LOOK_AGAIN_MS = 10 * 60_000
const LOOK_AGAIN_BLIND_MS = 2_000
const DIRTY_MAX = 2_000
const ENGINE_RETRY_MS = 5_000

export function startSync(deps: SyncDeps): Sync {
  const { world, folder, catalog, engine } = deps
  const { clock } = world
  const log = world.log.child({ part: 'memory-sync' })
  const stopped = new AbortController()
  const stopping = stopped.signal
  const dirty = new Set<string>()
  let lookAtAll = true
  let timer: Disposable | undefined
  let lookTimer: Disposable | undefined
  let retryTimer: Disposable | undefined

  const merger = createMerger({ world, engine, stopping })
  const vectors = createVectors({ ...deps, merger, stopping })
  const intake = createIntake({
    ...deps,
    follow: (dirs) => ears.follow(dirs),
    again: (path, inMs) =>
      clock.after(inMs, () => {
        if (stopping.aborted) return
        dirty.add(path)
        start()
      }),
    stopping,
  })
  const ears = folder.watch((path) => {
    if (path !== null && isNoteName(path)) dirty.add(path)
    else lookAtAll = true
    if (dirty.size > DIRTY_MAX) {
      dirty.clear()
      lookAtAll = true
    }
    startSoon(QUIET_MS)
  })

  function startSoon(inMs: number): void {
    timer ??= clock.after(inMs, () => {
      timer = undefined
      start()
    })
  }

  const looked = Promise.withResolvers<void>()
  let passing: Promise<void> = Promise.resolve()
  function run(): Promise<void> {
    const passed = passing.then(pass)
    passing = passed.catch((error: unknown) => {
      if (stopping.aborted) return
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

  async function pass(): Promise<void> {
    if (stopping.aborted) return
    if (lookAtAll) {
      lookAtAll = false
      dirty.clear()
      // A folder that cannot be read holds up nobody: what is known of it is gone by, and it is tried again.
      await intake.lookAtFolder().finally(looked.resolve)
    }
    const paths = [...dirty]
    dirty.clear()
    for (const path of paths) await intake.take(path, true)
    await putWords({ world, folder, catalog, engine, merger, stopping, onRestless })
    planNextLook()
    vectors.measure()
    void vectors.make()
  }

  /** All of them are being written to just now: they are heard of again. */
  async function onRestless(paths: readonly string[]): Promise<void> {
    for (const path of paths) await intake.take(path, true)
    startSoon(SETTLE_MS)
  }

  function planNextLook(): void {
    lookTimer?.[Symbol.dispose]()
    lookTimer = clock.after(ears.whole ? LOOK_AGAIN_MS : LOOK_AGAIN_BLIND_MS, () => {
      lookAtAll = true
      start()
    })
  }

  start()

  return {
    async took(path) {
      await intake.take(path, false)
      start()
    },
    ready: () => looked.promise,
    async settled() {
      lookAtAll = true
      await run()
    },
    async vectorsSettled() {
      await run()
      await vectors.make()
    },
    get vectorsReady() {
      return vectors.ready
    },
    get embedderProblem() {
      return vectors.problem
    },
    get modelName() {
      return vectors.modelName
    },
    async loadModel() {
      const { name, dimensions } = await vectors.load()
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
      await merger.merge()
    },
    async [Symbol.asyncDispose]() {
      stopped.abort()
      looked.resolve()
      for (const one of [timer, lookTimer, retryTimer]) one?.[Symbol.dispose]()
      ears[Symbol.dispose]()
      await passing.catch(() => {})
      await vectors[Symbol.asyncDispose]()
      await merger[Symbol.asyncDispose]()
    },
  }
}
