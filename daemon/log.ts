/**
 * The daemon's log: JSON lines in a file, and words for a person on the terminal when in the foreground.
 *
 * Secrets are taken out of the finished line, wherever in it they stand: a path through the fields would
 * miss the one that an error message carries. The file is written in the background; `flush` (on exit, and
 * on a bug) writes what is left before it returns.
 */
import pino from 'pino'
import { toWords } from '../core/log-line.ts'
import type { Log } from '../core/world.ts'

export interface LogOptions {
  file: string
  level: 'debug' | 'info' | 'warn' | 'error'
  /** Exact values that never leave; asked for at every line, since more become known. */
  secrets: () => readonly string[]
  /** Where the words for a person go; nothing says none. */
  people?: { write(text: string): unknown; isColor: boolean }
}

export interface OpenLog extends AsyncDisposable {
  log: Log
  /** Writes what is left, at once; for `process.on('exit')`. Never throws. */
  flush(): void
}

/** When it returns, the file is open (0600, appended to). */
export async function openLog({ file, level, secrets, people }: LogOptions): Promise<OpenLog> {
  const out = pino.destination({ dest: file, sync: false, mkdir: true, append: true, mode: 0o600 })
  await new Promise<void>((resolve, reject) => {
    out.once('ready', () => resolve())
    out.once('error', reject)
  })
  // A full disk must not end the daemon: the lines are lost, the work is not.
  out.on('error', () => {})
  let isOpen = true
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.epochTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write(line: string) {
        const clean = redact(line, secrets())
        if (isOpen) out.write(clean)
        people?.write(toWords(clean, people.isColor))
      },
    },
  )
  const flush = () => {
    try {
      out.flushSync()
    } catch {
      // closed already, or the disk is full
    }
  }
  return {
    log: log as Log,
    flush,
    async [Symbol.asyncDispose]() {
      if (!isOpen) return
      flush()
      isOpen = false
      await new Promise<void>((resolve) => {
        out.once('close', resolve)
        out.end()
      })
    },
  }
}

/** Shorter values are words that stand in every log; hiding them would hide the log and no secret. */
const SECRET_MIN = 6

/** Replaces each secret, as it is and as JSON spells it. */
export function redact(line: string, secrets: readonly string[]): string {
  let clean = line
  const longestFirst = [...secrets].filter(({ length }) => length >= SECRET_MIN).sort((a, b) => b.length - a.length)
  for (const secret of longestFirst) {
    const escaped = JSON.stringify(secret).slice(1, -1)
    for (const form of new Set([secret, escaped, encodeURIComponent(secret)]))
      clean = clean.replaceAll(form, '[secret]')
  }
  return clean
}
