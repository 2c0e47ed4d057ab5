import type { Tx } from './tables.ts'

/**
 * Work to be done soon, kept with the rows it is about.
 *
 * A job that was sent in a transaction that committed is run at least once, also after kill -9;
 * handlers look at the rows first and do nothing where nothing is left to do. Of one name and key
 * at most one runs at a time; one that is sent while it runs is run once more afterwards. A handler
 * that throws is tried again with growing delays; `onError` sees each failure first.
 */
export interface Queue extends AsyncDisposable {
  define(name: string, handler: JobHandler, options?: JobOptions): void
  /** In the same transaction as the rows that cause it. `delayMs` moves an earlier moment never later. */
  send(tx: Tx, name: string, key: string, options?: { delayMs?: number; data?: unknown }): Promise<void>
  cancel(tx: Tx, name: string, key: string): Promise<void>
  /** Begins to run jobs, the ones left over from before first. */
  start(): Promise<void>
  /** Aborts what runs, waits until the handlers have returned. Their jobs stay and run again after the next start. */
  stop(): Promise<void>
  /** Resolves when nothing is due and nothing runs. For tests and for a graceful stop. */
  idle(): Promise<void>
}

export type JobHandler = (job: { key: string; data: unknown; tries: number }, signal: AbortSignal) => Promise<void>

export interface JobOptions {
  /** Jobs of this name at the same time. */
  parallelMax?: number
  /** Called with what a handler threw; may answer `drop` to give the job up. */
  onError?: (key: string, error: unknown, tries: number) => Promise<'retry' | 'drop'>
}
