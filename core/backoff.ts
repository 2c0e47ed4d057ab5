import { MINUTE, SECOND } from './clock.ts'

/**
 * How long to wait before trying again: doubling from `firstMs`, at most `maxMs`.
 *
 * @param failures how often it has failed in a row, from 1
 */
export function backoffMs(failures: number, firstMs = SECOND, maxMs = 5 * MINUTE): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(30, Math.max(0, failures - 1)))
}
