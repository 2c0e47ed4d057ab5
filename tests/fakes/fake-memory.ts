import { Fault } from '../../core/fault.ts'
import type { MemoryForTools, NewNoteForTools } from '../../tools/context.ts'

export interface FakeMemory extends MemoryForTools {
  readonly notes: Map<string, NewNoteForTools>
}

/** Notes in a map; recall finds those that share a word, in the scopes it is given. */
export function createFakeMemory(): FakeMemory {
  const notes = new Map<string, NewNoteForTools>()
  const get = (noteId: string) => {
    const note = notes.get(noteId)
    if (!note) throw new Fault('note_not_found', `There is no note ${noteId}`)
    return note
  }
  const line = (noteId: string, { kind, scope, title, text }: NewNoteForTools) => ({
    noteId,
    kind,
    scope,
    title: title ?? text.slice(0, 40),
    date: '2026-11-23T09:00:00Z',
    pinned: false,
  })
  return {
    notes,
    async recall(question, { scopes, limit }) {
      const asked = question.toLowerCase().split(/\W+/)
      const passages = [...notes]
        .filter(([, note]) => !scopes || scopes.includes(note.scope))
        .filter(([, { text }]) => asked.some((word) => text.toLowerCase().includes(word)))
        .slice(0, limit)
        .map(([noteId, { text, title, source }]) => ({
          noteId,
          title: title ?? 'untitled',
          text,
          source: source.from,
          date: null,
          trusted: true,
        }))
      return { passages, words: passages.length === 0 ? 'no note has any of these words' : null }
    },
    async remember(note) {
      const noteId = `note_${notes.size + 1}`
      notes.set(noteId, note)
      return { noteId, became: 'added', words: 'Kept.' }
    },
    async forget(noteId) {
      get(noteId)
      notes.delete(noteId)
    },
    async list({ scope, kind, after, limit }) {
      const all = [...notes].filter(([, note]) => (!scope || note.scope === scope) && (!kind || note.kind === kind))
      const start = after === undefined ? 0 : all.findIndex(([noteId]) => noteId === after) + 1
      return all.slice(start, start + limit).map(([noteId, note]) => line(noteId, note))
    },
    async show(noteId) {
      const note = get(noteId)
      return { ...line(noteId, note), source: note.source.from, trusted: true, supersededBy: null, markdown: note.text }
    },
  }
}
