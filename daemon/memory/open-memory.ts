import { join } from 'node:path'
import type { Paths } from '../../config/paths.ts'
import type { Config } from '../../config/schema.ts'
import { SECOND } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { Redactor } from '../../core/redact.ts'
import { withoutKeys } from '../../core/secret-shapes.ts'
import type { World } from '../../core/world.ts'
import type { Facts } from '../../memory/facts.ts'
import type { Memory, MemorySettings, SelfTest } from '../../memory/memory.ts'
import type { Host } from '../host.ts'
import type { Secrets } from '../secrets/secrets.ts'
import { memorySettings } from './memory-settings.ts'

/**
 * The daemon's way to its memory.
 *
 * Nothing of it is loaded before the daemon is ready; it is opened a moment after the start, so
 * that the owner's edits are followed, or earlier by whoever asks first. A memory that cannot be
 * opened stops nothing: goals go on without it, and the next one who asks tries again.
 */
export interface MemoryDoor extends AsyncDisposable {
  /** False where the configuration turns it off; `open` then throws memory_off. */
  readonly isOn: boolean
  /** @throws memory_off, memory_locked, memory_unavailable */
  open(): Promise<Memory>
  /** What is kept by counting. One for all, so that nobody counts on what somebody else is changing. @throws as `open` */
  facts(): Promise<Facts>
  /** For `health`, in a line: how many notes, and what they are searched by. Starts nothing. */
  words(): string
  /**
   * Fetches the embedding model once, checked, where it is not on this machine yet, and takes it into use.
   * Who calls this was asked by the owner: `memory.download` is not looked at.
   *
   * @throws memory_off, embedder_unavailable
   */
  fetchModel(onProgress: ModelProgress): Promise<{ name: string; dimensions: number }>
  /**
   * Compares files and index, asks for notes that must be found, and mends what is wrong; done a moment after
   * the memory is opened, and daily. What was found is told to the owner, once.
   */
  selfTest(): Promise<void>
  /** Opens it in the background, soon. */
  start(): void
}

export type ModelProgress = (file: string, done: number, total: number | null) => void

/** Later than what the daemon owes its owner at the start. */
const START_MS = SECOND
/** Past this, what the start left undone is done. */
const SELF_TEST_MS = 5 * SECOND

export interface MemoryDoorDeps {
  config: Readonly<Config['memory']>
  paths: Pick<Paths, 'notesDir' | 'memoryDir'>
  world: World
  host: Pick<Host, 'path' | 'ownerHome' | 'env'>
  secrets: Pick<Secrets, 'resolve'>
  /** Takes secrets out of what is written down. */
  redactor?: Pick<Redactor, 'text'>
  /** Tells the owner what a self-test found, and whether it was mended. */
  report?(found: SelfTest): Promise<void>
}

export function createMemoryDoor(deps: MemoryDoorDeps): MemoryDoor {
  const { config, world } = deps
  const log = world.log.child({ part: 'memory' })
  let settings: MemorySettings | undefined
  let opening: Promise<Memory> | undefined
  let opened: Memory | undefined
  let facts: Facts | undefined
  let problem: string | undefined
  let isClosed = false
  const timers = new Set<Disposable>()

  function later(ms: number, work: () => Promise<unknown>): void {
    const timer = world.clock.after(ms, () => {
      timers.delete(timer)
      work().catch((err) => {
        if (!isClosed) log.warn({ err }, 'memory could not do its work')
      })
    })
    timers.add(timer)
  }

  async function load(): Promise<Memory> {
    const { createMemory } = await import('../../memory/create-memory.ts')
    settings ??= { ...(await memorySettings(deps)), ...(deps.redactor && { clean: cleaner(deps.redactor) }) }
    const memory = await createMemory(world, settings)
    opened = memory
    const { createFacts } = await import('../../memory/facts.ts')
    facts = createFacts(memory)
    problem = undefined
    if (!isClosed) later(SELF_TEST_MS, selfTest)
    return memory
  }

  async function open(): Promise<Memory> {
    if (!config.enabled) {
      throw new Fault('memory_off', 'memory is turned off', { hint: 'Set memory.enabled in config.yaml to true.' })
    }
    if (isClosed) throw new Fault('memory_unavailable', 'the memory is closed')
    opening ??= load().catch((error: unknown) => {
      opening = undefined
      problem = error instanceof Error ? error.message : String(error)
      throw error
    })
    return opening
  }

  /** What is found again and again, because it cannot be mended, is told once. */
  let told = ''
  async function selfTest(): Promise<void> {
    const memory = await open()
    const found = await memory.selfTest()
    const words = found.repaired ? '' : found.problems.join('\n')
    if (found.problems.length > 0 && (found.repaired || words !== told)) await deps.report?.(found)
    told = words
  }

  return {
    isOn: config.enabled,
    open,
    async facts() {
      await open()
      return facts!
    },
    async selfTest() {
      if (config.enabled) await selfTest()
    },
    words() {
      if (!config.enabled) return 'off'
      if (problem !== undefined) return `cannot be opened: ${problem}`
      if (!opened) return 'opened when it is needed'
      const { notes, behind, embeddings } = opened.glance()
      return `${notes} ${notes === 1 ? 'note' : 'notes'}${behind > 0 ? ` (${behind} to be taken up)` : ''}; ${embeddings}`
    },
    async fetchModel(onProgress) {
      const memory = await open()
      const embedder = settings?.embedder
      if (embedder?.kind === 'local') {
        const [{ fetchModel }, { findModel }] = await Promise.all([
          import('../../memory/embed/fetch-model.ts'),
          import('../../memory/embed/model-files.ts'),
        ])
        if (!(await findModel(embedder))) await fetchModel(embedder, onProgress)
      }
      return memory.loadModel()
    },
    start() {
      if (config.enabled) later(START_MS, open)
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      for (const timer of timers) timer[Symbol.dispose]()
      const memory = await opening?.catch(() => undefined)
      await memory?.[Symbol.asyncDispose]()
    },
  }
}

/** Where the notes lie: the owner's own folder where one is named. */
export function notesDirOf(config: Readonly<Config>, paths: Pick<Paths, 'notesDir'>, ownerHome: string): string {
  const { folder } = config.memory
  if (folder === null) return paths.notesDir
  return folder.startsWith('~/') ? join(ownerHome, folder.slice(2)) : folder
}

/** Takes out what Claw knows for a secret, and what anybody would know for a key. */
function cleaner(redactor: Pick<Redactor, 'text'>): (text: string) => string {
  return (text) => withoutKeys(redactor.text(text))
}
