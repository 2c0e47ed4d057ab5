import type { EmbedderSettings } from './embed/embedder.ts'
import type { Note, NoteId, NoteKind, NoteSource, Scope } from './note.ts'

/**
 * What Claw keeps in mind: notes in, recall out.
 *
 * The notes are Markdown files in a folder that is a git repository; the owner edits them
 * with anything while the daemon runs. A write that returns has reached the disk; the index
 * follows, and everything but the files can be rebuilt from them. `find…` gives undefined
 * when nothing is there, `get…` throws `note_not_found`.
 */
export interface Memory extends AsyncDisposable {
  /** The notes folder. */
  readonly folder: string
  /**
   * Keeps something. Says what became of it: nearly the same text is merged, the same
   * subject and attribute supersedes (reversibly), recalled text and noise are refused.
   *
   * @throws note_refused, note_too_large, input_invalid, disk_full
   */
  remember(draft: NoteDraft): Promise<Remembered>
  /** Changes parts of a note. @throws note_not_found */
  edit(id: NoteId, change: NoteChange): Promise<Note>
  /** Takes the file away; history keeps it, and what it superseded holds again. @throws note_not_found */
  forget(id: NoteId): Promise<void>
  /** By id, by the start of one, or by path. @throws note_not_found */
  getNote(idOrPath: string): Promise<Note>
  listNotes(filter?: NoteFilter): NoteSummary[]
  /** How many notes there are of each kind in each scope. */
  holds(): Held[]
  /** The file as it stands, for an editor. @throws note_not_found */
  readText(idOrPath: string): Promise<NoteFile>
  /**
   * Puts the owner's text in the place of the whole file.
   *
   * @param hash of the text that was edited; nothing is written over what came in between
   * @throws note_not_found, note_changed, input_invalid when the head makes no sense
   */
  replaceText(id: NoteId, text: string, hash: string): Promise<Note>
  /** Newest first. */
  history(id: NoteId): Promise<NoteVersion[]>
  /** Brings an earlier text back, also of a note that was forgotten. */
  restore(id: NoteId, commit: string): Promise<Note>

  /** Passages that bear on the question, best first; none, with the reason, when nothing does. */
  recall(question: string, options?: RecallOptions): Promise<Recalled>
  /** What is always given: preferences and pinned notes. What does not fit is named, never silently cut. */
  profile(scopes: readonly Scope[]): Promise<Profile>

  status(): Promise<MemoryStatus>
  /** The little of it that is known without asking the index. */
  glance(): { notes: number; behind: number; embeddings: string }
  /** What the owner may want to look at: broken heads, twins, untrusted orders, contradictions, what is too large. */
  audit(): Promise<Finding[]>
  /** Rebuilds the index from the files. Recall goes on meanwhile, with what there is. */
  reindex(): Promise<void>
  /** Compares files and index, asks for a note that must be found, and mends what is wrong. */
  selfTest(): Promise<SelfTest>
  /** What an import would do. */
  previewImport(from: string): Promise<ImportPreview>
  /** Does it. The same source twice adds nothing the second time. */
  applyImport(from: string, scope?: Scope): Promise<ImportResult>

  /**
   * Resolves when every file that was there at the opening is in the lists: a daemon that was killed may have
   * written one and not noted it. Whoever writes has waited for it already.
   */
  ready(): Promise<void>
  /** Resolves when every file as it is now is searchable by words, and history is written. */
  settled(): Promise<void>
  /** Resolves when the vectors are made as well, or cannot be. */
  vectorsSettled(): Promise<void>
  /** Loads (or fetches) the embedding model now. @throws embedder_unavailable */
  loadModel(): Promise<{ name: string; dimensions: number }>
}

export interface Held {
  scope: Scope
  kind: NoteKind
  notes: number
  /** Those among them that hold no longer. */
  past: number
}

export interface NoteFile {
  note: Note
  /** Head and body. */
  text: string
  hash: string
}

export interface NoteDraft {
  text: string
  title?: string
  kind?: NoteKind
  scope?: Scope
  source: NoteSource
  subject?: string
  attribute?: string
  /** When it was so; ISO. */
  observed?: string
  pinned?: boolean
  tags?: readonly string[]
  format?: 'document' | 'conversation'
  data?: unknown
}

export interface NoteChange {
  text?: string
  title?: string
  kind?: NoteKind
  scope?: Scope
  pinned?: boolean
  tags?: readonly string[]
  data?: unknown
  /** Null makes a superseded note hold again. */
  supersededBy?: string | null
  validTo?: string | null
  observed?: string
}

/** added: a new note; merged: an existing one holds it now; known: an existing one said it already. */
export interface Remembered {
  outcome: 'added' | 'merged' | 'known'
  note: Note
  /** Notes that no longer hold because of it. */
  superseded: NoteId[]
  warnings: string[]
}

export interface NoteFilter {
  scopes?: readonly Scope[]
  kinds?: readonly NoteKind[]
  subject?: string
  attribute?: string
  tag?: string
  /** Superseded ones too. */
  past?: boolean
  limit?: number
}

export interface NoteSummary {
  id: NoteId
  path: string
  title: string
  kind: NoteKind
  scope: Scope
  source: NoteSource
  created: string | null
  observed: string | null
  past: boolean
  supersededBy: string | null
  pinned: boolean
  subject: string | null
  attribute: string | null
  tags: string[]
  problem: string | null
}

export interface NoteVersion {
  commit: string
  at: string
  message: string
  /** Where it was then. */
  path: string
}

export interface RecallOptions {
  /** Default: global alone. A repository's notes answer only when it is named. */
  scopes?: readonly Scope[] | 'all'
  kinds?: readonly NoteKind[]
  /** Passages at most; 8 by default. */
  limit?: number
  /** Tokens that the passages together may take, about four characters each. */
  tokensMax?: number
}

export interface Recalled {
  passages: RecalledPassage[]
  /** Why there are none. */
  abstained: string | null
  /** `words and vectors`, or why it was words alone. */
  how: string
  /** Passages that were found and did not fit the limits. */
  more: number
}

export interface RecalledPassage {
  noteId: NoteId
  path: string
  /** The turn or section. */
  anchor: string
  title: string
  heading: string
  speaker: string
  /** When it was so; ISO. */
  at: string | null
  scope: Scope
  kind: NoteKind
  source: NoteSource
  superseded: boolean
  supersededBy: string | null
  trusted: boolean
  text: string
  score: number
  /** What the score is made of. */
  parts: Record<string, number>
}

export interface Profile {
  text: string
  tokens: number
  tokensMax: number
  notes: NoteId[]
  /** What did not fit. Whoever shows the profile shows this too. */
  left: { id: NoteId; title: string }[]
  warning: string | null
}

export interface MemoryStatus {
  notes: number
  /** Files that are not searchable, with the reason. */
  skipped: { path: string; reason: string }[]
  passages: number
  vectors: number
  /** Notes that wait for words, and for vectors. */
  behind: { words: number; vectors: number }
  index: 'lance' | 'sqlite'
  /** The model, or why there is none. */
  embeddings: string
  diskBytes: number
  /** Said when the index is larger than it should be. */
  alarms: string[]
  folder: string
  lastSelfTest: SelfTest | null
}

export interface Finding {
  kind:
    | 'head'
    | 'twin'
    | 'same-id'
    | 'suspicious'
    | 'contradiction'
    | 'skipped'
    | 'cut'
    | 'profile'
    | 'superseded-by-nothing'
  path: string
  detail: string
}

export interface SelfTest {
  at: string
  passed: boolean
  problems: string[]
  /** Whether something was mended. */
  repaired: boolean
}

export interface ImportPreview {
  kind: string
  /** Notes that would be added; those known already are counted apart. */
  add: { title: string; kind: NoteKind; bytes: number }[]
  known: number
  skipped: { name: string; reason: string }[]
}

export interface ImportResult {
  kind: string
  added: number
  known: number
  skipped: { name: string; reason: string }[]
}

export interface MemorySettings {
  /** The notes folder, and where the index is kept. */
  notesDir: string
  indexDir: string
  embedder: EmbedderSettings
  index?: 'auto' | 'lance' | 'sqlite'
  /** The engine in a process of its own (the default), or in this one. */
  engine?: 'child' | 'local'
  /** The folders that programs are found in, for git. */
  path?: string
  profileTokensMax?: number
  engineIdleMs?: number
  /** The index is complained about when it is larger than this, or than 40 times the notes. */
  indexBytesMax?: number
  /** The owner, as the author of commits. */
  author?: { name: string; email: string }
  onProgress?: (file: string, done: number, total: number | null) => void
  /** Takes secrets out of whatever is written down, imports too; notes are kept for good and shown to models. */
  clean?: (text: string) => string
}
