import { describe, expect, onTestFinished, test } from 'vitest'
import { HOUR, MINUTE, SECOND } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import type { Queue } from '../../../daemon/store/queue.ts'
import { createSqliteQueue } from '../../../daemon/store/sqlite-queue.ts'
import { openSqliteStore } from '../../../daemon/store/sqlite-store.ts'
import { createFakeClock } from '../../fakes/fake-clock.ts'

async function aQueue() {
  const clock = createFakeClock()
  const store = openSqliteStore(':memory:')
  const world = { clock, log: silentLog }
  const queue = createSqliteQueue({ store, world })
  onTestFinished(async () => {
    await queue[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  })
  const send = (name: string, key: string, options?: Parameters<Queue['send']>[3]) =>
    store.transaction((tx) => queue.send(tx, name, key, options))
  return { clock, store, queue, world, send }
}

describe('a job', () => {
  test('sent in a transaction that does not commit is not run', async () => {
    const { store, queue } = await aQueue()
    const ran: string[] = []
    queue.define('work', async ({ key }) => void ran.push(key))
    await queue.start()
    await store
      .transaction(async (tx) => {
        await queue.send(tx, 'work', 'never')
        throw new Error('no')
      })
      .catch(() => {})
    await store.transaction((tx) => queue.send(tx, 'work', 'now'))
    await queue.idle()
    expect(ran).toEqual(['now'])
  })

  test('sent again while it runs runs once more afterwards, never twice at a time', async () => {
    const { queue, send } = await aQueue()
    let now = 0
    let most = 0
    let runs = 0
    queue.define('work', async () => {
      most = Math.max(most, ++now)
      if (++runs === 1) {
        await send('work', 'a')
        await send('work', 'a')
      }
      now--
    })
    await queue.start()
    await send('work', 'a')
    await queue.idle()
    expect({ runs, most }).toEqual({ runs: 2, most: 1 })
  })

  test('that sends itself for later waits until then, instead of running on the spot', async () => {
    const { clock, queue, send, store } = await aQueue()
    let runs = 0
    queue.define('look', async () => {
      runs++
      if (runs < 3) await send('look', 'all', { delayMs: HOUR })
    })
    await queue.start()
    await send('look', 'all')
    await queue.idle()
    expect(runs).toBe(1)
    expect(await store.db.selectFrom('job').select('runAt').execute()).toEqual([{ runAt: clock.now() + HOUR }])
    await clock.advance(HOUR)
    await queue.idle()
    expect(runs).toBe(2)
  })

  test('of several moments asked for while it runs the earliest counts', async () => {
    const { queue, send } = await aQueue()
    let runs = 0
    queue.define('look', async () => {
      if (++runs > 1) return
      await send('look', 'all', { delayMs: HOUR })
      await send('look', 'all')
      await send('look', 'all', { delayMs: MINUTE })
    })
    await queue.start()
    await send('look', 'all')
    await queue.idle()
    expect(runs).toBe(2)
  })

  test('that sent itself for later and is cut short runs again at the next start', async () => {
    const { queue, send, store, world } = await aQueue()
    const begun = Promise.withResolvers<void>()
    queue.define('look', async (_job, signal) => {
      await send('look', 'all', { delayMs: HOUR })
      begun.resolve()
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    await queue.start()
    await send('look', 'all')
    await begun.promise
    await queue.stop()
    const second = createSqliteQueue({ store, world })
    const ran = Promise.withResolvers<string>()
    second.define('look', async ({ key }) => ran.resolve(key))
    await second.start()
    expect(await ran.promise).toBe('all')
    await second[Symbol.asyncDispose]()
  })

  test('that fails is tried again, later each time; whoever is asked may give it up', async () => {
    const { clock, queue, send } = await aQueue()
    const at: number[] = []
    const start = clock.now()
    queue.define(
      'work',
      async () => {
        at.push(clock.now() - start)
        throw new Error('no')
      },
      { onError: async (_key, _error, tries) => (tries < 4 ? 'retry' : 'drop') },
    )
    await queue.start()
    await send('work', 'a')
    for (let n = 0; n < 4; n++) {
      await queue.idle()
      await clock.advance(8 * SECOND)
    }
    expect(at).toHaveLength(4)
    expect(at[0]).toBe(0)
  })
})

test('what is due stays due when the clock is set back', async () => {
  const { clock, queue, send } = await aQueue()
  let runs = 0
  queue.define('work', async () => void runs++)
  await send('work', 'a')
  clock.jump(-3 * HOUR)
  await queue.start()
  await queue.idle()
  expect(runs).toBe(1)
})

test('a name’s limit holds, and the rest follow in their order', async () => {
  const { queue, send } = await aQueue()
  let now = 0
  let most = 0
  const order: string[] = []
  queue.define(
    'work',
    async ({ key }) => {
      most = Math.max(most, ++now)
      order.push(key)
      await new Promise((resolve) => setImmediate(resolve))
      now--
    },
    { parallelMax: 2 },
  )
  for (const key of ['a', 'b', 'c', 'd', 'e']) await send('work', key)
  await queue.start()
  await queue.idle()
  expect(most).toBe(2)
  expect(order).toEqual(['a', 'b', 'c', 'd', 'e'])
})
