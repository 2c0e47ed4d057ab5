import { rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { Hit, NoteIndex, PassageRow, Where } from './note-index.ts'

/**
 * Full text in one SQLite file, for machines where LanceDB has no binary or is not installed.
 *
 * SQLite comes with Node, so recall by words works everywhere; there are no vectors here.
 */
export async function openSqliteIndex(file: string): Promise<NoteIndex> {
  const db = new DatabaseSync(file)
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS passage (
      rowid INTEGER PRIMARY KEY, id TEXT UNIQUE, note TEXT, ord INTEGER, item TEXT, scope TEXT, kind TEXT, title TEXT,
      heading TEXT, speaker TEXT, at INTEGER, past INTEGER, text TEXT, terms TEXT
    );
    CREATE INDEX IF NOT EXISTS passage_note ON passage (note);
    CREATE INDEX IF NOT EXISTS passage_speaker ON passage (scope, speaker) WHERE speaker != '';
    CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
      terms, content = 'passage', content_rowid = 'rowid', tokenize = "unicode61 remove_diacritics 0", detail = 'none'
    );
  `)
  const insert = db.prepare(
    'INSERT INTO passage (id, note, ord, item, scope, kind, title, heading, speaker, at, past, text, terms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)',
  )
  const insertWords = db.prepare('INSERT INTO words (rowid, terms) VALUES (?, ?)')
  const removeWords = db.prepare("INSERT INTO words (words, rowid, terms) VALUES ('delete', ?, ?)")
  const ofNote = db.prepare('SELECT rowid, terms FROM passage WHERE note = ?')
  const removeNote = db.prepare('DELETE FROM passage WHERE note = ?')

  function forget(noteIds: readonly string[]): void {
    for (const note of noteIds) {
      for (const row of ofNote.all(note)) removeWords.run(Number(row['rowid']), String(row['terms']))
      removeNote.run(note)
    }
  }

  function together(change: () => void): void {
    db.exec('BEGIN IMMEDIATE')
    try {
      change()
      db.exec('COMMIT')
    } catch (error) {
      db.exec('ROLLBACK')
      throw error
    }
  }

  return {
    kind: 'sqlite',
    wantsOptimize: false,

    async put(noteIds, rows) {
      together(() => {
        forget(noteIds)
        for (const row of rows) {
          const { lastInsertRowid } = insert.run(
            row.id,
            row.note,
            row.ord,
            row.item,
            row.scope,
            row.kind,
            row.title,
            row.heading,
            row.speaker,
            row.at,
            row.past ? 1 : 0,
            row.text,
            row.terms,
          )
          insertWords.run(Number(lastInsertRowid), row.terms)
        }
      })
    },

    async remove(noteIds) {
      together(() => forget(noteIds))
    },

    async useVectors() {},

    async putVectors() {},

    async search(query, where, limit) {
      if (query.words.length === 0) return []
      const match = query.words.map((word) => `"${word.replaceAll('"', '')}"`).join(query.all ? ' AND ' : ' OR ')
      const { sql, values } = filter(where)
      const rows = db
        .prepare(
          `SELECT p.id, p.note, p.item, p.speaker, p.at, p.past, bm25(words) AS score
             FROM words JOIN passage p ON p.rowid = words.rowid
            WHERE words MATCH ? ${sql} ORDER BY score, p.rowid LIMIT ?`,
        )
        .all(match, ...values, limit)
      return rows.map(
        (row): Hit => ({
          id: String(row['id']),
          note: String(row['note']),
          item: String(row['item']),
          speaker: String(row['speaker']),
          at: Number(row['at']),
          past: Boolean(row['past']),
          score: -Number(row['score']),
        }),
      )
    },

    async nearest() {
      return []
    },

    async get(ids) {
      return db
        .prepare(`SELECT * FROM passage WHERE id IN (${places(ids.length)})`)
        .all(...ids)
        .map(passageRow)
    },

    async passagesOf(noteIds) {
      return db
        .prepare(`SELECT * FROM passage WHERE note IN (${places(noteIds.length)}) ORDER BY note, ord`)
        .all(...noteIds)
        .map(passageRow)
    },

    async speakers(scopes) {
      const { sql, values } = filter({ scopes })
      return db
        .prepare(`SELECT DISTINCT speaker FROM passage p WHERE speaker != '' ${sql}`)
        .all(...values)
        .map((row) => String(row['speaker']))
    },

    async count() {
      const passages = Number(db.prepare('SELECT count(*) AS n FROM passage').get()?.['n'] ?? 0)
      const bytes = db.prepare('SELECT page_count * page_size AS n FROM pragma_page_count, pragma_page_size').get()
      return { passages, vectors: 0, bytes: Number(bytes?.['n'] ?? 0) }
    },

    async countByNote() {
      const rows = db.prepare('SELECT note, count(*) AS n FROM passage GROUP BY note').all()
      return new Map(rows.map((row) => [String(row['note']), Number(row['n'])]))
    },

    async notesWithVectors() {
      return []
    },

    async optimize() {
      db.exec("INSERT INTO words (words) VALUES ('optimize')")
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    },

    async clear() {
      together(() => {
        db.exec('DELETE FROM passage')
        db.exec("INSERT INTO words (words) VALUES ('delete-all')")
      })
      // Only this gives the room back.
      db.exec('VACUUM')
    },

    async [Symbol.asyncDispose]() {
      db.close()
    },
  }
}

/** Takes a broken file away, with what SQLite keeps beside it. */
export function removeSqliteIndex(file: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
}

function filter(where: Where): { sql: string; values: string[] } {
  const parts: string[] = []
  const values: string[] = []
  for (const [column, given] of [
    ['scope', where.scopes === 'all' ? undefined : where.scopes],
    ['kind', where.kinds],
  ] as const) {
    if (!given) continue
    parts.push(`AND p.${column} IN (${places(given.length)})`)
    values.push(...given)
  }
  return { sql: parts.join(' '), values }
}

function places(count: number): string {
  return Array.from({ length: count }, () => '?').join(',')
}

function passageRow(row: Record<string, unknown>): PassageRow {
  return {
    id: String(row['id']),
    note: String(row['note']),
    ord: Number(row['ord']),
    item: String(row['item']),
    scope: String(row['scope']),
    kind: String(row['kind']),
    title: String(row['title']),
    heading: String(row['heading']),
    speaker: String(row['speaker']),
    at: Number(row['at']),
    past: Boolean(row['past']),
    text: String(row['text']),
    terms: String(row['terms']),
  }
}
