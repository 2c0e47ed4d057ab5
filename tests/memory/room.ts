import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { silentLog, type World } from '../../core/world.ts'
import { createMemory } from '../../memory/create-memory.ts'
import type { EmbedderSettings } from '../../memory/embed/embedder.ts'
import type { Memory, MemorySettings } from '../../memory/memory.ts'

export const MODELS = resolve(import.meta.dirname, '../../../shared/models')
export const hasModels = existsSync(join(MODELS, 'use-lite/onnx/model_quantized.onnx'))

export const world: World = { clock: systemClock, log: silentLog }

/** A folder that goes when the test is over. */
export function makeDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'claw-memory-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }))
  return dir
}

export interface MemoryRoom {
  dir: string
  notes: string
  settings: MemorySettings
  memory: Memory
  /** Writes a file as an owner's editor does. */
  put(path: string, text: string | Buffer): void
  read(path: string): string
  /** Closes and opens the memory again, with other settings if there are any. */
  reopen(change?: Partial<MemorySettings>): Promise<Memory>
  log(): string[]
}

/** A memory in its own folder: real files, real git, a real index. */
export async function openRoom(change: Partial<MemorySettings> = {}): Promise<MemoryRoom> {
  const dir = makeDir()
  const settings: MemorySettings = {
    notesDir: join(dir, 'notes'),
    indexDir: join(dir, 'index'),
    embedder: { kind: 'none' },
    index: 'sqlite',
    engine: 'local',
    ...change,
  }
  const room: MemoryRoom = {
    dir,
    notes: settings.notesDir,
    settings,
    memory: await createMemory(world, settings),
    put(path, text) {
      mkdirSync(dirname(join(room.notes, path)), { recursive: true })
      writeFileSync(join(room.notes, path), text)
    },
    read: (path) => readFileSync(join(room.notes, path), 'utf8'),
    async reopen(more = {}) {
      await room.memory[Symbol.asyncDispose]()
      room.settings = { ...room.settings, ...more }
      room.memory = await createMemory(world, room.settings)
      return room.memory
    },
    log: () =>
      execFileSync('git', ['-C', settings.notesDir, 'log', '--format=%s'], { encoding: 'utf8' }).trim().split('\n'),
  }
  onTestFinished(() => room.memory[Symbol.asyncDispose]())
  return room
}

/** LanceDB in a process of its own, as in the product. */
export const asInProduct = { index: 'lance', engine: 'child' } as const

export function useLite(change: Partial<Extract<EmbedderSettings, { kind: 'local' }>> = {}): EmbedderSettings {
  return {
    kind: 'local',
    model: join(MODELS, 'use-lite'),
    dtype: 'q8',
    modelsDir: join(tmpdir(), 'claw-no-models'),
    hubCacheDir: null,
    mayDownload: false,
    hubUrl: 'http://127.0.0.1:9',
    weight: null,
    threads: 1,
    ...change,
  }
}

/** Asks until it is so; fails with what it saw last. */
export async function until<T>(ask: () => T | Promise<T>, isSo: (seen: T) => boolean, withinMs = 15_000): Promise<T> {
  const end = performance.now() + withinMs
  for (;;) {
    const seen = await ask()
    if (isSo(seen)) return seen
    if (performance.now() > end) throw new Error(`still not so after ${withinMs} ms: ${JSON.stringify(seen)}`)
    await systemClock.sleep(40)
  }
}

export function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name))
}
