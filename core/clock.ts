/**
 * Time, as an argument. Nothing else in the product calls Date.now() or setTimeout,
 * so a test can own the clock.
 */
export interface Clock {
  /** Milliseconds since the epoch. May jump either way: the owner's machine sets it. */
  now(): number
  /** Milliseconds of a clock that never goes back, for durations. */
  monotonic(): number
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `fn` once after `ms`; disposing it first means it is never called. */
  after(ms: number, fn: () => void): Disposable
}

/** The longest delay a Node timer takes; more overflows to 1 ms. */
const TIMER_MAX_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
        Math.min(ms, TIMER_MAX_MS),
      )
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  },
  after(ms, fn) {
    const timer = setTimeout(fn, Math.max(0, Math.min(ms, TIMER_MAX_MS)))
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
}

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
