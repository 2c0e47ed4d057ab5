import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, isAbsolute, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../core/clock.ts'
import { silentLog } from '../core/world.ts'
import { writeTurn } from '../memory/chunk.ts'
import { createMemory } from '../memory/create-memory.ts'
import type { EmbedderSettings } from '../memory/embed/embedder.ts'
import type { Memory } from '../memory/memory.ts'
import { type CorpusLine, type DataSet, type QuestionLine, readDataSet, readLocomo } from './recall-data.ts'
import { makeCorpus } from './recall-scale.ts'

/**
 * How well and how quickly recall answers: the product's own memory, notes on disk, index,
 * engine process and defaults, on a data set in the neutral form, on LoCoMo, or on made-up
 * notes of a given number.
 *
 * Messages of a group become conversation notes, one for each sitting; a question is asked
 * in its group's scope. What counts is whether the message itself is found.
 */
const HELP = `npm run bench -- recall [--data DIR] [--locomo DIR] [--scale 1000,10000,100000] [--model FOLDER|none] [--dtype q8] [--json] [--out FILE]`

const DEPTHS = [5, 10, 20, 50] as const
/** A pause longer than this begins another note. */
const SITTING_MS = 3 * 3600_000
const TURNS_MAX = 500
const WARM_UP = 5

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: 'string', multiple: true },
      locomo: { type: 'string' },
      scale: { type: 'string' },
      model: { type: 'string', default: 'none' },
      dtype: { type: 'string', default: 'q8' },
      index: { type: 'string', default: 'auto' },
      json: { type: 'boolean', default: false },
      out: { type: 'string' },
    },
  })
  const sets: { name: string; load: () => Promise<DataSet | undefined>; where: string }[] = [
    ...(values.data ?? []).map((dir) => ({ name: basename(resolve(dir)), where: dir, load: () => readDataSet(dir) })),
    ...(values.locomo === undefined
      ? []
      : [{ name: 'locomo', where: values.locomo, load: () => readLocomo(values.locomo!) }]),
    ...(values.scale?.split(',') ?? []).map((count) => ({
      name: `scale-${count}`,
      where: count,
      load: async () => makeCorpus(Number(count)),
    })),
  ]
  if (sets.length === 0) {
    console.error(HELP)
    process.exitCode = 2
    return
  }
  const embedder = chooseEmbedder(values.model, values.dtype)
  const results = []
  for (const { name, where, load } of sets) {
    const data = await load()
    if (!data || data.corpus.length === 0) {
      console.error(`data not found: ${where}`)
      continue
    }
    const result = { data: name, model: values.model, ...(await measure(data, embedder, values.index as 'auto')) }
    results.push(result)
    if (!values.json) print(result)
  }
  const text = JSON.stringify(results.length === 1 ? results[0] : results, null, 2)
  if (values.json) console.log(text)
  if (values.out !== undefined) await writeFile(values.out, `${text}\n`)
}

function chooseEmbedder(model: string, dtype: string): EmbedderSettings {
  if (model === 'none') return { kind: 'none' }
  const folder = isAbsolute(model) || existsSync(model) ? resolve(model) : model
  return {
    kind: 'local',
    model: folder,
    dtype: dtype as 'q8',
    modelsDir: join(tmpdir(), 'claw-bench-models'),
    hubCacheDir: null,
    mayDownload: !isAbsolute(folder),
    hubUrl: 'https://huggingface.co',
    weight: null,
    threads: 2,
  }
}

interface Quality {
  questions: number
  r5: number
  r10: number
  r20: number
  r50: number
  mrr: number
  ndcg10: number
}

export interface Measured {
  passages: number
  vectors: number
  embeddings: string
  how: string
  overall: Quality
  kinds: Record<string, Quality>
  /** Answerable questions that were refused, and unanswerable ones that were. */
  abstention: { answerable: number; refused: number; unanswerable: number; refusedUnanswerable: number }
  latencyMs: { p50: number; p99: number; first: number }
  indexMs: { words: number; vectors: number }
  diskBytes: number
}

async function measure(
  data: DataSet,
  embedder: EmbedderSettings,
  index: 'auto' | 'lance' | 'sqlite',
): Promise<Measured> {
  const dir = await mkdtemp(join(tmpdir(), 'claw-bench-recall-'))
  try {
    const ids = await writeNotes(join(dir, 'notes'), data.corpus)
    const world = { clock: systemClock, log: silentLog }
    const started = performance.now()
    await using memory = await createMemory(world, {
      notesDir: join(dir, 'notes'),
      indexDir: join(dir, 'index'),
      embedder,
      index,
      engineIdleMs: 600_000,
    })
    await memory.settled()
    const worded = performance.now()
    await memory.vectorsSettled()
    const vectored = performance.now()
    await memory.selfTest()
    const asked = await askAll(memory, data.questions, ids)
    const status = await memory.status()
    return {
      passages: status.passages,
      vectors: status.vectors,
      embeddings: status.embeddings,
      ...asked,
      indexMs: { words: Math.round(worded - started), vectors: Math.round(vectored - worded) },
      diskBytes: status.diskBytes,
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Returns the message's id by note path and anchor. */
async function writeNotes(dir: string, corpus: readonly CorpusLine[]): Promise<Map<string, string>> {
  const ids = new Map<string, string>()
  const sittings: CorpusLine[][] = []
  for (const line of corpus) {
    const sitting = sittings.at(-1)
    const before = sitting?.at(-1)
    const together =
      sitting !== undefined &&
      before !== undefined &&
      before.group === line.group &&
      sitting.length < TURNS_MAX &&
      Math.abs((line.at ?? 0) - (before.at ?? 0)) <= SITTING_MS
    if (together) sitting.push(line)
    else sittings.push([line])
  }
  for (const [n, sitting] of sittings.entries()) {
    const scope = scopeOf(sitting[0]!.group)
    const folder = scope.replace(':', '/')
    const path = `${folder}/${String(n).padStart(6, '0')}.md`
    await mkdir(join(dir, folder), { recursive: true })
    const turns = sitting.map((line, i) => {
      ids.set(`${path}#t${i + 1}`, line.id)
      return writeTurn({
        speaker: line.speaker,
        at: line.at === null ? null : new Date(line.at).toISOString(),
        anchor: `t${i + 1}`,
        text: line.text,
      })
    })
    const head = `---\nid: note_bench-${n}\nkind: episode\nscope: ${scope}\ntitle: Conversation ${n + 1}\nsource: import\nformat: conversation\n---\n`
    await writeFile(join(dir, path), `${head}\n${turns.join('\n')}`)
  }
  return ids
}

function scopeOf(group: string): string {
  return `repo:${group.replace(/[^\w.-]/g, '_').slice(0, 100)}`
}

async function askAll(memory: Memory, questions: readonly QuestionLine[], ids: ReadonlyMap<string, string>) {
  const qualities = new Map<string, number[][]>()
  const abstention = { answerable: 0, refused: 0, unanswerable: 0, refusedUnanswerable: 0 }
  const times: number[] = []
  let how = ''
  const ask = (question: QuestionLine) =>
    memory.recall(question.text, { scopes: [scopeOf(question.group)], limit: 50, tokensMax: 1_000_000 })
  const firstStarted = performance.now()
  for (const question of questions.slice(0, WARM_UP)) await ask(question)
  const first = performance.now() - firstStarted
  for (const question of questions) {
    const started = performance.now()
    const recalled = await ask(question)
    times.push(performance.now() - started)
    how = recalled.how
    const refused = recalled.passages.length === 0
    if (question.evidence.length === 0) {
      abstention.unanswerable++
      if (refused) abstention.refusedUnanswerable++
      continue
    }
    abstention.answerable++
    if (refused) abstention.refused++
    const found = recalled.passages.map((passage) => ids.get(`${passage.path}#${passage.anchor}`) ?? '')
    const row = score(found, new Set(question.evidence))
    // LoCoMo's adversarial questions are counted apart, as everybody does.
    const buckets = question.kind === 'adversarial' ? [question.kind] : ['', question.kind]
    for (const bucket of buckets) qualities.set(bucket, [...(qualities.get(bucket) ?? []), row])
  }
  times.sort((a, b) => a - b)
  const kinds: Record<string, Quality> = {}
  for (const [kind, rows] of qualities) if (kind !== '') kinds[kind] = mean(rows)
  return {
    how,
    overall: mean(qualities.get('') ?? []),
    kinds,
    abstention,
    latencyMs: { p50: round(at(times, 0.5)), p99: round(at(times, 0.99)), first: round(first / WARM_UP) },
  }
}

function score(found: readonly string[], evidence: ReadonlySet<string>): number[] {
  const recallAt = (k: number) => found.slice(0, k).filter((id) => evidence.has(id)).length / evidence.size
  const first = found.findIndex((id) => evidence.has(id))
  const gain = found.slice(0, 10).reduce((sum, id, i) => sum + (evidence.has(id) ? 1 / Math.log2(i + 2) : 0), 0)
  const best = Array.from({ length: Math.min(10, evidence.size) }, (_, i) => 1 / Math.log2(i + 2)).reduce(
    (a, b) => a + b,
    0,
  )
  return [...DEPTHS.map(recallAt), first < 0 ? 0 : 1 / (first + 1), gain / best]
}

function mean(rows: readonly number[][]): Quality {
  const column = (i: number) => round((100 * rows.reduce((sum, row) => sum + row[i]!, 0)) / Math.max(1, rows.length))
  return {
    questions: rows.length,
    r5: column(0),
    r10: column(1),
    r20: column(2),
    r50: column(3),
    mrr: column(4),
    ndcg10: column(5),
  }
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function print(result: Measured & { data: string; model: string }): void {
  const line = (name: string, q: Quality) =>
    `  ${name.padEnd(14)} n ${String(q.questions).padStart(5)}  R@5 ${q.r5}  R@10 ${q.r10}  R@20 ${q.r20}  R@50 ${q.r50}  MRR ${q.mrr}  nDCG@10 ${q.ndcg10}`
  console.log(
    `${result.data}, ${result.how}: ${result.passages} passages, ${result.vectors} vectors (${result.embeddings})`,
  )
  console.log(line('all', result.overall))
  for (const [kind, quality] of Object.entries(result.kinds)) console.log(line(kind, quality))
  const { abstention: a, latencyMs: l, indexMs: i } = result
  console.log(
    `  refused ${a.refused} of ${a.answerable} answerable, ${a.refusedUnanswerable} of ${a.unanswerable} unanswerable`,
  )
  console.log(
    `  latency p50 ${l.p50} ms, p99 ${l.p99} ms, first ${l.first} ms; words ${i.words} ms, vectors ${i.vectors} ms; ${Math.round(result.diskBytes / 1e6)} MB`,
  )
}
