/** What Claw needs of the machine: Node with its SQLite, git, room on the disk, a clock that is not behind. */
import { execFile } from 'node:child_process'
import { existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { MINUTE } from '../../core/clock.ts'
import { bytes, span } from '../text.ts'
import { type Diagnosis, fail, ok, warn } from './check.ts'

const GB = 1024 ** 3

export function checkNode(version: string): Diagnosis {
  return isAtLeast(version, 24, 21) ? ok('node', version) : fail('node', version, 'Install Node 24.21 or newer.')
}

export function checkSqlite(version: string | undefined): Diagnosis {
  if (version === undefined) return fail('sqlite', 'this Node carries none', 'Install Node 24.21 or newer.')
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  const isGood = major > 3 || (major === 3 && (minor > 51 || (minor === 51 && patch >= 3)))
  if (isGood) return ok('sqlite', version)
  return fail('sqlite', `${version} can lose its log (3.51.3 is needed)`, 'Install Node 24.21 or newer.')
}

export async function checkGit(env: NodeJS.ProcessEnv): Promise<Diagnosis> {
  try {
    const { stdout } = await promisify(execFile)('git', ['--version'], { env, timeout: MINUTE })
    if (isAtLeast(stdout, 2, 38)) return ok('git', stdout.trim())
    return fail('git', stdout.trim(), 'Install git 2.38 or newer (merge-tree).')
  } catch {
    return fail('git', 'not found', 'Install git.')
  }
}

export function checkDisk(folder: string, free: (folder: string) => number = freeBytes): Diagnosis {
  let there = folder
  while (!existsSync(there) && there !== dirname(there)) there = dirname(there)
  const room = free(there)
  const words = `${bytes(room)} free`
  if (room >= 2 * GB) return ok('disk', words)
  const mend = 'Free some; Claw gives back what it can spare every day (`retention` in docs/CONFIG.md).'
  return room < GB / 10 ? fail('disk', words, mend) : warn('disk', words, mend)
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

/** `newest`: the latest moment that this home has written down. */
export function checkClock(now: number, newest: number | undefined): Diagnosis {
  const behind = (newest ?? 0) - now
  if (behind <= MINUTE) return ok('clock', new Date(now).toISOString())
  const words = `${span(behind)} behind the newest thing that was written down`
  return warn('clock', words, 'Set the clock (timedatectl set-ntp true); schedules and limits go by it.')
}

function isAtLeast(text: string, major: number, minor: number): boolean {
  const found = /(\d+)\.(\d+)/.exec(text)
  return found !== null && (Number(found[1]) > major || (Number(found[1]) === major && Number(found[2]) >= minor))
}
