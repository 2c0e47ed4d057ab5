import { z } from 'zod'
import { markPassages, PassageShape, passages, ScopeName } from '../notes.ts'
import { defineTool } from '../tool.ts'

export const recall = defineTool({
  name: 'recall',
  title: 'Recall',
  description:
    'Search long-term memory for notes that bear on a question. Returns passages with their note ids, best first; nothing where nothing bears on it.',
  scope: 'owner',
  readOnly: true,
  destructive: false,
  idempotent: true,
  needs: 'memory',
  input: z.strictObject({
    query: z.string().trim().min(1).max(4000).describe('What you want to know, in plain words.'),
    scope: ScopeName.optional().describe(
      'Only in this room: `global`, `repo:<id>` or `goal:<id>`. Without it, everywhere.',
    ),
    limit: z.int().min(1).max(20).default(5),
  }),
  output: z.object({ passages: z.array(PassageShape), words: z.string().nullable() }),
  run: async ({ query, scope, limit }, { memory }) =>
    markPassages(await memory!.recall(query, { limit, ...(scope === undefined ? {} : { scopes: [scope] }) })),
  text: passages,
})
