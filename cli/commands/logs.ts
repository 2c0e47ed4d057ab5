import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Fault } from '../../core/fault.ts'
import { toWords } from '../../core/log-line.ts'
import { type Surface, wantsColor } from '../surface.ts'

const BLOCK = 64 * 1024
const FOLLOW_MS = 300

/** Reads the file itself: what the daemon said last matters most when it no longer answers. */
export async function logs(surface: Surface, options: { lines: number; follow?: boolean }): Promise<void> {
  const file = join(surface.paths.logsDir, 'daemon.log')
  let handle: number
  try {
    handle = openSync(file, 'r')
  } catch (cause) {
    throw new Fault('input_invalid', `There is no log yet: ${file}`, { cause })
  }
  try {
    let { lines, end } = tail(handle, options.lines)
    for (const line of lines) print(surface, line)
    while (options.follow) {
      await delay(FOLLOW_MS, undefined, { signal: surface.signal }).catch(() => surface.signal.throwIfAborted())
      const more = readFrom(handle, end)
      end += more.used
      for (const line of more.lines) print(surface, line)
    }
  } finally {
    closeSync(handle)
  }
}

function print(surface: Surface, line: string): void {
  if (surface.isJson) surface.print(line)
  else surface.stdout.write(toWords(line, wantsColor(surface.stdout, surface.env)))
}

/** The last whole lines, read from the end in blocks. */
export function tail(handle: number, wanted: number): { lines: string[]; end: number } {
  const size = fstatSync(handle).size
  let start = size
  let bytes = Buffer.alloc(0)
  let breaks = 0
  while (start > 0 && breaks <= wanted) {
    const length = Math.min(BLOCK, start)
    start -= length
    const block = Buffer.alloc(length)
    readSync(handle, block, 0, length, start)
    for (const byte of block) if (byte === 10) breaks++
    bytes = Buffer.concat([block, bytes])
  }
  const whole = bytes.lastIndexOf(10) + 1
  const lines = bytes.subarray(0, whole).toString('utf8').split('\n').slice(0, -1)
  return { lines: wanted === 0 ? [] : lines.slice(-wanted), end: start + whole }
}

/** Whole lines that were added after `from`; a half one waits. */
function readFrom(handle: number, from: number): { lines: string[]; used: number } {
  const size = fstatSync(handle).size
  if (size <= from) return { lines: [], used: 0 }
  const block = Buffer.alloc(Math.min(size - from, 16 * BLOCK))
  const read = readSync(handle, block, 0, block.length, from)
  const whole = block.subarray(0, read).lastIndexOf(10) + 1
  return { lines: block.subarray(0, whole).toString('utf8').split('\n').slice(0, -1), used: whole }
}
