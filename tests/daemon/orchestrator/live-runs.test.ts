import { describe, expect, test } from 'vitest'
import { createLimiter } from '../../../daemon/orchestrator/limiter.ts'
import { createRunRegistry } from '../../../daemon/orchestrator/run-registry.ts'

describe('the runs that live here', () => {
  test('one is stopped with its reason, and whoever stopped it waits until it has let go', async () => {
    const registry = createRunRegistry()
    const live = registry.open('run_1')
    let gone = false
    const stopped = registry.stop('run_1', 'paused').then(() => {
      expect(gone).toBe(true)
    })
    expect(live.signal.reason).toBe('paused')
    gone = true
    live[Symbol.dispose]()
    await stopped
    expect(registry.isLive('run_1')).toBe(false)
  })

  test('one that is not here is stopped at once; one that is here is not opened twice', async () => {
    const registry = createRunRegistry()
    await expect(registry.stop('run_1', 'cancelled')).resolves.toBeUndefined()
    using _live = registry.open('run_1')
    expect(() => registry.open('run_1')).toThrow('live already')
  })
})

describe('a limiter', () => {
  test('lets so many in, in the order in which they came, and the next when one leaves', async () => {
    const limited = createLimiter(2)
    const signal = new AbortController().signal
    const order: string[] = []
    const doors = ['a', 'b', 'c'].map((name) => ({ name, ...Promise.withResolvers<void>() }))
    const all = doors.map(({ name, promise }) =>
      limited(signal, async () => {
        order.push(name)
        await promise
      }),
    )
    await Promise.resolve()
    expect(order).toEqual(['a', 'b'])
    doors[1]!.resolve()
    await all[1]
    await Promise.resolve()
    expect(order).toEqual(['a', 'b', 'c'])
    for (const door of doors) door.resolve()
    await Promise.all(all)
  })

  test('whoever leaves the queue frees no place twice; a failure frees its own', async () => {
    const limited = createLimiter(1)
    const leaving = new AbortController()
    const never = new AbortController().signal
    const door = Promise.withResolvers<void>()
    const first = limited(never, () => door.promise)
    const second = limited(leaving.signal, async () => 'second')
    leaving.abort(new Error('gone'))
    await expect(second).rejects.toThrow('gone')
    door.reject(new Error('failed'))
    await expect(first).rejects.toThrow('failed')
    expect(await limited(never, async () => 'third')).toBe('third')
  })
})
