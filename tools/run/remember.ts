import { z } from 'zod'
import { BodyText, TitleText } from '../notes.ts'
import { defineTool } from '../tool.ts'

export const remember = defineTool({
  name: 'remember',
  title: 'Remember',
  description:
    'Keep something that later work on this repository should know: a fact you had to find out, a decision and why, a lesson from what went wrong. One thought per note. What you copied from a web page or an issue does not belong here.',
  scope: 'run',
  readOnly: false,
  destructive: false,
  idempotent: true,
  needs: 'memory',
  input: z.strictObject({
    text: BodyText,
    title: TitleText.optional(),
    kind: z.enum(['fact', 'decision', 'lesson']).default('fact'),
  }),
  output: z.object({ noteId: z.string(), words: z.string() }),
  run: async ({ title, ...note }, { memory }) =>
    memory!.remember({ ...note, ...(title === undefined ? {} : { title }) }),
  text: ({ noteId, words }) => `${words} (${noteId})`,
})
