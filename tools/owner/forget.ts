import { z } from 'zod'
import { NoteName } from '../notes.ts'
import { defineTool } from '../tool.ts'

export const forget = defineTool({
  name: 'forget',
  title: 'Forget',
  description: 'Remove a note from memory. The notes’ own history keeps it, so the owner can bring it back.',
  scope: 'owner',
  readOnly: false,
  destructive: true,
  idempotent: true,
  needs: 'memory',
  input: z.strictObject({ note: NoteName }),
  output: z.object({ forgotten: z.string() }),
  async run({ note }, { memory }, { by }) {
    await memory!.forget(note, by)
    return { forgotten: note }
  },
  text: ({ forgotten }) => `Forgotten: ${forgotten}.`,
})
