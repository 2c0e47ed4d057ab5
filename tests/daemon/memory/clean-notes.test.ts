import { expect, test } from 'vitest'
import { createRedactor } from '../../../core/redact.ts'
import { cleanNotes } from '../../../daemon/memory/clean-notes.ts'

test('no note takes a secret in, as it is or encoded, when it is written or changed', async () => {
  const secret = 'planted-note-secret'
  const written: unknown[] = []
  const memory = {
    kept: 1,
    remember: async (draft: unknown) => void written.push(draft),
    edit: async (_id: unknown, change: unknown) => void written.push(change),
  }
  const clean = cleanNotes(
    memory as never,
    createRedactor(() => [secret]),
  ) as unknown as typeof memory
  await clean.remember({ text: `the key is ${secret}`, tags: [secret], pinned: true })
  await clean.edit('note_1', { text: Buffer.from(secret).toString('base64') })
  expect(written).toEqual([
    { text: 'the key is [secret]', tags: ['[secret]'], pinned: true },
    { text: expect.not.stringContaining(Buffer.from(secret).toString('base64').slice(0, 12)) },
  ])
  expect(clean.kept).toBe(1)
})
