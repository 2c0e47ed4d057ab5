import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { asInProduct, makeDir, openRoom } from './room.ts'

/** A file system of its own of one size, for root on Linux. */
function smallDisk(bytes: number): string | undefined {
  const dir = join(makeDir(), 'disk')
  mkdirSync(dir)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', dir], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  onTestFinished(() => void execFileSync('umount', ['-l', dir]))
  return dir
}

test('a full disk: the write is refused whole, what was there stays, and it goes on when there is room', async (context) => {
  const disk = smallDisk(6 * 1024 * 1024)
  if (disk === undefined) {
    console.log('no small disk can be mounted here: the test of a full disk is left out')
    return context.skip()
  }
  const { memory } = await openRoom({ ...asInProduct, notesDir: join(disk, 'notes') })
  const first = await memory.remember({ text: 'There was room for the heron', source: { from: 'owner', ref: null } })
  await memory.settled()
  const free = statfsSync(disk)
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(Math.max(0, free.bavail * free.bsize - 8192)))
  const large = `A heron too large ${'word '.repeat(20_000)}`
  await expect(memory.remember({ text: large, source: { from: 'owner', ref: null } })).rejects.toMatchObject({
    code: 'disk_full',
  })
  expect(memory.listNotes().map(({ id }) => id)).toEqual([first.note.id])
  expect((await memory.recall('heron')).passages).toHaveLength(1)
  rmSync(join(disk, 'ballast'))
  await memory.remember({ text: large, source: { from: 'owner', ref: null } })
  await memory.settled()
  expect(memory.listNotes()).toHaveLength(2)
})

test('a full disk under the index: notes are kept, and the index catches up', async (context) => {
  const disk = smallDisk(24 * 1024 * 1024)
  if (disk === undefined) return context.skip()
  const { memory } = await openRoom({ ...asInProduct, indexDir: join(disk, 'index') })
  await memory.settled()
  const free = statfsSync(disk)
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(Math.max(0, free.bavail * free.bsize - 256 * 1024)))
  const outcomes = await Promise.allSettled(
    Array.from({ length: 30 }, (_, i) =>
      memory.remember({ text: `Heron number${i} ${`filler${i} `.repeat(2000)}`, source: { from: 'owner', ref: null } }),
    ),
  )
  await memory.settled().catch(() => {})
  rmSync(join(disk, 'ballast'))
  await memory.settled()
  await memory.selfTest()
  const kept = outcomes.filter(({ status }) => status === 'fulfilled').length
  expect(memory.listNotes().length).toBeGreaterThanOrEqual(kept)
  expect((await memory.recall('heron number7', { limit: 1 })).passages).toHaveLength(1)
})
