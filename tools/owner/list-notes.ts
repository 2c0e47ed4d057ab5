import { z } from 'zod'
import { NOTE_KINDS } from '../context.ts'
import { NoteLine, NoteName, noteLine, ScopeName } from '../notes.ts'
import { defineTool } from '../tool.ts'

export const listNotes = defineTool({
  name: 'list_notes',
  title: 'List notes',
  description: 'List what is remembered, by title, in pages. To find something use recall.',
  scope: 'owner',
  readOnly: true,
  destructive: false,
  idempotent: true,
  needs: 'memory',
  input: z.strictObject({
    scope: ScopeName.optional().describe('Only of this room: `global`, `repo:<id>` or `goal:<id>`.'),
    kind: z.enum(NOTE_KINDS).optional(),
    after: NoteName.optional().describe('The last note of the page before.'),
    limit: z.int().min(1).max(200).default(50),
  }),
  output: z.object({
    notes: z.array(NoteLine),
    next: z.string().nullable().describe('The `after` of the next page; null: this was all.'),
  }),
  async run({ scope, kind, after, limit }, { memory }) {
    const filter = {
      limit: limit + 1,
      ...(scope ? { scope } : {}),
      ...(kind ? { kind } : {}),
      ...(after ? { after } : {}),
    }
    const notes = await memory!.list(filter)
    const page = notes.slice(0, limit)
    return { notes: page, next: notes.length > limit ? (page.at(-1)?.noteId ?? null) : null }
  },
  text: ({ notes, next }) =>
    notes.length === 0
      ? 'There are no such notes.'
      : [...notes.map(noteLine), ...(next ? [`more after ${next}`] : [])].join('\n'),
})
