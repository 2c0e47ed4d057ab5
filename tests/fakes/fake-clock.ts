import type { Clock } from '../../core/clock.ts'

export interface FakeClock extends Clock {
  /** Moves time forward, firing what falls due in order, and lets promises settle in between. */
  advance(ms: number): Promise<void>
  /** Sets the wall clock without firing anything: an owner or NTP changing the time. */
  jump(ms: number): void
}

/** A clock that only the test moves. Passes tests/contracts/clock.ts. */
export function createFakeClock(start = Date.UTC(2026, 10, 23, 9)): FakeClock {
  let elapsed = 0
  let offset = start
  let timers: { at: number; fn: () => void }[] = []
  const settle = async () => {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  const after = (ms: number, fn: () => void): Disposable => {
    const timer = { at: elapsed + Math.max(0, ms), fn }
    timers.push(timer)
    return {
      [Symbol.dispose]: () => {
        timers = timers.filter((other) => other !== timer)
      },
    }
  }
  return {
    now: () => offset + elapsed,
    monotonic: () => elapsed,
    after,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const timer = after(ms, resolve)
        signal?.addEventListener('abort', () => {
          timer[Symbol.dispose]()
          reject(signal.reason)
        })
      })
    },
    jump(ms) {
      offset += ms
    },
    async advance(ms) {
      const end = elapsed + ms
      await settle()
      for (;;) {
        const next = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0]
        if (!next) break
        timers = timers.filter((timer) => timer !== next)
        elapsed = Math.max(elapsed, next.at)
        next.fn()
        await settle()
      }
      elapsed = end
      await settle()
    },
  }
}
