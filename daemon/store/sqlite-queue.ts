import { sql } from 'kysely'
import { backoffMs } from '../../core/backoff.ts'
import { isFault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { JobHandler, JobOptions, Queue } from './queue.ts'
import type { Store } from './store.ts'

/** Due jobs looked at in one go. */
const BATCH_MAX = 200

interface Definition extends JobOptions {
  handler: JobHandler
  running: number
}

/** What is due at once stays so when the owner's clock is set back. */
const AT_ONCE = 0

const nameOf = ({ name, key }: { name: string; key: string }) => `${name} ${key}`

/** The embedded queue: a job table and one process, so no leases and no heartbeats. */
export function createSqliteQueue({ store, world }: { store: Store; world: World }): Queue {
  const definitions = new Map<string, Definition>()
  const running = new Map<number, Promise<void>>()
  /** For what runs now: the earliest moment for which it was sent again meanwhile. */
  const sentAgain = new Map<string, number>()
  let stopping = new AbortController()
  let started = false
  let pumping = false
  let pumpAgain = false
  let timer: Disposable | undefined
  let idlers: (() => void)[] = []
  const watch = store.onCommit(() => pump())

  /** Starts what is due; asks the clock to be woken for the next one. Never more than one at a time. */
  function pump(): void {
    if (!started || stopping.signal.aborted) return
    if (pumping) {
      pumpAgain = true
      return
    }
    pumping = true
    void dispatch()
      .catch((error) => world.log.error({ err: error }, 'queue failed'))
      .finally(() => {
        pumping = false
        if (pumpAgain) {
          pumpAgain = false
          pump()
        }
      })
  }

  async function dispatch(): Promise<void> {
    const now = world.clock.now()
    const jobs = await store.db.selectFrom('job').selectAll().orderBy('runAt').orderBy('id').limit(BATCH_MAX).execute()
    if (stopping.signal.aborted) return // stopped while the rows were read
    timer?.[Symbol.dispose]()
    timer = undefined
    let due = 0
    for (const job of jobs) {
      if (running.has(job.id)) continue
      if (job.runAt > now) {
        timer = world.clock.after(job.runAt - now, pump)
        break
      }
      const definition = definitions.get(job.name)
      if (!definition) continue
      due++
      if (definition.running >= (definition.parallelMax ?? Number.POSITIVE_INFINITY)) continue
      definition.running++
      running.set(
        job.id,
        run(job, definition).finally(() => {
          definition.running--
          running.delete(job.id)
          sentAgain.delete(nameOf(job))
          pump()
        }),
      )
    }
    if (due === 0 && running.size === 0) {
      const waiting = idlers
      idlers = []
      for (const resolve of waiting) resolve()
    }
  }

  /** After a growing pause; a provider that named its own time is taken at its word. */
  function againAt(error: unknown, tries: number): number {
    const named = isFault(error) ? error.details['retryAt'] : undefined
    const soonest = world.clock.now() + backoffMs(tries)
    return typeof named === 'number' ? Math.max(named, soonest) : soonest
  }

  async function run(
    job: { id: number; name: string; key: string; data: string; seq: number; tries: number },
    definition: Definition,
  ): Promise<void> {
    const log = world.log.child({ job: job.name, key: job.key })
    sentAgain.set(nameOf(job), Number.POSITIVE_INFINITY)
    try {
      await definition.handler({ key: job.key, data: JSON.parse(job.data), tries: job.tries }, stopping.signal)
      await finish(job)
    } catch (error) {
      if (stopping.signal.aborted) return
      const tries = job.tries + 1
      log.warn({ err: error, tries }, 'job failed')
      try {
        const verdict = (await definition.onError?.(job.key, error, tries)) ?? 'retry'
        if (verdict === 'drop') return await finish(job)
        await store.db
          .updateTable('job')
          .set({ tries, runAt: againAt(error, tries), lastError: String(error).slice(0, 2000) })
          .where('id', '=', job.id)
          .execute()
      } catch (second) {
        // The store itself fails (a full disk, say): the row stays as it is; it is taken up again after a pause.
        log.error({ err: second }, 'job could not be put off')
        await world.clock.sleep(backoffMs(tries), stopping.signal).catch(() => {})
      }
    }
  }

  /**
   * Removes the job, unless it was sent again meanwhile: then it waits for the moment that was asked for. Until
   * now its row was due, so that a crash in the middle runs it again.
   */
  async function finish(job: { id: number; name: string; key: string; seq: number }): Promise<void> {
    const { numDeletedRows } = await store.db
      .deleteFrom('job')
      .where('id', '=', job.id)
      .where('seq', '=', job.seq)
      .executeTakeFirst()
    const again = sentAgain.get(nameOf(job)) ?? AT_ONCE
    if (numDeletedRows === 0n && Number.isFinite(again))
      await store.db.updateTable('job').set({ runAt: again }).where('id', '=', job.id).execute()
  }

  return {
    define(name, handler, options = {}) {
      definitions.set(name, { handler, running: 0, ...options })
    },
    async send(tx, name, key, { delayMs = 0, data = null } = {}) {
      const runAt = delayMs > 0 ? world.clock.now() + delayMs : AT_ONCE
      const before = sentAgain.get(nameOf({ name, key }))
      if (before !== undefined) sentAgain.set(nameOf({ name, key }), Math.min(before, runAt))
      await tx
        .insertInto('job')
        .values({ name, key, data: JSON.stringify(data), runAt, seq: 1, tries: 0, lastError: null })
        .onConflict((conflict) =>
          conflict.columns(['name', 'key']).doUpdateSet({
            seq: sql`job.seq + 1`,
            runAt: sql`min(job.runAt, excluded.runAt)`,
            data: sql`excluded.data`,
            tries: 0,
          }),
        )
        .execute()
    },
    async cancel(tx, name, key) {
      await tx.deleteFrom('job').where('name', '=', name).where('key', '=', key).execute()
    },
    async start() {
      started = true
      stopping = new AbortController()
      pump()
    },
    async stop() {
      stopping.abort(new Error('the daemon is stopping'))
      timer?.[Symbol.dispose]()
      await Promise.allSettled(running.values())
      started = false
    },
    idle() {
      return new Promise((resolve) => {
        idlers.push(resolve)
        pump()
      })
    },
    async [Symbol.asyncDispose]() {
      if (started) await this.stop()
      watch[Symbol.dispose]()
    },
  }
}
