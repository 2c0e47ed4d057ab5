import { DAY, HOUR } from '../../core/clock.ts'
import type { World } from '../../core/world.ts'
import type { Store } from '../store/store.ts'

/** One thing that is done every day. It stops early when aborted; what it throws is logged and the next one follows. */
export interface Chore {
  name: string
  run(signal: AbortSignal): Promise<void>
}

export interface Upkeep extends AsyncDisposable {
  start(): Promise<void>
  /** All chores now, whenever they ran last. */
  runNow(): Promise<void>
}

/** When the chores ended last; a fresh home has nothing to tidy and begins to count when it is made. */
const KEPT = 'upkeep.at'
/** Looked at so often, for a machine that slept or whose clock was set; one comparison each. */
const LOOK_MS = HOUR
const EVERY_MS = DAY

/** What keeps a home from growing: once a day, and at the start when a day was missed. Idle, it costs a timer. */
export function createUpkeep(deps: { store: Store; world: World; chores: readonly Chore[] }): Upkeep {
  const { store, world } = deps
  const stopping = new AbortController()
  let timer: Disposable | undefined
  let doneAt = world.clock.now()
  let running: Promise<void> = Promise.resolve()

  function look(): void {
    if (stopping.signal.aborted) return
    // A clock that was set back by days must not hold it off for as long.
    if (Math.abs(world.clock.now() - doneAt) >= EVERY_MS) void runNow()
    timer = world.clock.after(LOOK_MS, look)
  }

  function runNow(): Promise<void> {
    running = running.then(runAll)
    return running
  }

  async function runAll(): Promise<void> {
    for (const chore of deps.chores) {
      if (stopping.signal.aborted) return
      await chore.run(stopping.signal).catch((error) => {
        if (!stopping.signal.aborted) world.log.error({ err: error, chore: chore.name }, 'upkeep failed')
      })
    }
    if (!stopping.signal.aborted)
      await keep(world.clock.now()).catch((error) => world.log.error({ err: error }, 'upkeep failed'))
  }

  async function keep(at: number): Promise<void> {
    doneAt = at
    await store.db
      .insertInto('setting')
      .values({ name: KEPT, value: String(at) })
      .onConflict((row) => row.column('name').doUpdateSet({ value: String(at) }))
      .execute()
  }

  return {
    async start() {
      const row = await store.db.selectFrom('setting').select('value').where('name', '=', KEPT).executeTakeFirst()
      if (row) doneAt = Number(row.value)
      else await keep(world.clock.now())
      look()
    },
    runNow,
    async [Symbol.asyncDispose]() {
      stopping.abort()
      timer?.[Symbol.dispose]()
      await running
    },
  }
}
