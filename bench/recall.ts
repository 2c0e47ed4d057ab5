import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, isAbsolute, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../core/clock.ts'
import { silentLog } from '../core/world.ts'
import { createMemory } from '../memory/create-memory.ts'
import type { EmbedderSettings } from '../memory/embed/embedder.ts'
import type { Memory } from '../memory/memory.ts'
import { serveMadeUpVectors } from './made-up-vectors.ts'
import { type DataSet, type QuestionLine, readDataSet, readLocomo } from './recall-data.ts'
import { type WrittenNotes, writeNotes } from './recall-notes.ts'
import { makeCorpus } from './recall-scale.ts'
import { at, mean, type Quality, round, score } from './recall-score.ts'

/**
 * How well and how quickly recall answers: the product's own memory, notes on disk, index,
 * engine process and defaults, on a data set in the neutral form, on LoCoMo, or on made-up
 * notes of a given number.
 *
 * Messages of a group become conversation notes, one for each sitting; a question is asked
 * in its group's scope. What counts is whether the message itself is found.
 */
const HELP = `npm run bench -- recall [--data DIR] [--locomo DIR] [--scale 1000,10000,100000] [--model FOLDER|none|made-up] [--strangers] [--dtype q8] [--json] [--out FILE]`

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
      strangers: { type: 'boolean', default: false },
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
  await using madeUp = values.model === 'made-up' ? await serveMadeUpVectors() : null
  const embedder = madeUp
    ? { kind: 'remote' as const, url: madeUp.url, model: 'made-up', key: null, weight: null, timeoutMs: 60_000 }
    : chooseEmbedder(values.model, values.dtype)
  const results = []
  for (const { name, where, load } of sets) {
    const data = await load().catch((error: Error) => {
      console.error(error.message)
      process.exitCode = 2
    })
    if (!data && process.exitCode === 2) continue
    if (!data || data.corpus.length === 0) {
      console.error(`data not found: ${where}`)
      continue
    }
    if (values.strangers) data.questions.push(...askStrangers(data.questions))
    const result = { data: name, model: values.model, ...(await measure(data, embedder, values.index as 'auto')) }
    results.push(result)
    if (!values.json) print(result)
  }
  const text = JSON.stringify(results.length === 1 ? results[0] : results, null, 2)
  if (values.json) console.log(text)
  if (values.out !== undefined) await writeFile(values.out, `${text}\n`)
}

/**
 * Each question once more, asked in the next group: whoever speaks there lives a life of the same kind and knows
 * nothing of it.
 */
export function askStrangers(questions: readonly QuestionLine[]): QuestionLine[] {
  const groups = [...new Set(questions.map(({ group }) => group))]
  if (groups.length < 2) return []
  return questions
    .filter(({ evidence }) => evidence.length > 0)
    .map((question) => ({
      ...question,
      id: `${question.id} of a stranger`,
      group: groups[(groups.indexOf(question.group) + 1) % groups.length]!,
      evidence: [],
      kind: 'stranger',
    }))
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

export async function measure(
  data: DataSet,
  embedder: EmbedderSettings,
  index: 'auto' | 'lance' | 'sqlite',
): Promise<Measured> {
  const dir = await mkdtemp(join(tmpdir(), 'claw-bench-recall-'))
  try {
    const written = await writeNotes(join(dir, 'notes'), data.corpus)
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
    const asked = await askAll(memory, data, written)
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

async function askAll(memory: Memory, { questions, apart }: DataSet, { idOf, scopeOf }: WrittenNotes) {
  const all: number[][] = []
  const byKind = new Map<string, number[][]>()
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
    const isRefused = recalled.passages.length === 0
    if (question.evidence.length === 0) {
      abstention.unanswerable++
      if (isRefused) abstention.refusedUnanswerable++
      continue
    }
    abstention.answerable++
    if (isRefused) abstention.refused++
    const found = recalled.passages.map((passage) => idOf.get(`${passage.path}#${passage.anchor}`) ?? '')
    const row = score(found, new Set(question.evidence))
    if (!apart.has(question.kind)) all.push(row)
    byKind.set(question.kind, [...(byKind.get(question.kind) ?? []), row])
  }
  times.sort((a, b) => a - b)
  return {
    how,
    overall: mean(all),
    kinds: Object.fromEntries([...byKind].map(([kind, rows]) => [kind, mean(rows)])),
    abstention,
    latencyMs: {
      p50: at(times, 0.5),
      p99: at(times, 0.99),
      first: round(first / Math.max(1, Math.min(WARM_UP, questions.length))),
    },
  }
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
