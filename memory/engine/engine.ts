import type { Answer, Ask } from '../recall.ts'

/**
 * The heavy half of the memory: the index and the embeddings.
 *
 * It knows passages and vectors, not files. It runs in a process of its own, which ends
 * when nobody asks, because what its libraries take they never give back; and a crash or a
 * hang in them costs a restart, not the daemon. Everything in it can be rebuilt.
 */
export interface Engine extends AsyncDisposable {
  /** On disk when it returns. `fresh`: none of these notes was ever put before. */
  put(documents: readonly NoteDocument[], fresh: boolean): Promise<PutResult[]>
  remove(noteIds: readonly string[]): Promise<void>
  /** Makes the vectors of notes that were put. @throws embedder_unavailable */
  embed(noteIds: readonly string[], fresh: boolean): Promise<{ vectors: number }>
  /** Loads the model. @throws embedder_unavailable, also when there is to be none */
  model(): Promise<{ name: string; identity: string; dimensions: number }>
  recall(ask: Ask): Promise<Answer>
  /** Notes whose words are most like the text's. */
  similar(text: string, scopes: readonly string[], limit: number): Promise<Similar[]>
  count(): Promise<EngineCount>
  countByNote(): Promise<Map<string, number>>
  /** Notes that have vectors of this model. */
  notesWithVectors(identity: string): Promise<string[]>
  /** Whether enough was written to make merging worth while now. */
  wantsMerge(): Promise<boolean>
  /** Merges what was written, drops old versions; all but the present one where nobody searches meanwhile. */
  optimize(now: number, isAlone?: boolean): Promise<void>
  /** Forgets every passage and vector. */
  clear(): Promise<void>
}

export interface NoteDocument {
  id: string
  scope: string
  kind: string
  title: string
  at: number | null
  past: boolean
  format: 'document' | 'conversation'
  body: string
}

export interface Similar {
  note: string
  /** Share of all words of both that both have. */
  overlap: number
  /** Share of the note's words that the text has. */
  held: number
}

export interface PutResult {
  note: string
  passages: number
  /** Passages over the limit, not searchable. */
  cut: number
}

export interface EngineCount {
  index: 'lance' | 'sqlite'
  passages: number
  vectors: number
  bytes: number
}
