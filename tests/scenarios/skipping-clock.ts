import { type Clock, systemClock } from '../../core/clock.ts'

export interface SkippingClock extends Clock {
  /** Lets so much time have passed: what falls due by it is called at once. */
  skip(ms: number): void
  /** Sets the wall clock, as an owner or NTP does; no timer notices. */
  jump(ms: number): void
  /** From now on time passes so many times as fast. */
  hurry(factor: number): void
}

/** The machine's own clock, which a test can move on. For daemons with real processes, which need real time as well. */
export function createSkippingClock(): SkippingClock {
  let from = { real: systemClock.monotonic(), ours: systemClock.monotonic() }
  let speed = 1
  let wall = systemClock.now() - from.ours
  const timers = new Set<{ due: number; fire(): void; wait: Disposable }>()
  const monotonic = () => from.ours + (systemClock.monotonic() - from.real) * speed

  function move(change: () => void): void {
    const ours = monotonic()
    from = { real: systemClock.monotonic(), ours }
    change()
    for (const timer of [...timers].sort((a, b) => a.due - b.due)) {
      timer.wait[Symbol.dispose]()
      timer.wait = systemClock.after((timer.due - monotonic()) / speed, () => timer.fire())
    }
  }

  const after = (ms: number, fn: () => void): Disposable => {
    const timer = {
      due: monotonic() + ms,
      fire() {
        if (timers.delete(timer)) fn()
      },
      wait: systemClock.after(ms / speed, () => timer.fire()),
    }
    timers.add(timer)
    return {
      [Symbol.dispose]() {
        timers.delete(timer)
        timer.wait[Symbol.dispose]()
      },
    }
  }

  return {
    now: () => Math.round(wall + monotonic()),
    monotonic,
    after,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const timer = after(ms, resolve)
        signal?.addEventListener(
          'abort',
          () => {
            timer[Symbol.dispose]()
            reject(signal.reason)
          },
          { once: true },
        )
      })
    },
    skip(ms) {
      move(() => {
        from = { ...from, ours: from.ours + ms }
      })
    },
    jump(ms) {
      wall += ms
    },
    hurry(factor) {
      move(() => {
        speed = factor
      })
    },
  }
}
