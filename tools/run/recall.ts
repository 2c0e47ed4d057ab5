import { z } from 'zod'
import { markPassages, PassageShape, passages } from '../notes.ts'
import { defineTool } from '../tool.ts'

export const recall = defineTool({
  name: 'recall',
  title: 'Recall',
  description:
    'Search what was learned in earlier work, about this repository and in general: how it is built and tested, what went wrong before, what the owner prefers. Worth a call before you guess.',
  scope: 'run',
  readOnly: true,
  destructive: false,
  idempotent: true,
  needs: 'memory',
  input: z.strictObject({
    query: z.string().trim().min(1).max(4000).describe('What you want to know, in plain words.'),
    limit: z.int().min(1).max(20).default(5),
  }),
  output: z.object({ passages: z.array(PassageShape), words: z.string().nullable() }),
  run: async ({ query, limit }, { memory }) => markPassages(await memory!.recall(query, limit)),
  text: passages,
})
