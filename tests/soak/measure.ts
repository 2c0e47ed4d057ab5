import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** What a daemon holds at one moment. */
export interface Held {
  rssMb: number
  fds: number
}

/** Undefined where the process is gone. */
export function heldBy(pid: number): Held | undefined {
  try {
    const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    if (kb === undefined) return undefined
    return { rssMb: Math.round(Number(kb) / 1024), fds: readdirSync(`/proc/${pid}/fd`).length }
  } catch {
    return undefined
  }
}

/** Megabytes below a folder. What vanishes meanwhile counts nothing. */
export function megabytesIn(folder: string): number {
  let bytes = 0
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const found = statSync(join(folder, name), { throwIfNoEntry: false })
    if (found?.isFile()) bytes += found.size
  }
  return Math.round(bytes / 1024 ** 2)
}

/** The middle of some numbers; 0 of none. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}
