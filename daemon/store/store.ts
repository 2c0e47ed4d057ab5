import type { Db, Tx } from './tables.ts'

/**
 * What the daemon keeps across restarts.
 *
 * A transaction that returned has reached the disk (SQLite WAL, synchronous=FULL). Transactions
 * run one after the other. Faults: disk_full (nothing was written; the same call may succeed
 * later), store_broken (the daemon stops).
 */
export interface Store extends AsyncDisposable {
  readonly db: Db
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Called after each committed transaction. Listeners return at once. */
  onCommit(listener: () => void): Disposable
  /** A consistent copy of the whole database in a new file (`VACUUM INTO`). */
  snapshot(file: string): Promise<void>
}
