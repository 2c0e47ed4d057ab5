import { isFault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import {
  addSpend,
  type NewSpend,
  type Settlement,
  saveUpstreamRow,
  settleSpend,
  type UpstreamRow,
} from '../store/ledger-rows.ts'
import type { Store } from '../store/store.ts'
import type { Tx } from '../store/tables.ts'

/**
 * Writes what is spent, many requests to one commit.
 *
 * A reservation that returned has reached the disk. A settlement reaches it with the next commit: until
 * then the row says more than was spent, never less.
 */
export interface Ledger {
  reserve(spend: NewSpend): Promise<number>
  settle(id: number, settlement: Settlement): void
  saveUpstream(row: UpstreamRow): void
  /** Anything else that belongs beside these rows; failures are logged. */
  write(work: (tx: Tx) => Promise<void>): void
  /** Resolves when all that was handed in has been written or given up. */
  flush(): Promise<void>
}

interface Entry {
  write(tx: Tx): Promise<void>
  written(): void
  failed(error: unknown): void
}

const BATCH_MAX = 200

export function createLedger({ store, world }: { store: Pick<Store, 'transaction'>; world: World }): Ledger {
  const log = world.log.child({ part: 'ledger' })
  let waiting: Entry[] = []
  let writing: Promise<void> | undefined

  function add(entry: Entry): void {
    waiting.push(entry)
    writing ??= writeAll()
  }

  async function writeAll(): Promise<void> {
    // What arrives in the same moment goes into the same commit.
    await new Promise<void>((resolve) => setImmediate(resolve))
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH_MAX)
      waiting = waiting.slice(BATCH_MAX)
      try {
        await store.transaction(async (tx) => {
          for (const entry of batch) await entry.write(tx)
        })
        for (const entry of batch) entry.written()
      } catch {
        await writeEach(batch)
      }
    }
    writing = undefined
  }

  /** One bad entry must not take the others with it. */
  async function writeEach(batch: readonly Entry[]): Promise<void> {
    for (const entry of batch) {
      try {
        await store.transaction((tx) => entry.write(tx))
        entry.written()
      } catch (error) {
        entry.failed(error)
      }
    }
  }

  const quietly = (what: string, write: Entry['write']) =>
    add({
      write,
      written() {},
      failed: (error) => log.error({ err: error, isFull: isFault(error, 'disk_full') }, what),
    })

  return {
    reserve(spend) {
      return new Promise((resolve, reject) => {
        let id = 0
        add({
          async write(tx) {
            id = await addSpend(tx, spend)
          },
          written: () => resolve(id),
          failed: reject,
        })
      })
    },
    settle: (id, settlement) => quietly('spend not settled', (tx) => settleSpend(tx, id, settlement)),
    saveUpstream: (row) => quietly('upstream not saved', (tx) => saveUpstreamRow(tx, row)),
    write: (work) => quietly('not written', work),
    async flush() {
      while (writing) await writing
    },
  }
}
