import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeDir, openRoom } from './room.ts'

const SECRET = 'planted-note-secret'
const clean = (text: string) => text.replaceAll(SECRET, '[secret]')

test('nothing that is written down holds a secret: said, changed, replaced or imported', async () => {
  const { memory } = await openRoom({ clean })
  const { note } = await memory.remember({
    text: `The key of the heron is ${SECRET}`,
    tags: [SECRET],
    source: { from: 'owner', ref: null },
  })
  const later = await memory.edit(note.id, { text: `The key of the heron is now ${SECRET}` })
  const whole = await memory.readText(later.id)
  await memory.replaceText(later.id, whole.text.replace('now', `once more ${SECRET} and now`), whole.hash)
  const from = makeDir()
  writeFileSync(join(from, 'old.md'), `# What the other program knew\n\nIts password was ${SECRET}.\n`)
  expect(await memory.applyImport(from)).toMatchObject({ added: 1 })
  await memory.settled()
  const written = memory.listNotes().map(({ id }) => memory.readText(id))
  const texts = (await Promise.all(written)).map(({ text }) => text)
  expect(texts).toHaveLength(2)
  expect(texts.join('\n')).toContain('[secret]')
  expect(texts.join('\n')).not.toContain(SECRET)
  expect(texts.find((text) => text.includes('other program'))).toContain('Its password was [secret].')
})
