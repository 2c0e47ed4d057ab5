import type { Memory, NoteSummary } from '../../memory/memory.ts'
import { isTrusted } from '../../memory/note.ts'
import type { MemoryForTools, NoteLineForTools } from '../../tools/context.ts'

/** More than the owner has; a page is cut from it. */
const LISTED_MAX = 100_000

/** Long-term memory as the tools want it; opened by the first call. */
export function createNotesForTools(open: () => Promise<Memory>): MemoryForTools {
  return {
    async recall(question, { scopes, limit }) {
      const { passages, abstained, how, more } = await (await open()).recall(question, {
        scopes: scopes ?? 'all',
        limit,
      })
      const words = abstained ?? (how === 'words and vectors' ? null : `Searched by ${how}.`)
      return {
        passages: passages.map(({ noteId, title, text, source, at, trusted, superseded }) => ({
          noteId,
          title: superseded ? `${title} (no longer holds)` : title,
          text,
          source: source.from,
          date: at,
          trusted,
        })),
        words: more > 0 ? [words, `${more} more were found.`].filter(Boolean).join(' ') : words,
      }
    },
    async remember({ by: _, ...draft }) {
      const { outcome, note, superseded, warnings } = await (await open()).remember(draft)
      const said = { added: 'Kept.', merged: 'Joined with a note about the same.', known: 'It was known already.' }[
        outcome
      ]
      const over = superseded.length > 0 ? `No longer holds: ${superseded.join(', ')}.` : ''
      return { noteId: note.id, became: outcome, words: [said, over, ...warnings].filter(Boolean).join(' ') }
    },
    async forget(noteId) {
      const memory = await open()
      await memory.forget((await memory.getNote(noteId)).id)
    },
    async list({ scope, kind, after, limit }) {
      const notes = (await open()).listNotes({
        ...(scope === undefined ? {} : { scopes: [scope] }),
        ...(kind === undefined ? {} : { kinds: [kind] }),
        limit: LISTED_MAX,
      })
      const start = after === undefined ? 0 : notes.findIndex((note) => note.id === after) + 1
      return notes.slice(start, start + limit).map(lineOf)
    },
    async show(noteId) {
      const note = await (await open()).getNote(noteId)
      const { id, kind, scope, title, observed, created, pinned, source, supersededBy, body } = note
      return {
        noteId: id,
        kind,
        scope,
        title,
        date: observed ?? created,
        pinned,
        source: source.ref === null ? source.from : `${source.from} ${source.ref}`,
        trusted: isTrusted(note),
        supersededBy,
        markdown: body,
      }
    },
  }
}

function lineOf({ id, kind, scope, title, observed, created, pinned }: NoteSummary): NoteLineForTools {
  return { noteId: id, kind, scope, title, date: observed ?? created, pinned }
}
