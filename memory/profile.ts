import type { Profile } from './memory.ts'
import type { Note } from './note.ts'

/** About four characters to a token, for every model near enough. */
export function tokensOf(text: string): number {
  return Math.ceil(text.length / 4)
}

/** Said before it is full, while there is time to tidy up. */
const NEARLY_FULL = 0.8

/**
 * The text that is always given: preferences and pinned notes that hold. Pure.
 *
 * Pinned first, then the narrower scope, then the newest, because what is cut should be
 * what is least missed; and what is cut is named, in the text itself.
 */
export function makeProfile(notes: readonly Note[], tokensMax: number): Profile {
  const sorted = [...notes].sort(
    (a, b) =>
      Number(b.pinned) - Number(a.pinned) ||
      Number(a.scope === 'global') - Number(b.scope === 'global') ||
      (b.observed ?? b.created ?? '').localeCompare(a.observed ?? a.created ?? '') ||
      (a.id < b.id ? -1 : 1),
  )
  const lines: string[] = []
  const kept: Note[] = []
  const left: Note[] = []
  let tokens = 0
  for (const note of sorted) {
    const line = `- ${oneBlock(note)}`
    const cost = tokensOf(line) + 1
    if (tokens + cost > tokensMax) {
      left.push(note)
      continue
    }
    tokens += cost
    lines.push(line)
    kept.push(note)
  }
  const warning = warningOf(left, tokens, tokensMax)
  const notice =
    left.length > 0
      ? `\n\n**${left.length} standing notes are not shown here, for want of room:** ${left.map(({ title }) => title).join('; ')}.`
      : ''
  return {
    text: lines.join('\n') + notice,
    tokens,
    tokensMax,
    notes: kept.map(({ id }) => id),
    left: left.map(({ id, title }) => ({ id, title })),
    warning,
  }
}

function warningOf(left: readonly Note[], tokens: number, tokensMax: number): string | null {
  if (left.length > 0) {
    const names = left.slice(0, 5).map(({ title }) => `"${title}"`)
    return `The profile is full (${tokensMax} tokens): ${left.length} of your standing notes are NOT given to agents, among them ${names.join(', ')}. Shorten, merge or unpin some, or raise the limit.`
  }
  if (tokens > tokensMax * NEARLY_FULL) {
    return `The profile is nearly full: ${tokens} of ${tokensMax} tokens. What comes next may not fit.`
  }
  return null
}

function oneBlock(note: Note): string {
  const body = note.body
    .trim()
    .replace(/\n{2,}/g, '\n')
    .replaceAll('\n', '\n  ')
  const titled = note.title && !body.toLowerCase().includes(note.title.toLowerCase().slice(0, 40))
  return titled ? `${note.title}: ${body}` : body
}
