import { existsSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { Memory } from '../../memory/memory.ts'
import { asInProduct, hasModels, type MemoryRoom, openRoom, useLite } from './room.ts'

const withModel = hasModels ? test : test.skip

async function withNotes(): Promise<MemoryRoom> {
  const room = await openRoom()
  for (const animal of ['heron', 'frog', 'newt']) room.put(`${animal}.md`, `The ${animal} lives in the pond`)
  await room.memory.settled()
  expect(await room.memory.selfTest()).toMatchObject({ passed: true, problems: [] })
  return room
}

function sql(room: MemoryRoom, file: string, statement: string): void {
  const db = new DatabaseSync(join(room.settings.indexDir, file))
  db.exec(statement)
  db.close()
}

async function finds(memory: Memory, animal: string): Promise<boolean> {
  const { passages } = await memory.recall(`where does the ${animal} live`)
  return passages.some(({ text }) => text.includes(animal))
}

test('passages that the index has lost are put again, and it is told', async () => {
  const room = await withNotes()
  await room.memory[Symbol.asyncDispose]()
  sql(room, 'engine/words.db', "DELETE FROM passage WHERE text LIKE '%frog%'")
  const memory = await room.reopen()
  expect(await memory.selfTest()).toMatchObject({
    passed: false,
    problems: ['1 notes are not in the index as they are in the folder'],
    repaired: true,
  })
  expect(await finds(memory, 'frog')).toBe(true)
  expect(await memory.selfTest()).toMatchObject({ passed: true, problems: [] })
})

test('passages of notes that are no more are taken out', async () => {
  const room = await withNotes()
  await room.memory[Symbol.asyncDispose]()
  rmSync(join(room.notes, 'newt.md'))
  sql(room, 'catalog.db', "DELETE FROM file WHERE path = 'newt.md'; DELETE FROM gone")
  const memory = await room.reopen()
  expect(await memory.selfTest()).toMatchObject({
    problems: ['1 notes are in the index and not in the folder'],
    repaired: true,
  })
  expect((await memory.status()).passages).toBe(2)
})

test('a text that changed with its time and size kept is noticed', async () => {
  const room = await withNotes()
  const file = join(room.notes, 'heron.md')
  utimesSync(file, 1_700_000_000, 1_700_000_000)
  await room.memory.settled()
  await room.memory[Symbol.asyncDispose]()
  writeFileSync(file, 'The egret lives in the pond')
  utimesSync(file, 1_700_000_000, 1_700_000_000)
  const memory = await room.reopen()
  await memory.settled()
  expect(await finds(memory, 'egret')).toBe(false)
  expect(await memory.selfTest()).toMatchObject({
    problems: [expect.stringMatching(/^1 files are not as they were read.*heron\.md$/)],
    repaired: true,
  })
  expect(await finds(memory, 'egret')).toBe(true)
})

test('an index that is not one any more is made anew', async () => {
  const room = await withNotes()
  await room.memory[Symbol.asyncDispose]()
  writeFileSync(join(room.settings.indexDir, 'engine/words.db'), 'garbage '.repeat(2_000))
  const memory = await room.reopen()
  await memory.selfTest()
  expect(await memory.selfTest()).toMatchObject({ passed: true })
  expect(await finds(memory, 'newt')).toBe(true)
})

test('another way to cut passages makes them all again, while recall answers', async () => {
  const room = await withNotes()
  await room.memory[Symbol.asyncDispose]()
  sql(room, 'catalog.db', 'UPDATE file SET chunker = 1')
  const memory = await room.reopen()
  expect(await finds(memory, 'heron')).toBe(true)
  await memory.settled()
  expect((await memory.status()).behind.words).toBe(0)
  expect((await memory.status()).passages).toBe(3)
})

withModel('vectors that were lost are made again', async () => {
  const room = await openRoom({ ...asInProduct, embedder: useLite() })
  room.put('heron.md', 'The heron lives in the pond')
  await room.memory.settled()
  await room.memory.vectorsSettled()
  expect(await room.memory.selfTest()).toMatchObject({ passed: true })
  await room.memory[Symbol.asyncDispose]()
  const lance = join(room.settings.indexDir, 'engine/lance')
  for (const name of readdirSync(lance)) if (name.startsWith('vectors')) rmSync(join(lance, name), { recursive: true })
  const memory = await room.reopen()
  expect(await memory.selfTest()).toMatchObject({ problems: ['1 notes have lost their vectors'], repaired: true })
  await memory.vectorsSettled()
  expect((await memory.status()).vectors).toBe(1)
  expect((await memory.recall('heron')).how).toBe('words and vectors')
})

test('with no notes nothing is started to test them', async () => {
  const { memory, settings } = await openRoom({ engine: 'child' })
  expect(await memory.selfTest()).toMatchObject({ passed: true, problems: [] })
  expect(existsSync(join(settings.indexDir, 'engine'))).toBe(false)
})
