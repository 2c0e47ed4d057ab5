/** What a brain is told in a conversation. Pure: rows in, words and their trust out. */
import { isAtLeast, type Role } from '../../core/person.ts'
import { asData, clipEnds } from '../prompts/data.ts'
import type { Turn } from '../store/chat-rows.ts'

/** One message as it came, with who wrote it. */
export interface Spoken {
  who: string
  role: Role
  text: string
  /** Words of others that came along: what they are, and the words. */
  enclosed: { name: string; text: string }[]
}

export interface Made {
  tool: string
  input: unknown
  result: string
  isForeign: boolean
}

export interface PromptInput {
  now: number
  channel: string
  isGroup: boolean
  earlier: { summary: string | null; isForeign: boolean }
  /** Older first; what belongs to the message that is answered is not among them. */
  turns: readonly Turn[]
  spoken: readonly Spoken[]
  /** What was called for this message so far. */
  made: readonly Made[]
  /** No more calls are taken: say something. */
  isLast: boolean
}

const SUMMARY_MAX = 4_000
const TURN_MAX = 2_000
const ENCLOSED_MAX = 16_000
const RESULT_MAX = 12_000

/** Whoever wrote a turn, as it was kept with it. */
export interface TurnAuthor {
  role: Role | null
}

/**
 * The words, and whether any of them were written by somebody who has fewer rights than the one who speaks now:
 * then nothing is done on the brain's word alone.
 */
export function conversePrompt(input: PromptInput): { text: string; isTainted: boolean } {
  const role = input.spoken.at(-1)?.role ?? 'guest'
  let isTainted = input.earlier.isForeign || input.made.some(({ isForeign }) => isForeign)
  const lines: string[] = [
    `It is ${new Date(input.now).toISOString()}. Channel: ${input.channel}${input.isGroup ? ', a group' : ''}.`,
  ]
  const { summary, isForeign: isSummaryForeign } = input.earlier
  if (summary) {
    const words = clipEnds(summary, SUMMARY_MAX)
    lines.push(`# Earlier, in short\n${isSummaryForeign ? asData('earlier', words, SUMMARY_MAX) : words}`)
  }
  if (input.turns.length > 0) {
    lines.push('# Before')
    for (const turn of input.turns) {
      if (turn.kind === 'call') {
        lines.push(`(you called ${turn.text})`)
        continue
      }
      const author = (turn.data as TurnAuthor | null)?.role ?? null
      const isForeign = turn.tainted || (turn.kind === 'person' && (author === null || !isAtLeast(author, role)))
      if (isForeign) isTainted = true
      const who = turn.kind === 'claw' ? 'you' : `${turn.by}${author ? ` (${author})` : ''}`
      const text = clipEnds(turn.text, TURN_MAX)
      lines.push(isForeign ? asData(who, text, TURN_MAX) : JSON.stringify({ who, text }))
    }
  }
  lines.push('# Now')
  for (const { who, role: theirs, text, enclosed } of input.spoken) {
    if (text !== '') lines.push(JSON.stringify({ who: `${who} (${theirs})`, text: clipEnds(text, ENCLOSED_MAX) }))
    for (const part of enclosed) {
      isTainted = true
      lines.push(asData(part.name, part.text, ENCLOSED_MAX))
    }
  }
  if (input.made.length > 0) {
    lines.push('# What came of your calls')
    for (const { tool, input: given, result, isForeign } of input.made) {
      lines.push(`${tool} ${JSON.stringify(given)}:`)
      lines.push(isForeign ? asData(`answer of ${tool}`, result, RESULT_MAX) : clipEnds(result, RESULT_MAX))
    }
  }
  if (input.isLast) lines.push('No more calls are taken for this message: answer now, with `calls` empty.')
  return { text: lines.join('\n'), isTainted }
}

/** Turns for a summary: only what the person and Claw said by themselves. */
export function turnsForSummary(turns: readonly Turn[]): string {
  return turns
    .filter((turn) => turn.kind !== 'call')
    .map((turn) =>
      turn.tainted
        ? `${turn.by}: [about words of others, left out]`
        : JSON.stringify({ who: turn.by, text: clipEnds(turn.text, TURN_MAX) }),
    )
    .join('\n')
}
