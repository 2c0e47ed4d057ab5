/**
 * The daemon's log: JSON lines in a file, and words for a person on the terminal when in the foreground.
 *
 * Secrets are taken out of the finished line, wherever in it they stand: a path through the fields would
 * miss the one that an error message carries. The file is written in the background; `flush` (on exit, and
 * on a bug) writes what is left before it returns. A file that has grown is put aside as `.1`, that one as
 * `.2` and so on; between two lines, so that a line is never in two files and none is lost.
 */
import { mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import pino from 'pino'
import { toWords } from '../core/log-line.ts'
import { createRedactor } from '../core/redact.ts'
import type { Log } from '../core/world.ts'

export interface LogOptions {
  file: string
  level: 'debug' | 'info' | 'warn' | 'error'
  /** A file that has grown to this is put aside; never, without it. */
  bytesMax?: number
  /** Files that are kept, the present one among them. */
  filesMax?: number
  /** Exact values that never leave; asked for at every line, since more become known. */
  secrets: () => readonly string[]
  /** Where the words for a person go; nothing says none. */
  people?: { write(text: string): unknown; isColor: boolean }
}

export interface OpenLog extends AsyncDisposable {
  log: Log
  /** From the next line on, also of loggers that were made before. */
  setLevel(level: LogOptions['level']): void
  /** Writes what is left, at once; for `process.on('exit')`. Never throws. */
  flush(): void
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** When it returns, the file is open (0600, appended to). */
export async function openLog(options: LogOptions): Promise<OpenLog> {
  const { file, level, secrets, people, bytesMax = Number.POSITIVE_INFINITY, filesMax = 5 } = options
  mkdirSync(dirname(file), { recursive: true })
  const redactor = createRedactor(secrets)
  let out = openFile(file)
  /** Put aside, with lines that are still being written. */
  const closing = new Set<typeof out>()
  let isOpen = true
  let least = LEVELS.indexOf(level)
  let bytes = statSync(file).size
  const log = pino(
    {
      // Children keep the level they were made with, so what is left out is left out below.
      level: 'debug',
      base: null,
      timestamp: pino.stdTimeFunctions.epochTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write(line: string) {
        if (LEVELS.findIndex((name) => line.startsWith(`{"level":"${name}"`)) < least) return
        const clean = redactor.text(line)
        if (isOpen) {
          if (bytes > 0 && bytes + Buffer.byteLength(clean) > bytesMax) turnOver()
          bytes += Buffer.byteLength(clean)
          out.write(clean)
        }
        people?.write(toWords(clean, people.isColor))
      },
    },
  )
  function turnOver(): void {
    bytes = 0
    try {
      rmSync(`${file}.${filesMax - 1}`, { force: true })
      for (let n = filesMax - 1; n > 0; n--) renameIfThere(n === 1 ? file : `${file}.${n - 1}`, `${file}.${n}`)
      if (filesMax === 1) rmSync(file, { force: true })
      const next = openFile(file)
      // What it still holds goes, in order, into the file that it was said for: that has only another name now.
      const full = out
      closing.add(full)
      full.once('close', () => closing.delete(full))
      full.end()
      out = next
    } catch {
      // A full disk, or a file that cannot be moved: the log goes on where it was.
    }
  }
  const flush = () => {
    for (const one of [...closing, out]) {
      try {
        one.flushSync()
      } catch {
        // closed already, or the disk is full
      }
    }
  }
  return {
    log: log as Log,
    setLevel(name) {
      least = LEVELS.indexOf(name)
    },
    flush,
    async [Symbol.asyncDispose]() {
      if (!isOpen) return
      flush()
      isOpen = false
      const all = [...closing, out].map((one) => new Promise<void>((resolve) => one.once('close', () => resolve())))
      out.end()
      await Promise.all(all)
    },
  }
}

/** Opened at once, so that the next line and a flush find it open. */
function openFile(file: string) {
  const out = pino.destination({ fd: openSync(file, 'a', 0o600), sync: false })
  // A full disk must not end the daemon: the lines are lost, the work is not.
  out.on('error', () => {})
  return out
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
