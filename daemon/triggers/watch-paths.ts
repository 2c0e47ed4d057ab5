/**
 * Watched paths. The system tells us that something may have changed; what changed, and whether, is seen by
 * comparing with what was written down when it last fired, so that nothing depends on the system's word: a scan
 * looks as well, and finds what happened while no daemon ran.
 *
 * It fires when nothing has changed any more for `quietMs`. The firing and the new look are one transaction.
 */
import { randomUUID } from 'node:crypto'
import { type FSWatcher, watch } from 'node:fs'
import { MINUTE } from '../../core/clock.ts'
import type { Schedule, ScheduleId, When } from '../../core/schedule.ts'
import type { World } from '../../core/world.ts'
import { writeFiring } from '../schedules/fire.ts'
import type { Queue } from '../store/queue.ts'
import { getSchedule, listWatching, readSeen, writeSeen } from '../store/schedule-rows.ts'
import type { Store } from '../store/store.ts'
import { changesBetween, type Fingerprint, fingerprint } from './fingerprint.ts'

/** Between two scans, for what the system did not tell. */
export const SCAN_MS = MINUTE
/** A path that never comes to rest fires after so many looks all the same. */
const LOOKS_MAX = 20

type WatchedWhen = Extract<When, { kind: 'path' }>

interface Watched {
  schedule: Schedule & { when: WatchedWhen }
  system: FSWatcher | undefined
  quiet: Disposable | undefined
  /** The look before, while something is changing. */
  pending: string | undefined
  looks: number
  /** One look at a time. */
  looking: Promise<void>
}

export interface PathWatcher extends AsyncDisposable {
  start(): Promise<void>
  /** Schedules have changed: watch those that are active now. */
  refresh(): void
  look(when: WatchedWhen): Promise<string>
  /** Resolves when the looks under way have ended. */
  settled(): Promise<void>
}

export function createPathWatcher({ store, queue, world }: { store: Store; queue: Queue; world: World }): PathWatcher {
  const log = world.log.child({ part: 'watcher' })
  const watched = new Map<ScheduleId, Watched>()
  let isOn = false
  let scan: Disposable | undefined
  let refreshing: Promise<void> = Promise.resolve()

  const look = async (when: WatchedWhen) => JSON.stringify(await fingerprint(when.path, when.glob))

  async function follow(): Promise<void> {
    if (!isOn) return
    const rows = await listWatching(store.db)
    for (const [id, one] of watched) if (!rows.some((row) => row.id === id)) release(id, one)
    for (const schedule of rows) {
      if (schedule.when.kind !== 'path' || watched.has(schedule.id)) continue
      const one: Watched = {
        schedule: { ...schedule, when: schedule.when },
        system: undefined,
        quiet: undefined,
        pending: undefined,
        looks: 0,
        looking: Promise.resolve(),
      }
      watched.set(schedule.id, one)
      listen(one)
      compare(one)
    }
    if (watched.size > 0) scan ??= world.clock.after(SCAN_MS, scanAll)
  }

  function scanAll(): void {
    scan = isOn && watched.size > 0 ? world.clock.after(SCAN_MS, scanAll) : undefined
    for (const one of watched.values()) {
      if (!one.system) listen(one)
      compare(one)
    }
  }

  /** Where the system cannot watch (the path is not there yet, too many watches), the scan does. */
  function listen(one: Watched): void {
    try {
      const system = watch(one.schedule.when.path, { recursive: true, persistent: false }, () => compare(one))
      one.system = system
      system.on('error', (error) => {
        log.debug({ err: error, path: one.schedule.when.path }, 'the system stopped watching')
        system.close()
        one.system = undefined
      })
    } catch (error) {
      log.debug({ err: error, path: one.schedule.when.path }, 'the system cannot watch')
    }
  }

  /** Something may have changed: look once it has been quiet. What comes meanwhile puts it off. */
  function compare(one: Watched): void {
    if (!isOn || !watched.has(one.schedule.id) || one.quiet) return
    one.quiet = world.clock.after(one.schedule.when.quietMs, () => {
      one.quiet = undefined
      one.looking = one.looking
        .then(() => settle(one))
        .catch((error) =>
          log.warn({ err: error, scheduleId: one.schedule.id }, 'a watched path could not be looked at'),
        )
    })
  }

  async function settle(one: Watched): Promise<void> {
    if (!isOn || !watched.has(one.schedule.id)) return
    const { id, when } = one.schedule
    const is = await look(when)
    const was = await readSeen(store.db, id)
    const changes = was === null ? [] : changesBetween(JSON.parse(was) as Fingerprint, JSON.parse(is) as Fingerprint)
    if (changes.length === 0 && was !== null) {
      one.pending = undefined
      one.looks = 0
      return
    }
    one.looks++
    if (was !== null && one.pending !== is && one.looks < LOOKS_MAX) {
      one.pending = is
      return compare(one)
    }
    one.pending = undefined
    one.looks = 0
    await store.transaction(async (tx) => {
      const schedule = await getSchedule(tx, id)
      if (schedule.state !== 'active') return
      await writeSeen(tx, id, is)
      if (was === null) return
      // The new look is kept with it, so this difference is never seen again: any key will do that is new.
      const key = `path:${randomUUID()}`
      await writeFiring(tx, queue, world.clock.now(), schedule, { key, cause: 'path', payload: { paths: changes } })
    })
  }

  function release(id: ScheduleId, one: Watched): void {
    one.system?.close()
    one.quiet?.[Symbol.dispose]()
    watched.delete(id)
  }

  return {
    look,
    async start() {
      isOn = true
      await follow()
    },
    refresh() {
      refreshing = refreshing.then(follow).catch((error) => log.error({ err: error }, 'watched paths cannot be read'))
    },
    async settled() {
      await refreshing
      await Promise.all([...watched.values()].map((one) => one.looking))
    },
    async [Symbol.asyncDispose]() {
      isOn = false
      scan?.[Symbol.dispose]()
      for (const [id, one] of watched) release(id, one)
      await refreshing
      await Promise.all([...watched.values()].map((one) => one.looking))
    },
  }
}
