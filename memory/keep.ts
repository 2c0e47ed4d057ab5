import type { Clock } from '../core/clock.ts'
import { Fault, isFault } from '../core/fault.ts'
import { newId } from '../core/id.ts'
import type { Engine } from './engine/engine.ts'
import { findNoise, looksLikeOrders, withoutRecalled } from './guard.ts'
import type { NoteDraft, NoteSummary, Profile, Remembered } from './memory.ts'
import type { Note, NoteId, Scope } from './note.ts'
import { checkScope, folderOfScope, isTrusted } from './note.ts'
import type { Catalog } from './notes/catalog.ts'
import type { NoteFiles } from './notes/note-files.ts'
import { held, overlap } from './rank.ts'
import { words } from './words.ts'

/**
 * What becomes of something to be kept: refused, known already, merged into a note that says
 * nearly the same, or a note of its own that may take the place of what it contradicts.
 *
 * What an owner said is neither changed nor superseded by anybody else, and fetched text never
 * changes what somebody stands behind.
 */
export interface Keeper {
  /** @throws note_refused, note_too_large, input_invalid, disk_full */
  remember(draft: NoteDraft): Promise<Remembered>
  /** Writes it as it is; an import has looked for twins by itself. */
  add(draft: NoteDraft): Promise<Note>
}

export interface KeeperDeps {
  clock: Clock
  catalog: Catalog
  files: NoteFiles
  engine: Pick<Engine, 'similar'>
  profile(scopes: readonly Scope[]): Promise<Profile>
}

/** Words in common from which two texts say the same, and from which the longer one holds the shorter. */
const SAME = 0.9
const MERGE = 0.75
/** The longer text holds nearly all of the shorter one, and is not a whole other story. */
const HELD = 0.95
const HELD_OVERLAP = 0.5
/** Notes that were just written and that the index may not hold yet. */
const RECENT_MAX = 200
const NAME_TRIES = 3

export function createKeeper({ clock, catalog, files, engine, profile }: KeeperDeps): Keeper {
  const recent: { id: NoteId; scope: Scope; words: Set<string> }[] = []

  async function addNew(draft: NoteDraft, text: string, suspicious: boolean): Promise<Note> {
    const now = clock.now()
    const note = newNote(draft, text, suspicious, now)
    for (let attempt = 0; attempt < NAME_TRIES; attempt++) {
      const name = `${slug(note.title)}-${attempt === 0 ? note.id.slice(-6) : newId('note', now).slice(-10)}`
      const path = `${folderOfScope(note.scope)}/${note.kind}/${name}.md`
      if (!(await files.create({ ...note, path }, `Remember: ${note.title}`))) continue
      recent.push({ id: note.id, scope: note.scope, words: new Set(words(text)) })
      if (recent.length > RECENT_MAX) recent.shift()
      return { ...note, path }
    }
    throw new Fault('note_refused', `no free name was found for "${note.title}"`)
  }

  /** A note that says nearly the same, in the same scope. */
  async function findTwin(text: string, scope: Scope) {
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

  /** Same scope, subject and attribute: both cannot hold. What an owner said, only an owner supersedes. */
  function findContradicted(draft: NoteDraft, scope: Scope): NoteSummary[] {
    if (draft.subject === undefined || draft.attribute === undefined) return []
    return catalog
      .list({ scopes: [scope], subject: draft.subject, attribute: draft.attribute }, clock.now())
      .filter((old) => isTrusted(draft) && (old.source.from !== 'owner' || draft.source.from === 'owner'))
  }

  async function remember(draft: NoteDraft): Promise<Remembered> {
    const fromOwner = draft.source.from === 'owner'
    const scope = checkScope(draft.scope ?? 'global')
    const text = worthKeeping(draft)
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
    const known = twin && (await files.read(files.pathOf(twin.id)).catch(() => undefined))
    if (twin && known && mayMerge(known, draft, contradicted)) {
      const longer = words(text).length > words(known.body).length
      const keepsKnown = !longer || (known.source.from === 'owner' && !fromOwner)
      if (keepsKnown && (twin.overlap >= SAME || !longer)) {
        return { outcome: 'known', note: known, superseded: [], warnings }
      }
      if (!keepsKnown) {
        const note = await files.change(
          known.path,
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

    const { note, superseded } = await supersede(await addNew({ ...draft, scope }, text, suspicious), contradicted)
    if (note.kind === 'preference' || note.pinned) {
      const { warning } = await profile([note.scope, 'global'])
      if (warning) warnings.push(warning)
    }
    return { outcome: 'added', note, superseded, warnings }
  }

  /** Marks on both sides what took whose place, so that forgetting the new one brings the old one back. */
  async function supersede(added: Note, contradicted: readonly NoteSummary[]) {
    for (const old of contradicted) {
      await files.change(
        old.path,
        (before) => ({ ...before, supersededBy: added.id, validTo: added.observed ?? added.created }),
        (after) => `Superseded: ${after.title}`,
      )
    }
    const superseded = contradicted.map(({ id }) => id)
    if (superseded.length === 0) return { note: added, superseded }
    const note = await files.change(
      added.path,
      (before) => ({ ...before, supersedes: superseded }),
      (after) => `Supersede with: ${after.title}`,
    )
    return { note, superseded }
  }

  return {
    remember,
    add: (draft) => addNew(draft, draft.text, draft.source.from !== 'owner' && looksLikeOrders(draft.text)),
  }
}

/** The text without what was recalled. @throws note_refused when nothing of worth is left */
function worthKeeping(draft: NoteDraft): string {
  const text = withoutRecalled(draft.text)
  if (text === '' && draft.text.trim() !== '') {
    throw new Fault('note_refused', 'not remembered: all of it was recalled from memory in the first place')
  }
  const noise = findNoise(text, draft.source.from === 'owner')
  if (noise !== null) throw new Fault('note_refused', `not remembered: ${noise}`)
  return text
}

function newNote(draft: NoteDraft, text: string, suspicious: boolean, now: number): Note {
  const asked = draft.kind ?? 'fact'
  return {
    id: newId('note', now),
    kind: draft.source.from === 'fetched' && asked === 'preference' ? 'fact' : asked,
    scope: checkScope(draft.scope ?? 'global'),
    title: titleOf(draft, text),
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
}

/** Whether the older note is one that this draft may say again. */
function mayMerge(known: Note, draft: NoteDraft, contradicted: readonly NoteSummary[]): boolean {
  if (known.supersededBy !== null || contradicted.some(({ id }) => id === known.id)) return false
  if (known.format !== 'document' || known.data !== null || draft.data !== undefined) return false
  if (draft.kind !== undefined && draft.kind !== known.kind) return false
  // An untrusted text never changes what somebody stands behind.
  return draft.source.from !== 'fetched' || known.source.from === 'fetched'
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
