import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { Held, NoteFilter, NoteSummary } from '../memory.ts'
import type { Note, NoteKind, Scope } from '../note.ts'
import { isSuperseded } from '../note.ts'

/**
 * What is known of each file: head, size, and how far the index has got with it.
 *
 * Derived like the index: without it the folder is read again. It is what makes a start
 * with a hundred thousand notes quick, and lists free.
 */
export interface Catalog extends Disposable {
  find(path: string): FileRow | undefined
  /** The note's path, by id. */
  findPath(id: string): string | undefined
  /** Paths of notes whose id starts or ends so, ten at most. */
  findPathsByPart(part: string): string[]
  paths(): Map<string, { mtime: number; size: number; words: string | null }>
  put(row: NewFileRow): void
  remove(path: string): void
  list(filter: NoteFilter, now: number): NoteSummary[]
  holds(now: number): Held[]
  /** Preferences and pinned notes that hold. */
  standing(scopes: readonly string[], now: number): NoteSummary[]
  /** Tags in use that start so. */
  tagsStarting(start: string): string[]
  /** Paths whose text is not what the index holds. */
  behind(chunker: number, limit: number): FileRow[]
  /** Notes whose vectors are not this model's. */
  withoutVectors(identity: string, limit: number): FileRow[]
  markWords(path: string, hash: string, chunker: number, passages: number, cut: number): void
  markVectors(path: string, hash: string, identity: string): void
  /** Says that the index is about to be told of them for the first time. */
  markSent(paths: readonly string[]): void
  /** Notes that are no more, and that the index may still hold. */
  gone(limit: number): string[]
  addGone(id: string): void
  clearGone(ids: readonly string[]): void
  /** A value kept beside the rows. */
  getFact(name: string): string | null
  setFact(name: string, value: string): void
  /** The index lost them. */
  forgetIndex(ids?: readonly string[]): void
  counts(
    chunker: number,
    identity: string | null,
  ): { notes: number; bytes: number; words: number; vectors: number; embedded: number }
  indexed(): Map<string, number>
  /** Notes with passages that have vectors of this model. */
  embedded(identity: string): string[]
  forgetVectors(ids: readonly string[]): void
  problems(): { path: string; skipped: string | null; problem: string | null; cut: number; suspicious: boolean }[]
  together<T>(work: () => T): T
}

export interface FileRow {
  path: string
  mtime: number
  size: number
  hash: string
  /** Null for a file that is not a note we can read. */
  note: Omit<Note, 'body' | 'data' | 'path'> | null
  skipped: string | null
  problem: string | null
  /** Hash of the text the index holds, null when none or another. */
  words: string | null
  /** Whether the index was ever told of it. */
  sent: boolean
}

export type NewFileRow = Omit<FileRow, 'words' | 'sent'>

const LAYOUT = 1

export function openCatalog(file: string): Catalog {
  const db = new DatabaseSync(file)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
  if (version !== 0 && version !== LAYOUT)
    db.exec('DROP TABLE IF EXISTS file; DROP TABLE IF EXISTS gone; DROP TABLE IF EXISTS fact')
  db.exec(`
    CREATE TABLE IF NOT EXISTS file (
      path TEXT PRIMARY KEY, mtime REAL, size INTEGER, hash TEXT, id TEXT, scope TEXT, kind TEXT, subject TEXT, attribute TEXT,
      observed TEXT, head TEXT, skipped TEXT, problem TEXT, words TEXT, chunker INTEGER, sent INTEGER, passages INTEGER,
      cut INTEGER, vectors TEXT, vectors_of TEXT
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS gone (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS file_id ON file (id);
    CREATE INDEX IF NOT EXISTS file_scope ON file (scope, kind);
    CREATE INDEX IF NOT EXISTS file_subject ON file (subject, attribute) WHERE subject IS NOT NULL;
    PRAGMA user_version = ${LAYOUT};
  `)
  const find = db.prepare('SELECT * FROM file WHERE path = ?')
  const put = db.prepare(`
    INSERT INTO file (path, mtime, size, hash, id, scope, kind, subject, attribute, observed, head, skipped, problem, sent, passages, cut)
    VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,0,0,0)
    ON CONFLICT (path) DO UPDATE SET mtime = excluded.mtime, size = excluded.size, hash = excluded.hash, id = excluded.id,
      scope = excluded.scope, kind = excluded.kind, subject = excluded.subject, attribute = excluded.attribute,
      observed = excluded.observed, head = excluded.head, skipped = excluded.skipped, problem = excluded.problem`)
  const remove = db.prepare('DELETE FROM file WHERE path = ?')
  const findPath = db.prepare('SELECT path FROM file WHERE id = ? AND skipped IS NULL ORDER BY path LIMIT 1')
  const markWords = db.prepare(
    'UPDATE file SET words = ?, chunker = ?, passages = ?, cut = ?, vectors = NULL WHERE path = ?',
  )
  const markVectors = db.prepare('UPDATE file SET vectors = ?, vectors_of = ? WHERE path = ? AND words = ?')
  const markSent = db.prepare('UPDATE file SET sent = 1 WHERE path = ?')
  let depth = 0

  return {
    find(path) {
      const row = find.get(path)
      return row && fileRow(row)
    },
    findPath: (id) => findPath.get(id)?.['path'] as string | undefined,
    findPathsByPart(part) {
      const start = part.startsWith('note_') ? part : `note_${part}`
      const byStart = db
        .prepare('SELECT path FROM file WHERE skipped IS NULL AND (id >= ? AND id < ?) ORDER BY path LIMIT 10')
        .all(start, `${start}\uffff`)
      const rows =
        byStart.length > 0
          ? byStart
          : db
              .prepare('SELECT path FROM file WHERE skipped IS NULL AND substr(id, ?) = ? ORDER BY path LIMIT 10')
              .all(-part.length, part)
      return rows.map((row) => String(row['path']))
    },
    paths() {
      const rows = db.prepare('SELECT path, mtime, size, words FROM file').all()
      return new Map(
        rows.map((row) => [
          String(row['path']),
          { mtime: Number(row['mtime']), size: Number(row['size']), words: row['words'] as string | null },
        ]),
      )
    },
    put({ path, mtime, size, hash, note, skipped, problem }) {
      put.run(
        path,
        mtime,
        size,
        hash,
        note?.id ?? null,
        note?.scope ?? null,
        note?.kind ?? null,
        note?.subject ?? null,
        note?.attribute ?? null,
        note?.observed ?? note?.created ?? null,
        note ? JSON.stringify(note) : null,
        skipped,
        problem,
      )
    },
    remove(path) {
      remove.run(path)
    },
    list(filter, now) {
      const parts = ['skipped IS NULL']
      const values: SQLInputValue[] = []
      const within = (column: string, given: readonly string[] | undefined) => {
        if (!given) return
        parts.push(`${column} IN (${given.map(() => '?').join(',')})`)
        values.push(...given)
      }
      within('scope', filter.scopes)
      within('kind', filter.kinds)
      within('subject', filter.subject === undefined ? undefined : [filter.subject])
      within('attribute', filter.attribute === undefined ? undefined : [filter.attribute])
      const limit = filter.limit ?? 1000
      const out: NoteSummary[] = []
      const statement = db.prepare(`SELECT * FROM file WHERE ${parts.join(' AND ')} ORDER BY observed DESC, path`)
      for (const row of statement.iterate(...values)) {
        if (out.length >= limit) break
        const { path, note, problem } = fileRow(row)
        if (!note) continue
        const past = isSuperseded(note, now)
        if (past && !filter.past) continue
        if (filter.tag !== undefined && !note.tags.includes(filter.tag)) continue
        out.push({ ...note, path, past, problem })
      }
      return out
    },
    holds(now) {
      const rows = db
        .prepare(
          `SELECT scope, kind, count(*) AS notes,
                  total(json_extract(head, '$.supersededBy') IS NOT NULL OR julianday(json_extract(head, '$.validTo')) <= julianday(?)) AS past
             FROM file WHERE skipped IS NULL GROUP BY scope, kind ORDER BY scope, kind`,
        )
        .all(new Date(now).toISOString())
      return rows.map((row) => ({
        scope: row['scope'] as Scope,
        kind: row['kind'] as NoteKind,
        notes: Number(row['notes']),
        past: Number(row['past'] ?? 0),
      }))
    },
    standing(scopes, now) {
      const rows = db
        .prepare(
          `SELECT * FROM file WHERE skipped IS NULL AND scope IN (${scopes.map(() => '?').join(',')})
            AND (kind = 'preference' OR json_extract(head, '$.pinned') = 1) ORDER BY path LIMIT 10000`,
        )
        .all(...scopes)
      return rows.map(fileRow).flatMap(({ path, note, problem }) => {
        if (!note || isSuperseded(note, now)) return []
        return [{ ...note, path, past: false, problem }]
      })
    },
    tagsStarting(start) {
      return db
        .prepare(
          `SELECT DISTINCT tag.value AS tag FROM file, json_each(file.head, '$.tags') AS tag
            WHERE file.head IS NOT NULL AND tag.value >= ? AND tag.value < ?`,
        )
        .all(start, `${start}\uffff`)
        .map((row) => String(row['tag']))
    },
    behind(chunker, limit) {
      return db
        .prepare('SELECT * FROM file WHERE skipped IS NULL AND (words IS NOT hash OR chunker IS NOT ?) LIMIT ?')
        .all(chunker, limit)
        .map(fileRow)
    },
    withoutVectors(identity, limit) {
      return db
        .prepare('SELECT * FROM file WHERE skipped IS NULL AND words IS NOT NULL AND vectors IS NOT ? LIMIT ?')
        .all(identity, limit)
        .map(fileRow)
    },
    markWords(path, hash, chunker, passages, cut) {
      markWords.run(hash, chunker, passages, cut, path)
    },
    markVectors(path, hash, identity) {
      markVectors.run(identity, identity, path, hash)
    },
    markSent(paths) {
      for (const path of paths) markSent.run(path)
    },
    gone: (limit) =>
      db
        .prepare('SELECT id FROM gone LIMIT ?')
        .all(limit)
        .map((row) => String(row['id'])),
    addGone(id) {
      db.prepare('INSERT OR IGNORE INTO gone (id) VALUES (?)').run(id)
    },
    clearGone(ids) {
      for (const id of ids) db.prepare('DELETE FROM gone WHERE id = ?').run(id)
    },
    getFact: (name) =>
      (db.prepare('SELECT value FROM fact WHERE name = ?').get(name)?.['value'] as string | undefined) ?? null,
    setFact(name, value) {
      db.prepare('INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value').run(
        name,
        value,
      )
    },
    forgetIndex(ids) {
      const what = 'UPDATE file SET words = NULL, vectors = NULL'
      if (!ids) db.exec(`${what}, sent = 0`)
      else for (const id of ids) db.prepare(`${what} WHERE id = ?`).run(id)
    },
    counts(chunker, identity) {
      const row = db
        .prepare(
          `SELECT count(*) AS notes, total(size) AS bytes, total(words IS NOT hash OR chunker IS NOT ?) AS words,
                  total(vectors IS NOT ?) AS vectors, total(vectors IS NOT NULL) AS embedded FROM file WHERE skipped IS NULL`,
        )
        .get(chunker, identity)!
      return {
        notes: Number(row['notes']),
        bytes: Number(row['bytes']),
        words: Number(row['words']),
        vectors: Number(row['vectors']),
        embedded: Number(row['embedded']),
      }
    },
    indexed() {
      const rows = db.prepare('SELECT id, passages FROM file WHERE skipped IS NULL AND words IS NOT NULL').all()
      return new Map(rows.map((row) => [String(row['id']), Number(row['passages'])]))
    },
    embedded(identity) {
      return db
        .prepare('SELECT id FROM file WHERE skipped IS NULL AND words IS NOT NULL AND vectors = ? AND passages > 0')
        .all(identity)
        .map((row) => String(row['id']))
    },
    forgetVectors(ids) {
      for (const id of ids) db.prepare('UPDATE file SET vectors = NULL WHERE id = ?').run(id)
    },
    problems() {
      return db
        .prepare(
          `SELECT path, skipped, problem, cut, json_extract(head, '$.suspicious') AS suspicious FROM file
            WHERE skipped IS NOT NULL OR problem IS NOT NULL OR cut > 0 OR json_extract(head, '$.suspicious') = 1 ORDER BY path LIMIT 5000`,
        )
        .all()
        .map((row) => ({
          path: String(row['path']),
          skipped: row['skipped'] as string | null,
          problem: row['problem'] as string | null,
          cut: Number(row['cut']),
          suspicious: Number(row['suspicious'] ?? 0) === 1,
        }))
    },
    together(work) {
      if (depth > 0) return work()
      depth++
      db.exec('BEGIN')
      try {
        const result = work()
        db.exec('COMMIT')
        return result
      } catch (error) {
        db.exec('ROLLBACK')
        throw error
      } finally {
        depth--
      }
    },
    [Symbol.dispose]() {
      db.close()
    },
  }
}

function fileRow(row: Record<string, unknown>): FileRow {
  const head = row['head']
  return {
    path: String(row['path']),
    mtime: Number(row['mtime']),
    size: Number(row['size']),
    hash: String(row['hash']),
    note: typeof head === 'string' ? JSON.parse(head) : null,
    skipped: row['skipped'] as string | null,
    problem: row['problem'] as string | null,
    words: row['words'] as string | null,
    sent: Number(row['sent']) === 1,
  }
}
