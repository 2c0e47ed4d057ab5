import { closeSync, fstatSync, openSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'

const TAIL_BYTES = 256 * 1024
const MAP_BYTES_MAX = 8 * 1024 * 1024

/**
 * pi-acp ends a turn whose model failed as if all were well; pi writes the reason into its
 * session file. Answers that reason when the session's last message of the model is a failure.
 * The files lie in a HOME that the agent can write: nothing outside it is read, and never much.
 */
export function readPiError({ home, sessionId }: { home: string; sessionId: string }): string | null {
  try {
    const root = realpathSync(home)
    const map = join(root, '.pi/pi-acp/session-map.json')
    if (!isOwnFile(map, root) || statSync(map).size > MAP_BYTES_MAX) return null
    const { sessions } = JSON.parse(readFileSync(map, 'utf8')) as {
      sessions?: Record<string, { sessionFile?: string }>
    }
    const file = sessions?.[sessionId]?.sessionFile
    if (file === undefined || !isOwnFile(file, root)) return null
    const lines = readTail(file).split('\n').reverse()
    for (const line of lines) {
      if (!line.includes('"assistant"')) continue
      const { message } = JSON.parse(line) as {
        message?: { role?: string; stopReason?: string; errorMessage?: string }
      }
      if (message?.role !== 'assistant') continue
      return message.stopReason === 'error' ? (message.errorMessage ?? 'The model failed without a word') : null
    }
    return null
  } catch {
    return null // not there yet, or another version of pi: then its words have to do
  }
}

function isOwnFile(file: string, root: string): boolean {
  const real = realpathSync(file)
  return real.startsWith(root + sep) && statSync(real).isFile()
}

function readTail(file: string): string {
  const handle = openSync(file, 'r')
  try {
    const { size } = fstatSync(handle)
    const length = Math.min(size, TAIL_BYTES)
    const bytes = Buffer.alloc(length)
    readSync(handle, bytes, 0, length, size - length)
    return bytes.toString('utf8')
  } finally {
    closeSync(handle)
  }
}
