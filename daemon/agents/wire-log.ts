import { chmodSync, existsSync, renameSync, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/**
 * The raw conversation with an agent, one message per line, kept for the day when something has
 * to be explained. Bounded: at `bytesMax` the file becomes `<file>.1` (replacing an older one).
 *
 * Losing a line of it must never stop a run: write errors end the log, not the run.
 */
export interface WireLog {
  /** Resolves when there is room for more; lines are written in order. */
  add(mark: '>' | '<' | '!' | '#', line: string): Promise<void> | undefined
  /** Everything has been written when this resolves. */
  close(): Promise<void>
}

const WAITING_BYTES_MAX = 1024 * 1024

export function openWireLog(
  file: string,
  bytesMax: number,
  redact: (text: string) => string = (text) => text,
): WireLog {
  let waiting: string[] = []
  let waitingBytes = 0
  let flushing: Promise<void> | undefined
  let handle: FileHandle | undefined
  let size = existsSync(file) ? statSync(file).size : 0
  let broken = false

  async function flush(): Promise<void> {
    try {
      while (waiting.length > 0 && !broken) {
        if (size > 0 && size + waiting[0]!.length > bytesMax) {
          await handle?.close()
          handle = undefined
          if (existsSync(file)) renameSync(file, `${file}.1`)
          size = 0
        }
        // As many lines as still fit, and always one.
        let room = bytesMax - size
        const fitting = waiting.findIndex((line, index) => {
          room -= line.length
          return room < 0 && index > 0
        })
        const text = waiting.splice(0, fitting < 0 ? waiting.length : fitting).join('')
        waitingBytes -= text.length
        if (!handle) {
          handle = await open(file, 'a', 0o600)
          chmodSync(file, 0o600)
        }
        size += (await handle.write(text)).bytesWritten
      }
    } catch {
      broken = true
      waiting = []
      waitingBytes = 0
    } finally {
      flushing = undefined
    }
  }

  return {
    add(mark, line) {
      if (broken) return undefined
      const text = `${mark}${redact(line)}\n`
      waiting.push(text)
      waitingBytes += text.length
      flushing ??= flush()
      return waitingBytes > WAITING_BYTES_MAX ? flushing : undefined
    },
    async close() {
      while (flushing) await flushing
      broken = true
      await handle?.close().catch(() => {})
    },
  }
}
