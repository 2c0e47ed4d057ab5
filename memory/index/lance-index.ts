import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Connection, Query, Table, VectorQuery } from '@lancedb/lancedb'
import type { Hit, NoteIndex, PassageRow, TextQuery, Where } from './note-index.ts'
import { createTail, weightFrom, weightOfUnknown } from './tail.ts'

/** Another layout of the tables starts anew under another name. */
const LAYOUT = 2
const PASSAGES = `passages_v${LAYOUT}`
const VECTORS = `vectors_v${LAYOUT}_`
/** Below this a scan of all vectors is quicker than it is worth to train an index. */
const VECTOR_INDEX_ROWS = 20_000
/** Merge after this many writes, or when the tail is this long, or this share of all. */
const WRITES_MAX = 200
const TAIL_MAX = 4_000
const TAIL_SHARE = 0.15
const PROBES = 24
const GRACE_MS = 60_000
const HIT_COLUMNS = ['note', 'item', 'speaker', 'at', 'past']

/**
 * LanceDB in a folder: one table of passages with full text over our own words, one of
 * vectors per model.
 *
 * Its tokenizer is told to split at spaces and nothing else, because the words come from
 * `words.ts`: a search then means the same in every index, and repetition carries weight.
 *
 * Rows that are not merged into the full-text index yet are searched here, in `tail.ts`:
 * LanceDB's own scan of them takes a word that is repeated for one that is everywhere and
 * drops the row (seen with 0.31). `seq` tells them from the merged ones after a crash.
 *
 * Building a full-text index stops for ever on machines with one or two processors unless
 * LANCE_CPU_THREADS says 2 or more before the library is loaded (lancedb#3568): whoever
 * starts the process that calls this sees to it.
 */
export async function openLanceIndex(dir: string): Promise<NoteIndex> {
  const lance = await import('@lancedb/lancedb')
  const connection: Connection = await lance.connect(dir)
  const names = await connection.tableNames()
  let passages: Table | undefined = names.includes(PASSAGES) ? await openTable(connection, dir, PASSAGES) : undefined
  /** Until it is known which model is used, what is forgotten is forgotten in every model's table. */
  const vectorTables = new Map<string, Table>()
  let vectorsName: string | undefined
  let vectors: Table | undefined
  for (const name of names) {
    if (name.startsWith(VECTORS)) {
      const table = await openTable(connection, dir, name)
      if (table) vectorTables.set(name, table)
    }
    // What another layout left behind is of no use to anyone.
    else if (name !== PASSAGES) await connection.dropTable(name)
  }

  const mark = join(dir, 'merged.json')
  let merged = passages ? await readMark(mark) : 0
  const tail = createTail()
  let writes = 0
  let indexedRows = (await passages?.countRows()) ?? 0
  let seq = merged
  for (const row of passages ? await readRows(passages.query().where(`seq > ${merged}`)) : []) {
    tail.add(passageRow(row))
    seq = Math.max(seq, Number(row['seq']))
  }
  let known: Map<string, Set<string>> | undefined

  async function addPassages(batch: Record<string, unknown>[]): Promise<void> {
    if (batch.length === 0) return
    if (passages) await passages.add(batch)
    else {
      passages = await connection.createTable(PASSAGES, batch)
      await indexPassages(passages)
    }
  }

  async function indexPassages(table: Table): Promise<void> {
    await table.createIndex('terms', {
      config: lance.Index.fts({
        baseTokenizer: 'whitespace',
        lowercase: false,
        stem: false,
        removeStopWords: false,
        asciiFolding: false,
        withPosition: false,
        maxTokenLength: 128,
      }),
    })
    await table.createIndex('id', { config: lance.Index.btree() })
    await table.createIndex('note', { config: lance.Index.btree() })
    await table.createIndex('scope', { config: lance.Index.bitmap() })
  }

  async function addVectors(batch: Record<string, unknown>[]): Promise<void> {
    if (batch.length === 0 || !vectorsName) return
    if (vectors) await vectors.add(batch)
    else {
      vectors = await connection.createTable(vectorsName, batch)
      vectorTables.set(vectorsName, vectors)
      await vectors.createIndex('note', { config: lance.Index.btree() })
      await vectors.createIndex('scope', { config: lance.Index.bitmap() })
    }
  }

  /** A name whose last passage is gone stays known until the index is opened anew; that does no harm. */
  function meet(scope: string, speaker: string): void {
    if (!known || speaker === '') return
    known.set(scope, (known.get(scope) ?? new Set<string>()).add(speaker))
  }

  /** What the index thinks a word is worth, read off one of its answers. Only asked for words the tail has. */
  async function weigh(word: string): Promise<number> {
    const [best]: Record<string, unknown>[] = passages
      ? await passages
          .query()
          .fullTextSearch(new lance.MatchQuery(word, 'terms'))
          .fastSearch()
          .select(['terms', '_score'])
          .limit(1)
          .toArray()
      : []
    return best ? weightFrom(Number(best['_score']), String(best['terms']), word) : weightOfUnknown(indexedRows)
  }

  return {
    kind: 'lance',

    async useVectors(identity) {
      vectorsName = identity === null ? undefined : `${VECTORS}${identity}`
      vectors = vectorsName === undefined ? undefined : vectorTables.get(vectorsName)
      for (const [name, table] of vectorTables) {
        if (name === vectorsName) continue
        table.close()
        vectorTables.delete(name)
        await connection.dropTable(name)
      }
    },

    async put(noteIds, given, fresh) {
      if (!fresh) await removeFrom([passages, ...vectorTables.values()], noteIds)
      tail.remove(noteIds)
      const at = ++seq
      await addPassages(given.map((row) => ({ ...row, seq: at })))
      for (const row of given) {
        tail.add(row)
        meet(row.scope, row.speaker)
      }
      writes++
    },

    async remove(noteIds) {
      await removeFrom([passages, ...vectorTables.values()], noteIds)
      tail.remove(noteIds)
      writes++
    },

    async putVectors(noteIds, given, fresh) {
      if (!fresh) await removeFrom([vectors], noteIds)
      await addVectors(given.map((row) => ({ ...row, vector: row.vector })))
      writes++
    },

    async search(query, where, limit) {
      if (!passages || query.words.length === 0) return []
      const found: Record<string, unknown>[] = await passages
        .query()
        .fullTextSearch(textQuery(lance, query))
        .where(filter(where))
        .fastSearch()
        .select(['id', ...HIT_COLUMNS, '_score'])
        .limit(limit)
        .toArray()
      const fromTail = await tail.search(query, where, weigh)
      const seen = new Set(fromTail.map(({ id }) => id))
      const rest = found
        .map((row) => hit(row, String(row['id']), Number(row['_score'])))
        .filter(({ id }) => !seen.has(id))
      return [...fromTail, ...rest].sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1)).slice(0, limit)
    },

    async nearest(vector, where, limit) {
      if (!vectors) return []
      let query: VectorQuery = vectors
        .query()
        .nearestTo(vector)
        .distanceType('cosine')
        .where(filter(where))
        .select(['passage', ...HIT_COLUMNS, '_distance'])
        .limit(limit)
      query = query.nprobes(PROBES)
      const found: Record<string, unknown>[] = await query.toArray()
      return found.map((row) => hit(row, String(row['passage']), 1 - Number(row['_distance'])))
    },

    async get(ids) {
      if (!passages || ids.length === 0) return []
      return (await readRows(passages.query().where(`id IN (${ids.map(quoted).join(',')})`))).map(passageRow)
    },

    async passagesOf(noteIds) {
      if (!passages || noteIds.length === 0) return []
      const found = await readRows(passages.query().where(`note IN (${noteIds.map(quoted).join(',')})`))
      return found.map(passageRow).sort((a, b) => (a.note === b.note ? a.ord - b.ord : a.note < b.note ? -1 : 1))
    },

    async speakers(scopes) {
      if (!known) {
        known = new Map()
        const found = passages
          ? await readRows(passages.query().where("speaker != ''").select(['scope', 'speaker']))
          : []
        for (const row of found) meet(String(row['scope']), String(row['speaker']))
      }
      const chosen =
        scopes === 'all' ? [...known.values()] : scopes.map((scope) => known?.get(scope) ?? new Set<string>())
      return [...new Set(chosen.flatMap((names) => [...names]))]
    },

    async count() {
      // Before the model is loaded it is not known whose they are; there are those of one model.
      const tables = vectors ? [vectors] : [...vectorTables.values()]
      const vectorRows = await Promise.all(tables.map((table) => table.countRows()))
      return {
        passages: (await passages?.countRows()) ?? 0,
        vectors: vectorRows.reduce((sum, rows) => sum + rows, 0),
        bytes: await sizeOf(dir),
      }
    },

    async countByNote() {
      const counts = new Map<string, number>()
      if (!passages) return counts
      for (const row of await readRows(passages.query().select(['note']))) {
        const note = String(row['note'])
        counts.set(note, (counts.get(note) ?? 0) + 1)
      }
      return counts
    },

    async notesWithVectors(identity) {
      const table = vectorTables.get(`${VECTORS}${identity}`)
      const rows = table ? await readRows(table.query().select(['note'])) : []
      return [...new Set(rows.map((row) => String(row['note'])))]
    },

    async optimize(now, isAlone = false) {
      // One process owns the folder, and writes take turns with this; only a search that is under way
      // may still read an older version, and none takes as long as the grace. Alone, those go too that this makes.
      const upTo = seq
      const settled = { cleanupOlderThan: new Date(isAlone ? now + GRACE_MS : now - GRACE_MS), deleteUnverified: true }
      await passages?.optimize(settled)
      merged = upTo
      await writeMark(mark, merged)
      tail.clear()
      indexedRows = (await passages?.countRows()) ?? 0
      if (vectors) {
        const indexed = (await vectors.listIndices()).some((index) => index.columns.includes('vector'))
        if (!indexed && (await vectors.countRows()) >= VECTOR_INDEX_ROWS) {
          const numPartitions = Math.round(Math.sqrt(await vectors.countRows()))
          await vectors.createIndex('vector', {
            config: lance.Index.ivfFlat({ distanceType: 'cosine', numPartitions, maxIterations: 10, sampleRate: 32 }),
          })
        }
        await vectors.optimize(settled)
      }
      writes = 0
    },

    get wantsOptimize() {
      return writes >= WRITES_MAX || tail.size >= Math.max(TAIL_MAX, indexedRows * TAIL_SHARE)
    },

    async clear() {
      for (const name of await connection.tableNames()) await connection.dropTable(name)
      passages = undefined
      vectors = undefined
      vectorTables.clear()
      tail.clear()
      merged = 0
      seq = 0
      writes = 0
      indexedRows = 0
      known = undefined
      await rm(dir, { recursive: true, force: true })
    },

    async [Symbol.asyncDispose]() {
      passages?.close()
      for (const table of vectorTables.values()) table.close()
      connection.close()
    },
  }
}

/** A table that was being made when the process was killed cannot be opened; it is made again from the notes. */
async function openTable(connection: Connection, dir: string, name: string): Promise<Table | undefined> {
  try {
    const table = await connection.openTable(name)
    await table.countRows()
    return table
  } catch {
    await rm(join(dir, `${name}.lance`), { recursive: true, force: true })
    return undefined
  }
}

async function removeFrom(tables: readonly (Table | undefined)[], noteIds: readonly string[]): Promise<void> {
  if (noteIds.length === 0) return
  const predicate = `note IN (${noteIds.map(quoted).join(',')})`
  for (const table of tables) await table?.delete(predicate)
}

function textQuery(lance: typeof import('@lancedb/lancedb'), query: TextQuery) {
  const operator = query.all ? lance.Operator.And : lance.Operator.Or
  const weak = new Set(query.all ? [] : query.weak)
  const strong = query.words.filter((word) => !weak.has(word))
  const faint = query.words.filter((word) => weak.has(word))
  if (faint.length === 0) return new lance.MatchQuery(strong.join(' '), 'terms', { operator })
  const parts: [typeof lance.Occur.Should, InstanceType<typeof lance.MatchQuery>][] = [
    [lance.Occur.Should, new lance.MatchQuery(faint.join(' '), 'terms', { operator, boost: 0.5 })],
  ]
  if (strong.length > 0) parts.push([lance.Occur.Should, new lance.MatchQuery(strong.join(' '), 'terms', { operator })])
  return new lance.BooleanQuery(parts)
}

function filter(where: Where): string {
  const parts: string[] = []
  if (where.scopes !== 'all') parts.push(`scope IN (${where.scopes.map(quoted).join(',') || "''"})`)
  if (where.kinds) parts.push(`kind IN (${where.kinds.map(quoted).join(',') || "''"})`)
  return parts.join(' AND ') || 'true'
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

async function readRows(query: Query): Promise<Record<string, unknown>[]> {
  return await query.toArray()
}

function hit(row: Record<string, unknown>, id: string, score: number): Hit {
  return {
    id,
    note: String(row['note']),
    item: String(row['item']),
    speaker: String(row['speaker']),
    at: Number(row['at']),
    past: Boolean(row['past']),
    score,
  }
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

/** How far the full-text index had got; 0 when that is not known, so that everything is looked at. */
async function readMark(file: string): Promise<number> {
  const text = await readFile(file, 'utf8').catch(() => '0')
  return Math.max(0, Math.floor(Number(text)) || 0)
}

async function writeMark(file: string, seq: number): Promise<void> {
  await writeFile(`${file}.part`, String(seq))
  await rename(`${file}.part`, file)
}

/** Bytes of all files below a folder. */
async function sizeOf(dir: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(dir, { withFileTypes: true, recursive: true }).catch(() => [])) {
    if (!entry.isFile()) continue
    bytes += await stat(join(entry.parentPath, entry.name)).then(
      (found) => found.size,
      () => 0,
    )
  }
  return bytes
}
