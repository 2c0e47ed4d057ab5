import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { RunId } from '../../core/run.ts'
import { findRun } from '../store/rows.ts'
import type { Store } from '../store/store.ts'

/**
 * Tokens of runs: what an agent at work reaches its own task with.
 *
 * None is kept. A token is the run's id with a seal over it, so that after a restart a run's token is the same;
 * and it opens nothing once the run has ended.
 */
export interface RunTokens {
  mint(runId: RunId): string
  /** The run that it is for, while that has not ended. */
  find(token: string): Promise<RunId | undefined>
}

const PREFIX = 'clawrun.'
const KEY_SETTING = 'run-token-key'

/** Reads the key of the seal; makes it the first time. */
export async function openRunTokens(store: Store): Promise<RunTokens> {
  const key = await store.transaction(async (tx) => {
    const row = await tx.selectFrom('setting').select('value').where('name', '=', KEY_SETTING).executeTakeFirst()
    if (row) return Buffer.from(row.value, 'base64url')
    const fresh = randomBytes(32)
    await tx
      .insertInto('setting')
      .values({ name: KEY_SETTING, value: fresh.toString('base64url') })
      .execute()
    return fresh
  })
  const seal = (runId: string) => createHmac('sha256', key).update(runId).digest()
  return {
    mint: (runId) => `${PREFIX}${runId}.${seal(runId).toString('base64url')}`,
    async find(token) {
      if (!token.startsWith(PREFIX) || token.length > 200) return undefined
      const [runId, given, ...more] = token.slice(PREFIX.length).split('.')
      if (!runId || !given || more.length > 0) return undefined
      const sealed = Buffer.from(given, 'base64url')
      const expected = seal(runId)
      if (sealed.length !== expected.length || !timingSafeEqual(sealed, expected)) return undefined
      const run = await findRun(store.db, runId)
      return run && run.state !== 'ended' ? run.id : undefined
    },
  }
}
