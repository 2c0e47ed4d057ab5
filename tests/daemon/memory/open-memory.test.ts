import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type Paths, pathsIn } from '../../../config/paths.ts'
import { Config } from '../../../config/schema.ts'
import { systemClock } from '../../../core/clock.ts'
import { Fault } from '../../../core/fault.ts'
import { silentLog } from '../../../core/world.ts'
import { createNotesForTools } from '../../../daemon/mcp/notes-for-tools.ts'
import { memorySettings } from '../../../daemon/memory/memory-settings.ts'
import { createMemoryDoor, type MemoryDoor, notesDirOf } from '../../../daemon/memory/open-memory.ts'

const noSecrets = {
  async resolve(reference: string): Promise<string> {
    throw new Fault('secret_missing', `The secret ${reference} is not there`)
  },
}
const world = { clock: systemClock, log: silentLog }

function openDoor(memory: object, paths = makePaths()): MemoryDoor {
  const door = createMemoryDoor({
    config: Config.parse({ memory }).memory,
    paths,
    world,
    host: { path: process.env['PATH'] ?? '', ownerHome: paths.home, env: {} },
    secrets: noSecrets,
  })
  onTestFinished(() => door[Symbol.asyncDispose]())
  return door
}

function makePaths(): Paths {
  const home = mkdtempSync(join(tmpdir(), 'claw-door-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true, maxRetries: 5 }))
  return pathsIn(home)
}

test('memory that is turned off says so to whoever asks, and leaves no folder', async () => {
  const paths = makePaths()
  const door = openDoor({ enabled: false }, paths)
  expect(door.words()).toBe('off')
  await expect(door.open()).rejects.toMatchObject({ code: 'memory_off' })
  expect(existsSync(paths.notesDir)).toBe(false)
})

test('a model that is not on this machine leaves recall to words, and health says why', async () => {
  const door = openDoor({ model: 'nobody/has-this', index: 'sqlite' })
  expect(door.words()).toBe('opened when it is needed')
  const memory = await door.open()
  await memory.remember({ text: 'The staging server is called frodo.', source: { from: 'owner', ref: null } })
  await memory.settled()
  const { passages, how } = await memory.recall('what is the staging server called')
  expect(passages[0]?.text).toContain('frodo')
  expect(how).toContain('words alone')
  await memory.vectorsSettled()
  expect(door.words()).toBe('1 note; words alone (the model nobody/has-this (q8) is not on this machine)')
})

test('two who ask at once get one memory; a second daemon on the same folder is refused and said so', async () => {
  const paths = makePaths()
  const door = openDoor({ model: null }, paths)
  const [one, other] = await Promise.all([door.open(), door.open()])
  expect(one).toBe(other)
  const second = openDoor({ model: null }, paths)
  await expect(second.open()).rejects.toMatchObject({ code: 'memory_locked' })
  expect(second.words()).toMatch(/^cannot be opened: /)
})

test('the key of an endpoint is taken by reference', async () => {
  const paths = makePaths()
  const { memory } = Config.parse({
    memory: { endpoint: { url: 'http://127.0.0.1:1/v1', model: 'm', key: 'env:EMBED_KEY' } },
  })
  const host = { path: '', ownerHome: '/o', env: {} }
  const secrets = { resolve: async (reference: string) => `what lies at ${reference}` }
  const { embedder } = await memorySettings({ config: memory, paths, world, host, secrets })
  expect(embedder).toMatchObject({
    kind: 'remote',
    url: 'http://127.0.0.1:1/v1',
    model: 'm',
    key: 'what lies at env:EMBED_KEY',
  })
})

test('the notes lie where the owner says', () => {
  const at = (folder: string | null) => notesDirOf(Config.parse({ memory: { folder } }), { notesDir: '/c/notes' }, '/o')
  expect([at(null), at('~/vault'), at('/v')]).toEqual(['/c/notes', '/o/vault', '/v'])
  expect(() => at('vault')).toThrow(/absolute/)
})

test('what tools remember is on the real memory, and is found by its scope alone', async () => {
  const door = openDoor({ model: null })
  const notes = createNotesForTools(door.open)
  const source = { from: 'run' as const, ref: 'run_1' }
  const kept = await notes.remember({
    text: 'Tests of this repository need PORT to be set.',
    kind: 'lesson',
    scope: 'repo:one',
    source,
    by: 'run_1',
  })
  await (await door.open()).settled()
  const ask = (scopes: string[]) => notes.recall('which variables do the tests need', { scopes, limit: 5 })
  expect((await ask(['global', 'repo:one'])).passages.map(({ noteId }) => noteId)).toEqual([kept.noteId])
  expect((await ask(['global', 'repo:two'])).passages).toEqual([])
  await notes.forget(kept.noteId, 'owner')
  await expect(notes.show(kept.noteId)).rejects.toMatchObject({ code: 'note_not_found' })
})
