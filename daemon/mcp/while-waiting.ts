import type { RunId } from '../../core/run.ts'
import { getRun, moveRun } from '../store/rows.ts'
import type { Store } from '../store/store.ts'

/** Has a run say that it waits for the owner while `work` does so, and no longer. */
export async function whileWaiting<T>(store: Store, runId: RunId, work: () => Promise<T>): Promise<T> {
  await setWaiting(store, runId, true)
  try {
    return await work()
  } finally {
    await setWaiting(store, runId, false)
  }
}

async function setWaiting(store: Store, runId: RunId, isWaiting: boolean): Promise<void> {
  await store.transaction(async (tx) => {
    const { state } = await getRun(tx, runId)
    if (isWaiting && state === 'running') await moveRun(tx, runId, 'waiting')
    if (!isWaiting && state === 'waiting') await moveRun(tx, runId, 'running')
  })
}
