import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { changedKeys, LIVE_KEYS } from '../config/live.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { isFault } from '../core/fault.ts'
import type { World } from '../core/world.ts'

export interface Reloaded {
  /** Keys that hold from now on. */
  applied: string[]
  /** Keys that hold from the next start on. */
  atRestart: string[]
  /** Why the file was refused as a whole; null: it was not. */
  refused: string | null
}

/** The configuration as it holds at this moment. */
export interface LiveConfig extends Disposable {
  readonly current: Readonly<Config>
  /** Reads the file again. A bad one changes nothing: the last good configuration stays, and why is logged. */
  reload(): Reloaded
  /** Reads it again whenever it has changed. */
  follow(): void
}

/** Editors write a file in several steps. */
const SETTLE_MS = 300

export function createLiveConfig(deps: {
  file: string
  env: Readonly<Record<string, string | undefined>>
  initial: Readonly<Config>
  world: World
  onChange?(config: Readonly<Config>): void
}): LiveConfig {
  const { file, world } = deps
  let current = deps.initial
  /** What the file said last: a key that waits for a restart is told once. */
  let read = deps.initial
  let settling: Disposable | undefined
  let watcher: ReturnType<typeof watch> | undefined

  function reload(): Reloaded {
    let next: Readonly<Config>
    try {
      next = loadConfig(file, deps.env)
    } catch (error) {
      if (!isFault(error)) throw error
      world.log.error({ why: error.message }, 'configuration refused, the last good one stays')
      return { applied: [], atRestart: [], refused: error.message }
    }
    const changed = changedKeys(read, next)
    read = next
    const applied = changed.filter((key) => LIVE_KEYS.has(key))
    const atRestart = changed.filter((key) => !LIVE_KEYS.has(key))
    if (applied.length > 0) {
      current = withLive(deps.initial, next)
      deps.onChange?.(current)
    }
    if (changed.length > 0) world.log.info({ applied, atRestart }, 'configuration read again')
    return { applied, atRestart, refused: null }
  }

  return {
    get current() {
      return current
    },
    reload,
    follow() {
      // The folder, since most editors put a new file in the place of the old one.
      watcher = watch(dirname(file), { persistent: false }, (_, name) => {
        if (name !== basename(file)) return
        settling?.[Symbol.dispose]()
        settling = world.clock.after(SETTLE_MS, reload)
      })
      watcher.on('error', (error) => world.log.warn({ err: error }, 'the configuration is not watched any more'))
    },
    [Symbol.dispose]() {
      settling?.[Symbol.dispose]()
      watcher?.close()
    },
  }
}

/** What we started with, and from the new one what may change while we work. */
function withLive(initial: Readonly<Config>, next: Readonly<Config>): Readonly<Config> {
  const mixed = structuredClone(initial) as unknown as Record<string, Record<string, unknown>>
  const from = next as unknown as Record<string, Record<string, unknown>>
  for (const key of LIVE_KEYS) {
    const [section, name] = key.split('.') as [string, string]
    mixed[section]![name] = from[section]![name]
  }
  return mixed as unknown as Config
}
