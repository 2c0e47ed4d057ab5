import type { Clock } from '../../core/clock.ts'

/**
 * Notices that an agent has stopped getting on.
 *
 * Only semantic progress counts (words, thoughts, tools, plans, usage), not bytes: a program that
 * prints a spinner is silent. Waiting for an answer of the owner's is never silence; a running
 * tool may be quiet for longer.
 */
export interface SilenceWatch extends Disposable {
  heard(): void
}

export interface SilenceWatchOptions {
  clock: Clock
  silenceMs: number
  /** Whether it waits for somebody else now. */
  isWaiting(): boolean
  /** Whether a tool is running now. */
  isBusy(): boolean
  onSilent(silentMs: number): void
}

/** How much longer a running tool may be quiet: a build, a test suite. */
const BUSY_FACTOR = 4

export function watchSilence({ clock, silenceMs, isWaiting, isBusy, onSilent }: SilenceWatchOptions): SilenceWatch {
  let heardAt = clock.monotonic()
  let timer: Disposable
  const look = () => {
    const now = clock.monotonic()
    // The wait starts anew when the answer is there.
    if (isWaiting()) heardAt = now
    const limit = isBusy() ? silenceMs * BUSY_FACTOR : silenceMs
    const left = heardAt + limit - now
    if (left <= 0) return onSilent(now - heardAt)
    // Looking at least once per limit keeps `heardAt` honest across a wait and notices a tool's end.
    timer = clock.after(Math.min(left, silenceMs), look)
  }
  timer = clock.after(silenceMs, look)
  return {
    heard() {
      heardAt = clock.monotonic()
    },
    [Symbol.dispose]: () => timer[Symbol.dispose](),
  }
}
