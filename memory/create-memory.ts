import { mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Fault, isFault } from '../core/fault.ts'
import { newId } from '../core/id.ts'
import type { World } from '../core/world.ts'
import { audit } from './audit.ts'
import { createChildEngine } from './engine/child-engine.ts'
import type { Engine } from './engine/engine.ts'
import { openLocalEngine } from './engine/local-engine.ts'
import { findNoise, looksLikeOrders, withoutRecalled } from './guard.ts'
import { applyImport, IMPORT_TAG, previewImport } from './import/import.ts'
import { lockFolder } from './lock.ts'
import type {
  Memory,
  MemorySettings,
  NoteChange,
  NoteDraft,
  NoteFilter,
  NoteSummary,
  Profile,
  Recalled,
  RecalledPassage,
  RecallOptions,
  Remembered,
  SelfTest,
} from './memory.ts'
import type { Note, NoteId, Scope } from './note.ts'
import { checkScope, folderOfScope, isSuperseded, isTrusted, readNote, writeNote } from './note.ts'
import { type Catalog, openCatalog } from './notes/catalog.ts'
import { AS_FOUND, openHistory } from './notes/history.ts'
import { createNotesFolder, idOfPath } from './notes/notes-folder.ts'
import { makeProfile, tokensOf } from './profile.ts'
import { held, overlap } from './rank.ts'
import { selfTest } from './self-test.ts'
import { PRESENT_CHUNKER, startSync } from './sync.ts'
import { words } from './words.ts'

const RECALL_LIMIT = 8
const RECALL_LIMIT_MAX = 200
const RECALL_DEPTH = 60
const TOKENS_MAX = 4_000
const PROFILE_TOKENS_MAX = 2_000
const ENGINE_IDLE_MS = 60_000
/** Words in common from which two texts say the same, and from which the longer one holds the shorter. */
const SAME = 0.9
const MERGE = 0.75
/** The longer text holds nearly all of the shorter one, and is not a whole other story. */
const HELD = 0.95
const HELD_OVERLAP = 0.5
/** Notes that were just written and that the index may not hold yet. */
const RECENT_MAX = 200
const WRITE_TRIES = 3
const SELF_TEST_EVERY_MS = 24 * 3600_000
const INDEX_BYTES_MAX = 8 * 1024 ** 3
const INDEX_SHARE_MAX = 200
const INDEX_BYTES_SMALL = 256 * 1024 ** 2

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

  const recent: { id: NoteId; scope: Scope; words: Set<string> }[] = []
  let lastSelfTest: SelfTest | null = null
  let selfTestTimer: Disposable | undefined
  let disposed = false
  /** Writes come one after the other, so that two equal drafts cannot both find nothing. */
  let writing: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = writing.then(work, work)
    writing = next.catch(() => {})
    return next
  }

  async function readAt(path: string): Promise<{ note: Note; rest: Record<string, unknown>; hash: string }> {
    const read = await folder.read(path)
    if (read.kind !== 'text') {
      throw new Fault(
        'note_not_found',
        read.kind === 'gone' ? `there is no note ${path}` : `${path} is not a note: ${read.reason}`,
      )
    }
    const { note, rest } = readNote(read.text, path, idOfPath(path))
    return { note: { ...note, id: catalog.find(path)?.note?.id ?? note.id }, rest, hash: read.hash }
  }

  function pathOf(idOrPath: string): string {
    if (idOrPath.includes('/') || /\.(md|markdown)$/i.test(idOrPath)) return idOrPath
    const exact = catalog.findPath(idOrPath)
    if (exact !== undefined) return exact
    const wanted = idOrPath.startsWith('note_') ? idOrPath : `note_${idOrPath}`
    const paths = wanted.length >= 9 ? catalog.findPathsByPrefix(wanted) : []
    if (paths.length === 1) return paths[0]!
    const many = paths.length > 1 ? `${paths.length} notes start with ${idOrPath}` : `there is no note ${idOrPath}`
    throw new Fault('note_not_found', many)
  }

  /** Reads, changes, writes; when the owner was quicker, once more on what the owner wrote. */
  async function change(path: string, how: (note: Note) => Note, what: (note: Note) => string): Promise<Note> {
    for (let attempt = 0; attempt < WRITE_TRIES; attempt++) {
      const { note, rest, hash } = await readAt(path)
      const changed = how(note)
      if (await folder.write(path, writeNote(changed, rest), hash)) {
        history.changed(what(changed))
        await sync.took(path)
        return changed
      }
    }
    throw new Fault('note_refused', `${path} is being changed by somebody else just now`, { hint: 'Try again.' })
  }

  async function addNew(draft: NoteDraft, text: string, suspicious: boolean): Promise<Note> {
    const now = clock.now()
    const title = titleOf(draft, text)
    const scope = checkScope(draft.scope ?? 'global')
    const asked = draft.kind ?? 'fact'
    const note: Note = {
      id: newId('note', now),
      kind: draft.source.from === 'fetched' && asked === 'preference' ? 'fact' : asked,
      scope,
      title,
      source: draft.source,
      created: new Date(now).toISOString(),
      observed: draft.observed ?? null,
      validTo: null,
      subject: draft.subject ?? null,
      attribute: draft.attribute ?? null,
      supersedes: [],
      supersededBy: null,
      pinned: draft.pinned ?? false,
      suspicious,
      format: draft.format ?? 'document',
      tags: [...(draft.tags ?? [])],
      data: draft.data ?? null,
      body: text,
      path: '',
    }
    for (let attempt = 0; attempt < WRITE_TRIES; attempt++) {
      const name = `${slug(title)}-${attempt === 0 ? note.id.slice(-6) : newId('note', now).slice(-10)}`
      const path = `${folderOfScope(scope)}/${note.kind}/${name}.md`
      if (await folder.write(path, writeNote({ ...note, path }), null)) {
        history.changed(`Remember: ${title}`)
        await sync.took(path)
        recent.push({ id: note.id, scope, words: new Set(words(text)) })
        if (recent.length > RECENT_MAX) recent.shift()
        return { ...note, path }
      }
    }
    throw new Fault('note_refused', `no free name was found for "${title}"`)
  }

  /** A note that says nearly the same, in the same scope. */
  async function findTwin(
    text: string,
    scope: Scope,
  ): Promise<{ id: NoteId; overlap: number; held: number } | undefined> {
    const own = new Set(words(text))
    const fromRecent = recent
      .filter((other) => other.scope === scope && catalog.findPath(other.id) !== undefined)
      .map((other) => ({ id: other.id, overlap: overlap(own, other.words), held: held(other.words, own) }))
    const fromIndex = (await engine.similar(text, [scope], 3)).map(({ note, ...shared }) => ({
      id: note as NoteId,
      ...shared,
    }))
    return [...fromRecent, ...fromIndex]
      .filter((other) => other.overlap >= MERGE || (other.held >= HELD && other.overlap >= HELD_OVERLAP))
      .sort((a, b) => b.overlap - a.overlap)[0]
  }

  async function remember(draft: NoteDraft): Promise<Remembered> {
    const fromOwner = draft.source.from === 'owner'
    const scope = checkScope(draft.scope ?? 'global')
    const text = withoutRecalled(draft.text)
    if (text === '' && draft.text.trim() !== '') {
      throw new Fault('note_refused', 'not remembered: all of it was recalled from memory in the first place')
    }
    const noise = findNoise(text, fromOwner)
    if (noise !== null) throw new Fault('note_refused', `not remembered: ${noise}`)
    const warnings: string[] = []
    const suspicious = !fromOwner && looksLikeOrders(text)
    if (suspicious) warnings.push('The text reads like orders to an agent; it is kept as untrusted and marked.')
    if (draft.source.from === 'fetched' && draft.kind === 'preference') {
      warnings.push('Fetched text cannot be a preference; it is kept as a fact.')
    }

    const contradicted = findContradicted(draft, scope)
    const twin = await findTwin(text, scope).catch((error: unknown) => {
      if (!isFault(error, 'memory_unavailable')) throw error
      warnings.push('The index is not available: near-duplicates were not looked for.')
      return undefined
    })
    if (twin) {
      const known = await readAt(pathOf(twin.id)).catch(() => undefined)
      if (known && mayMerge(known.note, draft, contradicted)) {
        const longer = words(text).length > words(known.note.body).length
        if (!longer || (known.note.source.from === 'owner' && !fromOwner)) {
          if (twin.overlap >= SAME || !longer) return { outcome: 'known', note: known.note, superseded: [], warnings }
        } else {
          const note = await change(
            known.note.path,
            (before) => ({
              ...before,
              body: text,
              observed: draft.observed ?? before.observed,
              suspicious: before.suspicious || suspicious,
            }),
            (after) => `Say more: ${after.title}`,
          )
          return { outcome: 'merged', note, superseded: [], warnings }
        }
      }
    }

    const added = await addNew({ ...draft, scope }, text, suspicious)
    const superseded: NoteId[] = []
    for (const old of contradicted) {
      await change(
        old.path,
        (before) => ({ ...before, supersededBy: added.id, validTo: added.observed ?? added.created }),
        (after) => `Superseded: ${after.title}`,
      )
      superseded.push(old.id)
    }
    const note =
      superseded.length === 0
        ? added
        : await change(
            added.path,
            (before) => ({ ...before, supersedes: superseded }),
            (after) => `Supersede with: ${after.title}`,
          )
    if (note.kind === 'preference' || note.pinned) {
      const { warning } = await readProfile([note.scope, 'global'])
      if (warning) warnings.push(warning)
    }
    return { outcome: 'added', note, superseded, warnings }
  }

  /** Same scope, subject and attribute: both cannot hold. What an owner said, only an owner supersedes. */
  function findContradicted(draft: NoteDraft, scope: Scope): NoteSummary[] {
    if (draft.subject === undefined || draft.attribute === undefined) return []
    return catalog
      .list({ scopes: [scope], subject: draft.subject, attribute: draft.attribute }, clock.now())
      .filter((old) => isTrusted(draft) && (old.source.from !== 'owner' || draft.source.from === 'owner'))
  }

  async function readProfile(scopes: readonly Scope[]): Promise<Profile> {
    const summaries = catalog.standing([...new Set<Scope>([...scopes, 'global'])], clock.now())
    const notes: Note[] = []
    for (const summary of summaries) {
      if (!isTrusted(summary)) continue
      const read = await readAt(summary.path).catch(() => undefined)
      if (read && isTrusted(read.note) && !read.note.suspicious) notes.push(read.note)
    }
    return makeProfile(notes, settings.profileTokensMax ?? PROFILE_TOKENS_MAX)
  }

  async function askMemory(question: string, options: RecallOptions = {}): Promise<Recalled> {
    if (question.trim() === '') throw new Fault('input_invalid', 'an empty question recalls nothing')
    const scopes = options.scopes ?? ['global']
    if (scopes !== 'all') for (const scope of scopes) checkScope(scope)
    const limit = Math.max(1, Math.min(options.limit ?? RECALL_LIMIT, RECALL_LIMIT_MAX))
    const vectors = sync.vectorsReady
    const answer = await engine.recall({
      question,
      where: { scopes, kinds: options.kinds },
      // The same for nearly every question, so that what is wanted does not change what is looked at.
      limit: limit <= RECALL_DEPTH ? RECALL_DEPTH : RECALL_LIMIT_MAX,
      vectors,
      now: clock.now(),
    })
    const all = answer.found.flatMap(({ row, score, parts }): RecalledPassage[] => {
      const path = catalog.findPath(row.note)
      const note = path === undefined ? undefined : catalog.find(path)?.note
      // Removed since it was indexed.
      if (!note || path === undefined) return []
      return [
        {
          noteId: note.id,
          path,
          anchor: row.item,
          title: note.title,
          heading: row.heading,
          speaker: row.speaker,
          at: row.at >= 0 ? new Date(row.at).toISOString() : null,
          scope: note.scope,
          kind: note.kind,
          source: note.source,
          superseded: isSuperseded(note, clock.now()),
          supersededBy: note.supersededBy,
          trusted: isTrusted(note) && !note.suspicious,
          text: row.text,
          score,
          parts,
        },
      ]
    })
    const ordered = presentFirst(all)
    const passages = withinTokens(ordered.slice(0, limit), options.tokensMax ?? TOKENS_MAX)
    const why =
      answer.vectors === 'used'
        ? 'words and vectors'
        : `words alone: ${typeof answer.vectors === 'object' ? answer.vectors.failed : whyNoVectors(sync.embedderProblem)}`
    return { passages, abstained: answer.abstained, how: why, more: all.length - passages.length }
  }

  async function runSelfTest(): Promise<SelfTest> {
    const tested = await selfTest({ catalog, engine, sync, now: () => clock.now() })
    lastSelfTest = tested
    if (tested.problems.length > 0)
      log.warn({ problems: tested.problems, repaired: tested.repaired }, 'memory self-test')
    return tested
  }

  function planSelfTest(inMs: number): void {
    selfTestTimer = clock.after(inMs, () => {
      if (disposed) return
      void runSelfTest()
        .catch((error: unknown) => {
          if (!disposed) log.warn({ error: String(error) }, 'memory self-test did not run')
        })
        .finally(() => {
          if (!disposed) planSelfTest(SELF_TEST_EVERY_MS)
        })
    })
  }
  planSelfTest(5_000)

  const importDeps = {
    world,
    known: () => new Set(catalog.tagsStarting(IMPORT_TAG)),
    add: (draft: NoteDraft) =>
      inTurn(() => addNew(draft, draft.text, draft.source.from !== 'owner' && looksLikeOrders(draft.text))),
  }

  const owned = opened.move()
  return {
    remember: (draft) => inTurn(() => remember(draft)),
    edit: (id, change_) =>
      inTurn(async () => {
        const path = pathOf(id)
        if (change_.scope !== undefined) checkScope(change_.scope)
        return await change(
          path,
          (note) => applyChange(note, change_),
          (note) => `Edit: ${note.title}`,
        )
      }),
    forget: (id) =>
      inTurn(async () => {
        const path = pathOf(id)
        const { note } = await readAt(path)
        // What it had superseded holds again.
        for (const old of note.supersedes) {
          const oldPath = catalog.findPath(old)
          if (oldPath === undefined) continue
          await change(
            oldPath,
            (before) => (before.supersededBy === note.id ? { ...before, supersededBy: null, validTo: null } : before),
            (after) => `Holds again: ${after.title}`,
          )
        }
        await history.settled()
        await folder.remove(path)
        history.changed(`Forget: ${note.title}`)
        await sync.took(path)
      }),
    async getNote(idOrPath) {
      return (await readAt(pathOf(idOrPath))).note
    },
    listNotes: (filter: NoteFilter = {}) => catalog.list(filter, clock.now()),
    async history(id) {
      const path = catalog.findPath(id) ?? (await history.findLost(id))
      if (path === undefined) throw new Fault('note_not_found', `there is and was no note ${id}`)
      return await history.versions(path)
    },
    restore: (id, commit) =>
      inTurn(async () => {
        const path = catalog.findPath(id) ?? (await history.findLost(id))
        if (path === undefined) throw new Fault('note_not_found', `there is and was no note ${id}`)
        const then = (await history.versions(path)).find((version) => version.commit.startsWith(commit))?.path ?? path
        const text = await history.textAt(then, commit)
        const now = await folder.read(path)
        if (!(await folder.write(path, text, now.kind === 'text' ? now.hash : null))) {
          throw new Fault('note_refused', `${path} is being changed by somebody else just now`, { hint: 'Try again.' })
        }
        history.changed(`Restore ${path} as of ${commit.slice(0, 10)}`)
        await sync.took(path)
        return (await readAt(path)).note
      }),
    recall: askMemory,
    profile: (scopes) => readProfile(scopes.map(checkScope)),
    async status() {
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
        skipped: catalog
          .problems()
          .flatMap(({ path, skipped }) => (skipped === null ? [] : [{ path, reason: skipped }])),
        passages: count.passages,
        vectors: count.vectors,
        behind: { words: counts.words, vectors: settings.embedder.kind === 'none' ? 0 : counts.vectors },
        index: count.index,
        embeddings:
          sync.embedderProblem === null
            ? (sync.modelName ?? 'the model is not loaded yet')
            : `none: ${sync.embedderProblem}`,
        diskBytes: count.bytes,
        alarms,
        folder: folder.dir,
        lastSelfTest,
      }
    },
    audit: () => audit({ catalog, now: clock.now(), profile: readProfile }),
    reindex: () => sync.again(),
    selfTest: runSelfTest,
    previewImport: (from) => previewImport(importDeps, from),
    applyImport: (from, scope) => applyImport(importDeps, from, scope ?? 'global'),
    async settled() {
      await sync.settled()
      await history.settled()
    },
    vectorsSettled: () => sync.vectorsSettled(),
    loadModel: () => sync.loadModel(),
    async [Symbol.asyncDispose]() {
      disposed = true
      selfTestTimer?.[Symbol.dispose]()
      await writing
      await owned.disposeAsync()
    },
  }
}

async function openEngine(world: World, settings: MemorySettings): Promise<Engine> {
  const engineSettings = {
    dir: join(settings.indexDir, 'engine'),
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
    rmSync(join(dirname(file), 'engine'), { recursive: true, force: true })
    return openCatalog(file)
  }
}

/** Whether the older note is one that this draft may say again. */
function mayMerge(known: Note, draft: NoteDraft, contradicted: readonly NoteSummary[]): boolean {
  if (known.supersededBy !== null || contradicted.some(({ id }) => id === known.id)) return false
  if (known.format !== 'document' || known.data !== null || draft.data !== undefined) return false
  if (draft.kind !== undefined && draft.kind !== known.kind) return false
  // An untrusted text never changes what somebody stands behind.
  return draft.source.from !== 'fetched' || known.source.from === 'fetched'
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

function titleOf(draft: NoteDraft, text: string): string {
  const given = draft.title?.trim()
  if (given) return given.replace(/\s+/g, ' ').slice(0, 300)
  const line = text
    .split('\n')
    .map((each) => each.replace(/^[#>*\-\s]+/, '').trim())
    .find(Boolean)
  const first = (line ?? 'Note').replace(/\s+/g, ' ')
  return first.length <= 80 ? first : `${first.slice(0, 79)}…`
}

function slug(title: string): string {
  return (
    title
      .normalize('NFKD')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 48) || 'note'
  )
}

/** What took a note's place comes before it, where both were found; the order of all others stays. */
function presentFirst(passages: readonly RecalledPassage[]): RecalledPassage[] {
  const out = [...passages]
  for (const newer of passages) {
    const from = out.indexOf(newer)
    const to = out.findIndex((older) => older.supersededBy === newer.noteId)
    if (to < 0 || to > from) continue
    out.splice(from, 1)
    out.splice(to, 0, newer)
  }
  return out
}

/** As many as fit, in order; the first always. */
function withinTokens(passages: readonly RecalledPassage[], tokensMax: number): RecalledPassage[] {
  let tokens = 0
  const kept: RecalledPassage[] = []
  for (const passage of passages) {
    tokens += tokensOf(passage.text) + 20
    if (kept.length > 0 && tokens > tokensMax) break
    kept.push(passage)
  }
  return kept
}

function whyNoVectors(problem: string | null): string {
  return problem ?? 'the vectors are still being made'
}

function mb(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MB`
}
