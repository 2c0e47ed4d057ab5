import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Connection, Query, Table, VectorQuery } from '@lancedb/lancedb'
import type { Hit, NoteIndex, PassageRow, TextQuery, Where } from './note-index.ts'

/** Another layout of the tables starts anew under another name. */
const LAYOUT = 1
const PASSAGES = `passages_v${LAYOUT}`
const VECTORS = `vectors_v${LAYOUT}_`
/** Below this a scan of all vectors is quicker than it is worth to train an index. */
const VECTOR_INDEX_ROWS = 20_000
/** Optimize after this many writes or rows: unmerged rows are scanned one by one. */
const WRITES_MAX = 40
const ROWS_MAX = 4_000
const PROBES = 24
const HIT_COLUMNS = ['note', 'item', 'speaker', 'at', 'past']

/**
 * LanceDB in a folder: one table of passages with full text over our own words, one of
 * vectors per model.
 *
 * Its tokenizer is told to split at spaces and nothing else, because the words come from
 * `words.ts`: a search then means the same in every index, and repetition carries weight.
 *
 * Building a full-text index stops for ever on machines with one or two processors unless
 * LANCE_CPU_THREADS says 2 or more before the library is loaded (lancedb#3568): whoever
 * starts the process that calls this sees to it.
 */
export async function openLanceIndex(dir: string): Promise<NoteIndex> {
  const lance = await import('@lancedb/lancedb')
  const connection: Connection = await lance.connect(dir)
  const names = await connection.tableNames()
  let passages: Table | undefined = names.includes(PASSAGES) ? await connection.openTable(PASSAGES) : undefined
  /** Until it is known which model is used, what is forgotten is forgotten in every model's table. */
  const vectorTables = new Map<string, Table>()
  let vectorsName: string | undefined
  let vectors: Table | undefined
  for (const name of names) {
    if (name.startsWith(VECTORS)) vectorTables.set(name, await connection.openTable(name))
    // What another layout left behind is of no use to anyone.
    else if (name !== PASSAGES) await connection.dropTable(name)
  }

  let writes = passages ? WRITES_MAX : 0
  let rows = 0
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

  function wrote(count: number): void {
    writes++
    rows += count
    known = undefined
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
      await addPassages(given.map((row) => ({ ...row })))
      wrote(given.length)
    },

    async remove(noteIds) {
      await removeFrom([passages, ...vectorTables.values()], noteIds)
      wrote(noteIds.length)
    },

    async putVectors(noteIds, given, fresh) {
      if (!fresh) await removeFrom([vectors], noteIds)
      await addVectors(given.map((row) => ({ ...row, vector: row.vector })))
      wrote(given.length)
    },

    async search(query, where, limit) {
      if (!passages || query.words.length === 0) return []
      const found: Record<string, unknown>[] = await passages
        .query()
        .fullTextSearch(textQuery(lance, query))
        .where(filter(where))
        .select(['id', ...HIT_COLUMNS, '_score'])
        .limit(limit)
        .toArray()
      return found.map((row) => hit(row, String(row['id']), Number(row['_score'])))
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
        for (const row of found) {
          const scope = String(row['scope'])
          const names = known.get(scope) ?? new Set<string>()
          known.set(scope, names.add(String(row['speaker'])))
        }
      }
      const chosen =
        scopes === 'all' ? [...known.values()] : scopes.map((scope) => known?.get(scope) ?? new Set<string>())
      return [...new Set(chosen.flatMap((names) => [...names]))]
    },

    async count() {
      return {
        passages: (await passages?.countRows()) ?? 0,
        vectors: (await vectors?.countRows()) ?? 0,
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

    async optimize(now) {
      // One process owns the folder and every search takes the newest version, so none older is needed.
      const settled = { cleanupOlderThan: new Date(now), deleteUnverified: true }
      await passages?.optimize(settled)
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
      rows = 0
    },

    get wantsOptimize() {
      return writes >= WRITES_MAX || rows >= ROWS_MAX
    },

    async clear() {
      for (const name of await connection.tableNames()) await connection.dropTable(name)
      passages = undefined
      vectors = undefined
      vectorTables.clear()
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
