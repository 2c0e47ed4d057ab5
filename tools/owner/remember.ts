import { z } from 'zod'
import { NOTE_KINDS } from '../context.ts'
import { Became, BodyText, becameWords, ScopeName, TitleText } from '../notes.ts'
import { defineTool } from '../tool.ts'

export const remember = defineTool({
  name: 'remember',
  title: 'Remember',
  description:
    'Keep something for later work, as a note the owner can read and edit. One thought per note, in words that still make sense in a year. A note that says what another says is joined with it; one that contradicts it takes its place.',
  scope: 'owner',
  readOnly: false,
  destructive: false,
  idempotent: true,
  needs: 'memory',
  input: z.strictObject({
    text: BodyText,
    title: TitleText.optional(),
    kind: z
      .enum(NOTE_KINDS)
      .default('fact')
      .describe('preference: how the owner wants things done, always before the planner.'),
    scope: ScopeName.default('global').describe('`global`, or `repo:<id>` for one repository.'),
  }),
  output: Became,
  run: async ({ title, ...note }, { memory }, { by }) =>
    memory!.remember({ ...note, ...(title === undefined ? {} : { title }), source: { from: 'owner', ref: by }, by }),
  text: becameWords,
})
