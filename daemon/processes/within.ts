import type { Clock } from '../../core/clock.ts'

/** What the promise gives, or undefined when that takes longer than `ms`. Leaves no timer behind. */
export async function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>()
  using _timer = clock.after(ms, () => late.resolve(undefined))
  return await Promise.race([promise, late.promise])
}
