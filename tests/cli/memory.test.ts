import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Fault } from '../../core/fault.ts'
import type { AppDeps } from '../../daemon/http/app.ts'
import { serveFakeApp } from '../fakes/served-app.ts'
import { openRoom, until } from '../memory/room.ts'
import { claw, type Said } from './run-claw.ts'

/** The command line against real notes. */
async function openPlace(over: Partial<AppDeps> = {}) {
  const room = await openRoom()
  const served = await serveFakeApp({
    memory: {
      open: async () => room.memory,
      words: () => 'words alone',
      fetchModel: () => room.memory.loadModel(),
    },
    rooms: {
      async find(word) {
        if (word.startsWith('/')) throw new Fault('input_invalid', `Claw has not worked in ${word} yet`)
        return word
      },
      name: async (scope) => (scope === 'global' ? 'everywhere' : scope === 'repo:a' ? '/home/me/shop' : scope),
    },
    ...over,
  })
  return {
    room,
    home: served.home,
    run: (args: string[], env: Record<string, string> = {}, input = ''): Promise<Said> =>
      claw(args, { home: served.home, env, input }),
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  }
}

/** What follows `note ` on the first line. */
const idIn = ({ stdout }: Said) => /note (\S+)/.exec(stdout)?.[1] ?? ''

test('a note is kept, listed, shown, recalled, forgotten and brought back', async () => {
  await using place = await openPlace()
  const { run, room } = place
  const added = await run(['note', 'add', 'The herons come back to the pond in March', '--tag', 'birds'])
  expect(added).toMatchObject({ code: 0, stderr: '' })
  expect(added.stdout).toMatch(/^note \S{8} is kept: The herons come back to the pond in March\n$/)
  const id = idIn(added)
  expect((await run(['note', 'add', 'The herons come back to the pond in March'])).stdout).toContain(
    'says that already',
  )
  expect((await run(['note', 'add', '-'], {}, 'Frogs are loud at night there')).code).toBe(0)

  expect((await run(['note', 'list'])).stdout.split('\n').filter(Boolean)).toHaveLength(2)
  expect((await run(['note', 'list', '--tag', 'birds'])).stdout).toContain('The herons')
  const shown = await run(['note', 'show', id])
  expect(shown.stdout).toMatch(/^The herons come back to the pond in March\nid +note_/)
  expect(shown.stdout).toContain('where      everywhere')

  await room.memory.settled()
  const recalled = await run(['recall', 'when do the herons come?', '--explain'])
  expect(recalled.stdout).toContain(`${id} The herons come back`)
  expect(recalled.stdout).toMatch(/score \d\.\d\d = text \d\.\d\d/)
  // Whoever asks hears that the meaning was not searched.
  expect(recalled.stderr).toContain('searched by words alone: no embedding model is set up')
  const nothing = await run(['recall', 'zyzzyva quux'])
  expect(nothing).toMatchObject({ code: 0, stdout: '' })
  expect(nothing.stderr).toContain('Nothing: no note has any of these words.')
  expect(JSON.parse((await run(['recall', 'herons', '--json'])).stdout)).toMatchObject({
    passages: [{ title: 'The herons come back to the pond in March', superseded: false }],
    abstained: null,
  })

  const whole = JSON.parse((await run(['note', 'show', id, '--json'])).stdout).note.id as string
  const removed = await run(['note', 'rm', id])
  expect(removed.stdout).toContain('is forgotten')
  expect(removed.stderr).toContain(`claw note restore ${whole}`)
  expect(await run(['note', 'show', id])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('there is no note'),
  })
  expect((await run(['note', 'history', whole])).stdout).toContain('Forget: The herons')
  expect((await run(['note', 'restore', whole])).stdout).toContain('The herons come back')
  expect((await run(['note', 'show', id])).code).toBe(0)
})

test('a note is edited in the editor; what would break it is not taken, and not lost', async () => {
  await using place = await openPlace()
  const { run, room, home } = place
  const id = idIn(await run(['note', 'add', 'The first version']))
  const editor = (name: string, script: string) => {
    const file = join(home, name)
    writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    return { EDITOR: file }
  }
  expect(await run(['note', 'edit', id])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Set VISUAL or EDITOR, or edit '),
  })
  expect((await run(['note', 'edit', id], editor('same', 'true'))).stderr).toContain('Nothing was changed')
  const changed = await run(['note', 'edit', id], editor('second', 'sed -i "s/^The first/The second/" "$1"'))
  expect(changed).toMatchObject({ code: 0 })
  expect((await run(['note', 'show', id])).stdout).toContain('The second version')

  const broken = await run(['note', 'edit', id], editor('broken', 'sed -i "s/^kind: fact/kind: [fact/" "$1"'))
  expect(broken.code).toBe(2)
  expect(broken.stderr).toMatch(
    /claw note edit goes on with it\.\nclaw: the note was not changed: the head is not YAML/,
  )
  const mended = await run(['note', 'edit', id], editor('mended', 'sed -i "s/kind: .fact/kind: decision/" "$1"'))
  expect(mended.code).toBe(0)
  expect((await run(['note', 'show', id])).stdout).toContain('decision')
  expect(readdirSync(join(home, 'state/note-drafts'))).toEqual([])

  // Somebody else writes the note while the editor is open.
  const [note] = room.memory.listNotes()
  const file = join(room.notes, note!.path)
  const late = await run(['note', 'edit', id], editor('late', `echo "by another" >> ${file}; echo "by me" >> "$1"`))
  expect(late.code).toBe(1)
  expect(late.stderr).toContain('is being changed by somebody else')
  expect(existsSync(join(home, `state/note-drafts/${note!.id}.mine.md`))).toBe(true)
  const shown = (await run(['note', 'show', id])).stdout
  expect(shown).toContain('by another')
  expect(shown).not.toContain('by me')
})

test('what the memory holds, how it stands, and what should be looked at', async () => {
  await using place = await openPlace()
  const { run, room } = place
  expect((await run(['memory'])).stderr).toContain('No notes yet')
  await run(['note', 'add', 'Answer in French, please', '--kind', 'preference'])
  await run(['note', 'add', 'The shop is deployed on Fridays', '--scope', 'repo:a'])
  room.put('big.md', Buffer.alloc(3 * 1024 * 1024, 'a'))
  await room.memory.settled()

  const held = await run(['memory'])
  expect(held.stdout).toMatch(/2 notes in .*\n {2}everywhere +1 preference\n {2}\/home\/me\/shop +1 fact\n/)
  expect(held.stderr).toContain('1 file cannot be read')
  const status = await run(['memory', 'status'])
  expect(status.stdout).toMatch(/recall +by words alone: no embedding model is set up/)
  expect(status.stdout).toMatch(/skipped +big\.md: 3 MB: larger than a note may be/)
  expect(status.stderr).toContain('claw memory fetch-model')
  expect(JSON.parse((await run(['memory', 'status', '--json'])).stdout)).toMatchObject({ notes: 2, index: 'sqlite' })
  expect((await run(['memory', 'audit'])).stdout).toContain('big.md: not searchable')
  expect((await run(['memory', 'reindex'])).stdout).toBe('The index holds what the notes say.\n')

  // A repository's note answers for it, for everything, and for nothing else.
  const ask = async (...scope: string[]) => (await run(['recall', 'when is the shop deployed', ...scope])).stdout
  expect(await ask()).toContain('/home/me/shop')
  expect(await ask('--scope', 'repo:a')).toContain('on Fridays')
  expect(await ask('--scope', 'global')).toBe('')
  expect(await ask('--scope', 'repo:b')).toBe('')
})

test('an import is shown first, written with --yes, and adds nothing the second time', async () => {
  await using place = await openPlace()
  const { run, home, room } = place
  mkdirSync(join(home, 'vault/sub'), { recursive: true })
  writeFileSync(join(home, 'vault/a.md'), '# Herons\n\nThey come back in March')
  writeFileSync(join(home, 'vault/sub/b.md'), '# Frogs\n\nThey are loud at night')
  writeFileSync(join(home, 'vault/empty.md'), '')
  const shown = await run(['memory', 'import', 'vault'])
  expect(shown.code).toBe(0)
  expect(shown.stdout).toMatch(/^a folder of Markdown: 2 new notes \(\S+ B\), 0 known already, 1 left out\n/)
  expect(shown.stdout).toContain('left out: empty.md: empty')
  expect(shown.stderr).toContain('Nothing was written; --yes writes it.')
  expect(room.memory.listNotes()).toEqual([])

  expect((await run(['memory', 'import', 'vault', '--yes'])).stdout).toContain('2 notes came in; 0 were known.')
  expect((await run(['memory', 'import', 'vault', '--yes'])).stderr).toContain('Nothing is new.')
  expect(JSON.parse((await run(['memory', 'import', 'vault', '--json'])).stdout)).toMatchObject({ add: [], known: 2 })
  expect(room.memory.listNotes()).toHaveLength(2)
})

test('bad input is one clear line, exit code 2, and nothing kept', async () => {
  await using place = await openPlace()
  const { run, room } = place
  for (const [args, words] of [
    [['note', 'add', '  '], 'The note is empty'],
    [['note', 'add', 'x y z', '--kind', 'prefrence'], 'Did you mean preference?'],
    [['note', 'add', 'x y z', '--date', 'soon'], 'a date such as 2026-11-23 is needed'],
    [['note', 'add', 'x y z', '--scope', 'all'], 'A note is kept in one place'],
    [['note', 'add', 'x y z', '--scope', './nowhere'], 'Claw has not worked in'],
    [['note', 'show', '../../etc/passwd'], 'is no note'],
    [['note', 'show', 'nothing.md'], 'there is no note nothing.md'],
    [['note', 'restore', 'note_00000000-0000-7000-8000-000000000000', 'x'], 'seven or more digits'],
    [['recall', ' '], 'There is no question'],
    [['memory', 'import', 'nowhere'], 'cannot be read'],
  ] as const) {
    const said = await run([...args])
    expect(said, args.join(' ')).toMatchObject({ code: 2, stdout: '' })
    expect(said.stderr).toContain(words)
    expect(said.stderr.trim().split('\n')).toHaveLength(1)
  }
  expect(room.memory.listNotes()).toEqual([])
})

test('a memory that is turned off says so', async () => {
  await using place = await openPlace({
    memory: {
      open: async () => {
        throw new Fault('memory_off', 'memory is turned off', { hint: 'Set memory.enabled' })
      },
      words: () => 'off',
      fetchModel: async () => ({ name: '', dimensions: 0 }),
    },
  })
  const said = await place.run(['memory'])
  expect(said).toMatchObject({ code: 1, stderr: 'claw: memory is turned off — Set memory.enabled\n' })
})

test('the model is fetched with what is coming told meanwhile; a failure is one line', async () => {
  let isSeen = false
  await using place = await openPlace({
    memory: {
      open: async () => {
        throw new Error('not asked')
      },
      words: () => {
        isSeen = true
        return ''
      },
      async fetchModel(onProgress) {
        onProgress('onnx/model_quantized.onnx', 1024, 23 * 1024 * 1024)
        // Until whoever watches has looked.
        isSeen = false
        await until(
          () => isSeen,
          (seen) => seen,
        )
        return { name: 'Some/model (q8)', dimensions: 384 }
      },
    },
  })
  const said = await place.run(['memory', 'fetch-model'])
  expect(said).toMatchObject({ code: 0, stdout: expect.stringContaining('Some/model (q8) is here') })
  expect(said.stderr).toContain('fetching onnx/model_quantized.onnx (23.0 MB)')

  await using none = await openPlace()
  expect(await none.run(['memory', 'fetch-model'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^claw: no embedding model is set up.*\n$/),
  })
})
