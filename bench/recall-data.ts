import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

/**
 * Data sets in the neutral form: `corpus.jsonl` and `questions.jsonl`. A question is
 * searched within its group; one without evidence has no answer there. What is not known
 * of a message may be null or left out.
 */
const Name = z.union([z.string(), z.number()]).transform(String)
const Group = Name.nullish().transform((group) => group ?? 'all')
const CorpusRow = z.object({
  id: Name,
  group: Group,
  at: z.union([z.string(), z.number()]).nullish(),
  speaker: Name.nullish(),
  text: z.string().nullish(),
})
const QuestionRow = z.object({
  id: Name.nullish(),
  group: Group,
  text: z.string(),
  evidence: z
    .union([z.array(Name), Name.transform((id) => [id])])
    .nullish()
    .transform((ids) => [...new Set(ids ?? [])]),
  kind: Name.nullish(),
})

export interface CorpusLine {
  id: string
  group: string
  /** Milliseconds; null where unknown. */
  at: number | null
  speaker: string
  text: string
}
export interface QuestionLine {
  id: string
  group: string
  text: string
  evidence: string[]
  kind: string
}
export interface DataSet {
  corpus: CorpusLine[]
  questions: QuestionLine[]
  /** Kinds that are counted by themselves and not in the sum of all. */
  apart: ReadonlySet<string>
}

export async function readDataSet(dir: string): Promise<DataSet | undefined> {
  const files = [join(dir, 'corpus.jsonl'), join(dir, 'questions.jsonl')] as const
  if (!files.every((file) => existsSync(file))) return undefined
  const corpus = await readLines(files[0], CorpusRow)
  const questions = await readLines(files[1], QuestionRow)
  return {
    corpus: corpus.map(({ id, group, at, speaker, text }) => ({
      id,
      group,
      at: readMoment(at ?? null),
      speaker: speaker ?? '',
      text: text ?? '',
    })),
    questions: questions.map((row, i) => ({
      ...row,
      id: row.id ?? String(i + 1),
      kind: row.kind ?? (row.evidence.length === 0 ? 'unanswerable' : 'all'),
    })),
    apart: new Set(),
  }
}

/** Throws an error that names file, line and key. */
async function readLines<S extends z.ZodType>(file: string, schema: S): Promise<z.output<S>[]> {
  const lines = (await readFile(file, 'utf8')).replace(/^\uFEFF/, '').split('\n')
  return lines.flatMap((line, i) => {
    if (line.trim() === '') return []
    const parsed = schema.safeParse(parseJson(line))
    if (parsed.success) return [parsed.data]
    const [issue] = parsed.error.issues
    throw new Error(`${file}:${i + 1}: ${issue?.path.join('.') || 'the line'}: ${issue?.message}`)
  })
}

/** Undefined where it is no JSON: no row fits that. */
function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

const MOMENT = /^(\d{1,2}):(\d{2}) (am|pm) on (\d{1,2}) (\w+),? (\d{4})$/i

/** ISO, seconds or milliseconds since the epoch, or LoCoMo's "1:56 pm on 8 May, 2023". */
export function readMoment(given: string | number | null): number | null {
  if (given === null) return null
  if (typeof given === 'number') return given < 1e11 ? given * 1000 : given
  const said = MOMENT.exec(given.trim())
  if (said) {
    const hour = (Number(said[1]) % 12) + (said[3]!.toLowerCase() === 'pm' ? 12 : 0)
    const day = Date.parse(`${said[4]} ${said[5]} ${said[6]} UTC`)
    return Number.isNaN(day) ? null : day + (hour * 60 + Number(said[2])) * 60_000
  }
  const at = Date.parse(/\d{4}-\d{2}-\d{2}T[\d:.]+$/.test(given) ? `${given}Z` : given)
  return Number.isNaN(at) ? null : at
}

const LocomoTurn = z.object({
  dia_id: z.string(),
  speaker: z.string(),
  text: z.string(),
  blip_caption: z.string().nullish(),
})
const KINDS: Record<number, string> = {
  1: 'multi-hop',
  2: 'temporal',
  3: 'open-domain',
  4: 'single-hop',
  5: 'adversarial',
}

/**
 * LoCoMo's own file in the neutral form. Evidence that names no turn is left out, and so is
 * a question with none; category 5, whose answer lies elsewhere, is kept apart.
 */
export async function readLocomo(dir: string): Promise<DataSet | undefined> {
  const file = join(dir, 'locomo10.json')
  if (!existsSync(file)) return undefined
  const data: DataSet = { corpus: [], questions: [], apart: new Set(['adversarial']) }
  for (const sample of JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>[]) {
    const group = String(sample['sample_id'])
    const conversation = sample['conversation'] as Record<string, unknown>
    const ids = new Set<string>()
    for (
      let n = 1;
      conversation[`session_${n}_date_time`] !== undefined || conversation[`session_${n}`] !== undefined;
      n++
    ) {
      const at = readMoment((conversation[`session_${n}_date_time`] as string | undefined) ?? null)
      for (const turn of z.array(LocomoTurn).parse(conversation[`session_${n}`] ?? [])) {
        ids.add(turn.dia_id)
        const image = turn.blip_caption ? ` [shared image: ${turn.blip_caption}]` : ''
        data.corpus.push({
          id: `${group}/${turn.dia_id}`,
          group,
          at,
          speaker: turn.speaker,
          text: `${turn.text}${image}`,
        })
      }
    }
    const questions = sample['qa'] as { question: string; evidence?: string[]; category: number }[]
    for (const [i, { question, evidence, category }] of questions.entries()) {
      const found = (evidence ?? [])
        .flatMap((part) => part.split(/[;,\s]+/))
        .map((part) => part.replace(/^D:?(\d+):0*(\d+)$/, 'D$1:$2'))
        .filter((id) => ids.has(id))
      if (found.length === 0) continue
      data.questions.push({
        id: `${group}/q${i + 1}`,
        group,
        text: question,
        evidence: [...new Set(found)].map((id) => `${group}/${id}`),
        kind: KINDS[category] ?? String(category),
      })
    }
  }
  return data
}
