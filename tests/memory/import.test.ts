import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { makeDir, openRoom } from './room.ts'

function write(dir: string, files: Record<string, string>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
  return dir
}

test('a folder of Markdown comes in once, however often it is imported and whatever was edited since', async () => {
  const from = write(makeDir(), {
    'a.md': '# Alpha\n\nThe heron',
    'sub/b.md': 'Beta',
    'empty.md': '',
    'pic.png': 'x',
    '.obsidian/c.md': 'no',
  })
  const { memory } = await openRoom()
  expect(await memory.previewImport(from)).toMatchObject({
    kind: 'markdown',
    add: [{ title: 'Alpha' }, { title: 'b' }],
    known: 0,
    skipped: [{ name: 'empty.md' }],
  })
  expect(memory.listNotes()).toHaveLength(0)
  expect(await memory.applyImport(from)).toMatchObject({ added: 2, known: 0 })
  await memory.edit(memory.listNotes()[0]!.id, { text: 'Changed by the owner' })
  expect(await memory.applyImport(from)).toMatchObject({ added: 0, known: 2 })
  await memory.settled()
  expect((await memory.recall('heron')).passages[0]?.source.from ?? 'import').toBe('import')
})

test('memory folders of Claude Code and Codex are known by their names, their sessions left alone', async () => {
  const home = makeDir()
  write(join(home, '.claude'), {
    'CLAUDE.md': 'Use pnpm',
    'projects/x/memory/MEMORY.md': 'Port is 5433',
    'todos/t.md': 'not a note',
    'settings.json': '{}',
  })
  write(join(home, '.codex'), {
    'AGENTS.md': 'Be brief',
    'memories/m.md': 'Uses vitest',
    'sessions/s.md': 'not a note',
  })
  const { memory } = await openRoom()
  const claude = await memory.previewImport(join(home, '.claude'))
  expect({ kind: claude.kind, titles: claude.add.map(({ title }) => title) }).toEqual({
    kind: 'claude-code',
    titles: ['CLAUDE (claude-code)', 'MEMORY (claude-code)'],
  })
  expect((await memory.applyImport(join(home, '.codex'), 'repo:app')).added).toBe(2)
  expect(memory.listNotes().every(({ scope }) => scope === 'repo:app')).toBe(true)
})

test('a ChatGPT export: the branch that was read, turn by turn', async () => {
  const node = (parent: string | null, role: string, text: string, at: number) => ({
    parent,
    message: { author: { role }, create_time: at, content: { content_type: 'text', parts: [text] } },
  })
  const file = join(makeDir(), 'conversations.json')
  writeFileSync(
    file,
    JSON.stringify([
      {
        id: 'c1',
        title: 'Birds',
        create_time: 1_700_000_000,
        current_node: 'n3',
        mapping: {
          n1: node(null, 'user', 'Tell me of herons', 1_700_000_000),
          n2: node('n1', 'assistant', 'An abandoned answer', 1_700_000_001),
          n3: node('n1', 'assistant', 'Herons wade in ponds', 1_700_000_002),
        },
      },
      { strange: true },
    ]),
  )
  const { memory } = await openRoom()
  expect(await memory.applyImport(file)).toMatchObject({
    kind: 'chatgpt-export',
    added: 1,
    skipped: [{ name: 'conversation 2' }],
  })
  await memory.settled()
  const { passages } = await memory.recall('where do herons wade')
  expect(passages[0]).toMatchObject({
    speaker: 'ChatGPT',
    text: 'Herons wade in ponds',
    title: 'Birds',
    at: '2023-11-14T22:13:22.000Z',
  })
  expect((await memory.recall('abandoned')).passages).toEqual([])
  expect(await memory.applyImport(file)).toMatchObject({ added: 0, known: 1 })
  // The folder that the export was unpacked to is the same import.
  expect(await memory.previewImport(dirname(file))).toMatchObject({ kind: 'chatgpt-export', add: [], known: 1 })
})

test('a Claude export, a long conversation in several notes', async () => {
  const file = join(makeDir(), 'conversations.json')
  const messages = Array.from({ length: 40 }, (_, i) => ({
    sender: i % 2 ? 'assistant' : 'human',
    text: `message${i} ${'word '.repeat(5000)}`,
    created_at: '2024-05-06T07:08:09Z',
  }))
  writeFileSync(
    file,
    JSON.stringify([{ uuid: 'u1', name: 'Long', created_at: '2024-05-06T07:08:09Z', chat_messages: messages }]),
  )
  const { memory } = await openRoom()
  expect((await memory.applyImport(file)).added).toBe(2)
  await memory.settled()
  expect((await memory.recall('message39')).passages[0]).toMatchObject({
    anchor: 't40',
    speaker: 'Claude',
    title: 'Long (2 of 2)',
  })
})

test.each([
  ['{"a":1}', 'not a list'],
  ['nonsense', 'not JSON'],
])('a file that is no export is refused: %s', async (text, why) => {
  const file = join(makeDir(), 'x.json')
  writeFileSync(file, text)
  const { memory } = await openRoom()
  await expect(memory.applyImport(file)).rejects.toMatchObject({
    code: 'input_invalid',
    message: expect.stringContaining(why),
  })
})

test('an export that is still packed is refused with what to do', async () => {
  const file = join(makeDir(), 'export.zip')
  writeFileSync(file, 'PK')
  const { memory } = await openRoom()
  await expect(memory.previewImport(file)).rejects.toMatchObject({
    code: 'input_invalid',
    hint: 'Unpack the export and name its folder.',
  })
})
