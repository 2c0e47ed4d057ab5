/**
 * Where passages are searched.
 *
 * Derived from the notes and rebuildable from them at any time. What `put` and `remove`
 * return from is on disk. One process opens an index; who asks for passages gets those
 * of the scopes named, and of no other.
 */
export interface NoteIndex extends AsyncDisposable {
  /** `lance` or `sqlite`; the second has no vectors. */
  readonly kind: 'lance' | 'sqlite'

  /** Says whose vectors are meant from now on; all others are dropped. Null: none. */
  useVectors(identity: string | null): Promise<void>
  /**
   * Takes the passages of some notes in the place of all that these notes had, vectors included.
   *
   * @param fresh the notes were never put before, so nothing has to be looked for
   */
  put(noteIds: readonly string[], rows: readonly PassageRow[], fresh: boolean): Promise<void>
  remove(noteIds: readonly string[]): Promise<void>
  putVectors(noteIds: readonly string[], rows: readonly VectorRow[], fresh: boolean): Promise<void>

  /** Full text, any of the words, best first. Terms are matched as given. */
  search(query: TextQuery, where: Where, limit: number): Promise<Hit[]>
  /** Nearest vectors, best first, by cosine; a passage may come more than once. */
  nearest(vector: Float32Array, where: Where, limit: number): Promise<Hit[]>
  get(ids: readonly string[]): Promise<PassageRow[]>
  passagesOf(noteIds: readonly string[]): Promise<PassageRow[]>
  /** Everyone who speaks in these scopes. */
  speakers(scopes: Where['scopes']): Promise<string[]>

  count(): Promise<{ passages: number; vectors: number; bytes: number }>
  /** How many passages each note has, for comparing index and files. */
  countByNote(): Promise<Map<string, number>>
  /** Notes that have vectors of this model, whichever is in use. */
  notesWithVectors(identity: string): Promise<string[]>
  /**
   * Merges what was written since, drops versions nobody reads; with `isAlone` all but the present one, since the
   * caller sees to it that nothing is searched meanwhile. Long; safe to be killed in.
   */
  optimize(now: number, isAlone?: boolean): Promise<void>
  /** Whether enough was written since the last time to make it worth while. */
  readonly wantsOptimize: boolean
  /** Forgets everything: the way out when it is broken. */
  clear(): Promise<void>
}

export interface PassageRow {
  /** `<note>#<ord>` */
  id: string
  note: string
  ord: number
  item: string
  scope: string
  kind: string
  title: string
  heading: string
  speaker: string
  /** Milliseconds, or -1. */
  at: number
  /** Superseded or no longer valid. */
  past: boolean
  text: string
  /** Words with repetition by weight, joined by spaces. */
  terms: string
}

export interface VectorRow {
  passage: string
  note: string
  item: string
  scope: string
  kind: string
  speaker: string
  at: number
  past: boolean
  vector: Float32Array
}

export interface TextQuery {
  words: readonly string[]
  /** Every word must be there. */
  all: boolean
  /** Words that count only half: somebody's name is in half of what is said to them. */
  weak?: readonly string[]
}

export interface Where {
  scopes: readonly string[] | 'all'
  kinds?: readonly string[] | undefined
}

export interface Hit {
  id: string
  note: string
  item: string
  speaker: string
  at: number
  past: boolean
  score: number
}
