import { isFault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { EmbedderSettings } from '../embed/embedder.ts'
import { findModel, missingModel } from '../embed/model-files.ts'
import type { Engine } from '../engine/engine.ts'
import type { Catalog } from '../notes/catalog.ts'
import { hashOf } from '../notes/notes-folder.ts'
import { PRESENT_CHUNKER } from './intake.ts'
import type { Merger } from './merger.ts'

/**
 * Makes the vectors that are missing, in the background, a few notes at a time.
 *
 * Vectors of another model are worth nothing: when model, precision or its file changes, all
 * are made anew, and recall goes by words until nearly all are there.
 */
export interface Vectors extends AsyncDisposable {
  /** Makes all that are missing; joins whoever is at it. Never fails: see `problem`. */
  make(): Promise<void>
  measure(): void
  /** Whether nearly every note has a vector of the present model. */
  readonly ready: boolean
  /** Why there are no vectors, for people; null while all is well. */
  readonly problem: string | null
  readonly modelName: string | null
  /** Loads the model now, also after it has failed. @throws embedder_unavailable */
  load(): Promise<{ name: string; dimensions: number }>
}

export interface VectorsDeps {
  world: World
  catalog: Catalog
  engine: Engine
  embedder: EmbedderSettings
  merger: Merger
  stopping: AbortSignal
}

const EMBED_NOTES_MAX = 48
const READY_SHARE = 0.95
const RETRY_MS = 10 * 60_000

export function createVectors(deps: VectorsDeps): Vectors {
  const { catalog, engine, embedder, merger, stopping } = deps
  const { clock } = deps.world
  const log = deps.world.log.child({ part: 'memory-sync' })
  const unset = embedder.kind === 'none' ? 'no embedding model is set up' : null
  let ready = false
  let problem: string | null = unset
  let failedAt = Number.NEGATIVE_INFINITY
  let identity = catalog.getFact('identity')
  let modelName = catalog.getFact('model')
  let making: Promise<void> | undefined

  async function load(): Promise<{ name: string; identity: string; dimensions: number }> {
    const key = await settingsKey(embedder)
    const chosen = await engine.model()
    identity = chosen.identity
    modelName = chosen.name
    catalog.together(() => {
      catalog.setFact('settings', key)
      catalog.setFact('identity', chosen.identity)
      catalog.setFact('model', chosen.name)
    })
    problem = null
    measure()
    return chosen
  }

  async function embedAll(): Promise<void> {
    if (clock.monotonic() - failedAt < RETRY_MS) return
    try {
      const known = catalog.getFact('settings') === (await settingsKey(embedder)) && identity !== null
      if (known && catalog.withoutVectors(identity!, 1).length === 0) return
      // Without notes nothing is loaded; that it could be is worth knowing all the same.
      await mustFindModel(embedder)
      problem = null
      if (catalog.counts(PRESENT_CHUNKER, null).notes === 0) return
      const chosen = await load()
      while (!stopping.aborted) {
        const rows = catalog.withoutVectors(chosen.identity, EMBED_NOTES_MAX)
        if (rows.length === 0) break
        await engine.embed(
          rows.map((row) => row.note!.id),
          false,
        )
        catalog.together(() => {
          for (const row of rows) catalog.markVectors(row.path, row.words!, chosen.identity)
        })
        merger.wrote()
        await merger.mergeIfWanted()
      }
      measure()
    } catch (error) {
      if (stopping.aborted) return
      failedAt = clock.monotonic()
      const isAbsent = isFault(error, 'embedder_unavailable')
      problem = isAbsent ? error.message : `vectors failed: ${String(error)}`
      measure()
      // `doctor`, `status` and each answer say it; a model that is not there is no incident.
      log[isAbsent ? 'info' : 'warn']({ problem }, 'no vectors, recall by words alone')
    }
  }

  function measure(): void {
    if (embedder.kind === 'none' || identity === null || problem !== null) {
      ready = false
      return
    }
    const { notes, vectors } = catalog.counts(PRESENT_CHUNKER, identity)
    ready = notes > 0 && vectors <= notes * (1 - READY_SHARE)
  }
  measure()

  return {
    measure,
    async make() {
      if (embedder.kind === 'none') return
      making ??= embedAll().finally(() => {
        making = undefined
      })
      await making
    },
    get ready() {
      return ready
    },
    get problem() {
      return problem
    },
    get modelName() {
      return modelName
    },
    async load() {
      failedAt = Number.NEGATIVE_INFINITY
      try {
        return await load()
      } catch (error) {
        problem = unset ?? (error instanceof Error ? error.message : String(error))
        measure()
        throw error
      }
    },
    async [Symbol.asyncDispose]() {
      await making?.catch(() => {})
    },
  }
}

/** Says that a model is missing before a process is started to say it. */
async function mustFindModel(settings: EmbedderSettings): Promise<void> {
  if (settings.kind !== 'local' || settings.mayDownload || (await findModel(settings))) return
  throw missingModel(settings)
}

/** What the vectors depend on, as far as it can be told without loading the model. */
async function settingsKey(settings: EmbedderSettings): Promise<string> {
  if (settings.kind === 'none') return 'none'
  if (settings.kind === 'remote') return hashOf(JSON.stringify([settings.url, settings.model]))
  const place = await findModel(settings)
  return hashOf(JSON.stringify([settings.model, settings.dtype, place?.bytes ?? 0]))
}
