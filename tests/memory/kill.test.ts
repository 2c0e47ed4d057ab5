import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { createMemory } from '../../memory/create-memory.ts'
import { openLocalEngine } from '../../memory/engine/local-engine.ts'
import type { MemorySettings } from '../../memory/memory.ts'
import { asInProduct, makeDir, openRoom, world } from './room.ts'

/** Starts the writer, kills it -9 when `enough` says so, and gives the lines it had said. */
async function killedAt(
  what: string,
  settings: MemorySettings,
  enough: (lines: readonly string[]) => boolean,
): Promise<string[]> {
  const child: ChildProcess = spawn(
    process.execPath,
    [join(import.meta.dirname, 'writer.ts'), what, JSON.stringify(settings)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', LANCE_CPU_THREADS: '4', LANCE_LOG: 'error' },
    },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout! })) {
    lines.push(line)
    if (enough(lines)) child.kill('SIGKILL')
  }
  return lines
}

function settingsIn(dir: string): MemorySettings {
  return { notesDir: join(dir, 'notes'), indexDir: join(dir, 'index'), embedder: { kind: 'none' }, ...asInProduct }
}

async function reopen(settings: MemorySettings) {
  const memory = await createMemory(world, settings)
  onTestFinished(() => memory[Symbol.asyncDispose]())
  return memory
}

test.each([1, 14, 25])(
  'killed while writing, after %i acknowledged notes: every one of them is there and found',
  async (count) => {
    const settings = settingsIn(makeDir())
    const lines = await killedAt('write', settings, (seen) => seen.length >= count)
    expect(lines.length).toBeGreaterThanOrEqual(count)
    const memory = await reopen(settings)
    await memory.settled()
    const known = new Set(memory.listNotes().map(({ id }) => id as string))
    for (const line of lines) {
      const [id = '', word = ''] = line.split(' ')
      expect(known).toContain(id)
      const { passages } = await memory.recall(`fact ${word}`, { limit: 1 })
      expect(passages[0]?.noteId).toBe(id)
    }
    expect(await memory.selfTest()).toMatchObject({ passed: true })
    expect((await memory.status()).passages).toBe(known.size)
  },
)

test('killed while reindexing: the index is whole again by itself', async () => {
  const dir = makeDir()
  const settings = settingsIn(dir)
  const filler = await createMemory(world, { ...settings, engine: 'local', index: 'sqlite' })
  for (let i = 0; i < 40; i++)
    await filler.remember({ text: `Fact number${i} about place${i * 7}`, source: { from: 'owner', ref: null } })
  await filler[Symbol.asyncDispose]()
  for (const nth of [1, 2, 3]) {
    await killedAt('reindex', settings, (lines) => lines.filter((line) => line === 'reindexing').length >= nth)
  }
  const memory = await reopen(settings)
  await memory.settled()
  await memory.selfTest()
  expect(await memory.selfTest()).toMatchObject({ passed: true, problems: [] })
  expect((await memory.status()).passages).toBe(40)
  expect((await memory.recall('fact number17', { limit: 1 })).passages[0]?.text).toContain('number17 ')
})

test('killed while merging: every passage that was put is found, once', async () => {
  const dir = makeDir()
  for (const nth of [5, 12, 30]) {
    await killedAt('merge', settingsIn(dir), (lines) => lines.length >= nth)
    await using engine = await openLocalEngine({
      dir: join(dir, 'index/engine'),
      index: 'lance',
      embedder: { kind: 'none' },
    })
    for (const [note, passages] of await engine.countByNote()) {
      expect(passages).toBe(1)
      const { found } = await engine.recall({
        question: `word${note.slice(6)}`,
        where: { scopes: 'all' },
        limit: 5,
        vectors: false,
        now: 0,
      })
      expect(found[0]?.row.note).toBe(note)
    }
    await engine.optimize(world.clock.now())
    expect((await engine.countByNote()).size).toBeGreaterThanOrEqual(Math.min(2, nth / 2 - 1))
  }
})

test('a second process is refused while the first has the memory open, and let in when it was killed', async () => {
  const settings = settingsIn(makeDir())
  let second: Promise<unknown> = Promise.resolve('was never tried')
  await killedAt('hold', settings, (lines) => {
    if (!lines.includes('holding')) return false
    // The lock is asked for at once, before the first process is killed.
    second = createMemory(world, settings).then(
      () => 'was let in',
      (error: { code: string }) => error.code,
    )
    return true
  })
  expect(await second).toBe('memory_locked')
  const memory = await reopen(settings)
  await memory.settled()
  expect((await memory.status()).notes).toBe(0)
})

test('an engine that dies at work is started again and nothing is lost', async () => {
  const { memory, put } = await openRoom(asInProduct)
  for (let i = 0; i < 2000; i++) put(`n${i}.md`, `Fact number${i}`)
  const settling = memory.settled().catch(() => {})
  await killEngines()
  await settling
  await memory.settled()
  expect((await memory.status()).passages).toBe(2000)
  expect(await memory.selfTest()).toMatchObject({ passed: true })
})

/** Kills the engines that this test process started, found by their parent. */
async function killEngines(): Promise<void> {
  const { readdirSync, readFileSync } = await import('node:fs')
  const { until } = await import('./room.ts')
  const find = () =>
    readdirSync('/proc').filter((name) => {
      if (!/^\d+$/.test(name)) return false
      try {
        const parent = /\) \S+ (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8'))?.[1]
        return Number(parent) === process.pid && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('engine-main')
      } catch {
        return false
      }
    })
  for (const pid of await until(find, (pids) => pids.length > 0)) process.kill(Number(pid), 'SIGKILL')
}
