/**
 * Gets an answer that fits: asks, and where it does not fit asks once more with the reasons.
 * The way the words come (a model, an agent program) is the caller's.
 */
import type { z } from 'zod'
import { Fault } from '../../core/fault.ts'
import type { Usage } from '../../core/run.ts'
import { addUsage, NO_USAGE } from './usage.ts'

export interface Words {
  text: string
  /** The answer ended at the provider's length limit. */
  cutOff: boolean
  usage: Usage
}

/** The answer that did not fit and what to say about it; undefined the first time. */
export type Repair = { answer: string; complaint: string } | undefined

const ISSUES_MAX = 20
const ROUNDS = 2

export async function askUntilFits<T>(
  who: string,
  schema: z.ZodType<T>,
  ask: (repair: Repair) => Promise<Words>,
): Promise<{ value: T; usage: Usage }> {
  let usage = NO_USAGE
  let repair: Repair
  for (let round = 0; round < ROUNDS; round++) {
    const words = await ask(repair)
    usage = addUsage(usage, words.usage)
    const read = readAnswer(schema, words.text)
    if ('value' in read) return { value: read.value, usage }
    const problem = words.cutOff ? `It was cut off at the length limit. ${read.problem}` : read.problem
    repair = {
      answer: words.text,
      complaint: `Your answer does not fit what was asked for:\n${problem}\n\nAnswer again, whole, with one JSON object that fits.`,
    }
  }
  const reason = repair!.complaint.split('\n').slice(1, 6).join(' ')
  throw new Fault(
    'brain_answer_invalid',
    `${who} answered ${ROUNDS} times with something that does not fit: ${reason}`,
    {
      hint: 'Try again, or choose a larger model.',
      details: { usage },
    },
  )
}

function readAnswer<T>(schema: z.ZodType<T>, text: string): { value: T } | { problem: string } {
  const found = findLastObject(text)
  if (found === undefined)
    return { problem: text.trim() === '' ? 'It is empty.' : 'There is no whole JSON object in it.' }
  const parsed = schema.safeParse(found)
  if (parsed.success) return { value: parsed.data }
  const issues = parsed.error.issues.slice(0, ISSUES_MAX)
  return { problem: issues.map((issue) => `- ${issue.path.join('.') || 'the whole'}: ${issue.message}`).join('\n') }
}

/** Characters that are read in search of an object; a text of nothing but braces costs no more. */
const LOOKED_AT_MAX = 20_000_000

/**
 * The last JSON object that stands in a text, in a fence or not; undefined where there is none.
 * Braces in prose are passed over, objects inside objects belong to the outer one.
 */
export function findLastObject(text: string): unknown {
  let last: unknown
  let lookedAt = 0
  let at = text.indexOf('{')
  while (at !== -1 && lookedAt < LOOKED_AT_MAX) {
    const end = findEnd(text, at)
    lookedAt += (end ?? text.length) - at
    const value = end === undefined ? undefined : parse(text.slice(at, end))
    if (value !== undefined) last = value
    at = text.indexOf('{', value === undefined ? at + 1 : end)
  }
  return last
}

/** Where the object that opens at `start` is closed; undefined where it is not. */
function findEnd(text: string, start: number): number | undefined {
  let depth = 0
  let quoted = false
  for (let i = start; i < text.length; i++) {
    const char = text[i]
    if (quoted) {
      if (char === '\\') i++
      else if (char === '"') quoted = false
    } else if (char === '"') quoted = true
    else if (char === '{') depth++
    else if (char === '}' && --depth === 0) return i + 1
  }
  return undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
