import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Fault } from '../core/fault.ts'
import { redactJson } from '../core/redact.ts'
import type { World } from '../core/world.ts'
import { audit } from './audit.ts'
import { createChildEngine } from './engine/child-engine.ts'
import type { Engine } from './engine/engine.ts'
import { openLocalEngine } from './engine/local-engine.ts'
import { applyImport, IMPORT_TAG, type ImportDeps, previewImport } from './import/import.ts'
import { createKeeper } from './keep.ts'
import { lockFolder } from './lock.ts'
import type { Memory, MemorySettings, NoteChange, Profile, Recalled, RecallOptions, SelfTest } from './memory.ts'
import type { Note, Scope } from './note.ts'
import { checkScope, isTrusted } from './note.ts'
import { type Catalog, openCatalog } from './notes/catalog.ts'
import { AS_FOUND, openHistory } from './notes/history.ts'
import { createNoteFiles } from './notes/note-files.ts'
import { createNotesFolder } from './notes/notes-folder.ts'
import { present } from './present.ts'
import { makeProfile } from './profile.ts'
import { selfTest } from './self-test.ts'
import { readGlance, readStatus } from './status.ts'
import { startSync } from './sync/sync.ts'

const RECALL_LIMIT = 8
const RECALL_LIMIT_MAX = 200
const RECALL_DEPTH = 60
const TOKENS_MAX = 4_000
const PROFILE_TOKENS_MAX = 2_000
const ENGINE_IDLE_MS = 20_000
const ENGINE_DIR = 'engine'

/**
 * Puts the memory together.
 *
 * @throws memory_locked when another process has it open
 */
export async function createMemory(world: World, settings: MemorySettings): Promise<Memory> {
  const { clock } = world
  const log = world.log.child({ part: 'memory' })
  mkdirSync(settings.notesDir, { recursive: true, mode: 0o700 })
  mkdirSync(settings.indexDir, { recursive: true, mode: 0o700 })

  await using opened = new AsyncDisposableStack()
  opened.use(lockFolder(join(settings.indexDir, 'owner.db'), 0))
  const catalog = opened.use(openSoundCatalog(join(settings.indexDir, 'catalog.db')))
  const folder = createNotesFolder(settings.notesDir)
  const history = opened.use(
    openHistory({
      world,
      dir: settings.notesDir,
      path: settings.path ?? '/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin',
      author: settings.author ?? { name: 'Claw', email: 'claw@localhost' },
    }),
  )
  const engine = opened.use(await openEngine(world, settings))
  const sync = opened.use(
    startSync({
      world,
      folder,
      catalog,
      engine,
      embedder: settings.embedder,
      onForeignChange: (what) => history.changed(what),
    }),
  )
  history.changed(AS_FOUND)
  const files = createNoteFiles({ folder, catalog, history, took: (path) => sync.took(path) })
  const keeper = createKeeper({ clock, catalog, files, engine, profile: readProfile })
  let lastSelfTest: SelfTest | null = null

  /** Writes come one after the other, so that two equal drafts cannot both find nothing. */
  let writing: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = writing.then(sync.ready).then(work)
    writing = next.catch(() => {})
    return next
  }

  async function readProfile(scopes: readonly Scope[]): Promise<Profile> {
    const summaries = catalog.standing([...new Set<Scope>([...scopes, 'global'])], clock.now())
    const notes: Note[] = []
    for (const summary of summaries) {
      if (!isTrusted(summary)) continue
      const note = await files.read(summary.path).catch(() => undefined)
      if (note && isTrusted(note) && !note.suspicious) notes.push(note)
    }
    return makeProfile(notes, settings.profileTokensMax ?? PROFILE_TOKENS_MAX)
  }

  async function recall(question: string, options: RecallOptions = {}): Promise<Recalled> {
    if (question.trim() === '') throw new Fault('input_invalid', 'an empty question recalls nothing')
    const scopes = options.scopes ?? ['global']
    if (scopes !== 'all') for (const scope of scopes) checkScope(scope)
    const limit = Math.max(1, Math.min(options.limit ?? RECALL_LIMIT, RECALL_LIMIT_MAX))
    const answer = await engine.recall({
      question,
      where: { scopes, kinds: options.kinds },
      // The same for nearly every question, so that what is wanted does not change what is looked at.
      limit: limit <= RECALL_DEPTH ? RECALL_DEPTH : RECALL_LIMIT_MAX,
      vectors: sync.vectorsReady,
      now: clock.now(),
    })
    const found = present({ catalog, now: clock.now() }, answer.found, {
      limit,
      tokensMax: options.tokensMax ?? TOKENS_MAX,
    })
    const why = typeof answer.vectors === 'object' ? answer.vectors.failed : (sync.embedderProblem ?? STILL_MADE)
    const how = answer.vectors === 'used' ? 'words and vectors' : `words alone: ${why}`
    return { ...found, abstained: answer.abstained, how }
  }

  /** What the note had superseded holds again. */
  async function forget(path: string): Promise<void> {
    const note = await files.read(path)
    for (const old of note.supersedes) {
      const oldPath = catalog.findPath(old)
      if (oldPath === undefined) continue
      await files.change(
        oldPath,
        (before) => (before.supersededBy === note.id ? { ...before, supersededBy: null, validTo: null } : before),
        (after) => `Holds again: ${after.title}`,
      )
    }
    await files.remove(path, `Forget: ${note.title}`)
  }

  async function runSelfTest(): Promise<SelfTest> {
    await sync.settled()
    // With nothing to be found, no process is started to look for it.
    const isFresh = catalog.indexed().size === 0 && !existsSync(join(settings.indexDir, ENGINE_DIR))
    const tested = isFresh
      ? { at: new Date(clock.now()).toISOString(), passed: true, problems: [], repaired: false }
      : await selfTest({ catalog, engine, sync, folder, now: () => clock.now() })
    lastSelfTest = tested
    if (tested.problems.length > 0)
      log.warn({ problems: tested.problems, repaired: tested.repaired }, 'memory self-test')
    return tested
  }

  const clean = <T>(value: T): T => (settings.clean ? (redactJson(value, { text: settings.clean }) as T) : value)

  const importDeps: ImportDeps = {
    known: () => new Set(catalog.tagsStarting(IMPORT_TAG)),
    add: (draft) => inTurn(() => keeper.add(clean(draft))),
  }

  const owned = opened.move()
  return {
    folder: folder.dir,
    remember: (draft) => inTurn(() => keeper.remember(clean(draft))),
    edit: (id, change) =>
      inTurn(async () => {
        const path = files.pathOf(id)
        if (change.scope !== undefined) checkScope(change.scope)
        return await files.change(
          path,
          (note) => applyChange(note, clean(change)),
          (note) => `Edit: ${note.title}`,
        )
      }),
    readText: async (idOrPath) => await files.readText(files.pathOf(idOrPath)),
    replaceText: (id, text, hash) => inTurn(async () => await files.replaceText(files.pathOf(id), clean(text), hash)),
    forget: (id) => inTurn(async () => await forget(files.pathOf(id))),
    getNote: async (idOrPath) => await files.read(files.pathOf(idOrPath)),
    listNotes: (filter = {}) => catalog.list(filter, clock.now()),
    holds: () => catalog.holds(clock.now()),
    history: async (id) => await history.versions(await files.everPathOf(id)),
    restore: (id, commit) => inTurn(() => files.restore(id, commit)),
    recall,
    profile: async (scopes) => await readProfile(scopes.map(checkScope)),
    status: () => readStatus({ settings, catalog, engine, sync, folder, lastSelfTest }),
    glance: () => readGlance({ catalog, sync }),
    audit: () => audit({ catalog, now: clock.now(), profile: readProfile }),
    reindex: () => sync.again(),
    selfTest: runSelfTest,
    previewImport: (from) => previewImport(importDeps, from),
    applyImport: (from, scope) => applyImport(importDeps, from, scope ?? 'global'),
    ready: sync.ready,
    async settled() {
      await sync.settled()
      await history.settled()
    },
    vectorsSettled: () => sync.vectorsSettled(),
    loadModel: () => sync.loadModel(),
    async [Symbol.asyncDispose]() {
      await writing
      await owned.disposeAsync()
    },
  }
}

const STILL_MADE = 'the vectors are still being made'

async function openEngine(world: World, settings: MemorySettings): Promise<Engine> {
  const engineSettings = {
    dir: join(settings.indexDir, ENGINE_DIR),
    index: settings.index ?? ('auto' as const),
    embedder: settings.embedder,
  }
  const { onProgress } = settings
  if (settings.engine === 'local') return await openLocalEngine(engineSettings, onProgress)
  return createChildEngine({
    world,
    settings: engineSettings,
    idleMs: settings.engineIdleMs ?? ENGINE_IDLE_MS,
    ...(onProgress ? { onProgress } : {}),
  })
}

/** The catalog can be made again: a broken one is put away. */
function openSoundCatalog(file: string): Catalog {
  try {
    return openCatalog(file)
  } catch {
    for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
    rmSync(join(dirname(file), ENGINE_DIR), { recursive: true, force: true })
    return openCatalog(file)
  }
}

function applyChange(note: Note, change: NoteChange): Note {
  const out = { ...note }
  if (change.text !== undefined) out.body = change.text
  if (change.title !== undefined) out.title = change.title
  if (change.kind !== undefined) out.kind = change.kind
  if (change.scope !== undefined) out.scope = change.scope
  if (change.pinned !== undefined) out.pinned = change.pinned
  if (change.tags !== undefined) out.tags = [...change.tags]
  if (change.data !== undefined) out.data = change.data
  if (change.observed !== undefined) out.observed = change.observed
  if (change.supersededBy !== undefined) {
    out.supersededBy = change.supersededBy
    if (change.supersededBy === null) out.validTo = null
  }
  if (change.validTo !== undefined) out.validTo = change.validTo
  return out
}
