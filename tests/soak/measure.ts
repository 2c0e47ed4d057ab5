import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'

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

/** Megabytes that are alive in a daemon that `collect.js` is loaded into, after all garbage is gone; undefined: it did not say. */
export async function aliveMb(pid: number, file: string, clock: Pick<Clock, 'sleep'>): Promise<number | undefined> {
  const said = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [])
  const before = said().length
  process.kill(pid, 'SIGUSR2')
  for (let look = 0; look < 100; look++) {
    await clock.sleep(100)
    const lines = said()
    if (lines.length === before) continue
    const { heapUsed, external } = JSON.parse(lines.at(-1)!) as { heapUsed: number; external: number }
    return Math.round((heapUsed + external) / 1024 ** 2)
  }
  return undefined
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
