/**
 * daemon.json: where the running daemon listens and the token that opens it.
 *
 * Written whole or not at all, readable by its owner only. A file that outlived its daemon (kill -9)
 * is an ordinary sight: whoever reads it asks whether the process and the port still answer.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'

export interface DaemonFile {
  port: number
  token: string
  pid: number
  startedAt: number
  version: string
}

/** How the daemon's process says that starting it again would not help: bad configuration, or another one holds the home (sysexits.h, EX_CONFIG). */
export const EXIT_FINAL = 78

/** A fresh token: 256 bits, for one life of the daemon. */
export function newToken(): string {
  return randomBytes(32).toString('base64url')
}

/** When it returns, the file is there whole, mode 0600. */
export function writeDaemonFile(file: string, content: DaemonFile): void {
  const draft = `${file}.${content.pid}.new`
  rmSync(draft, { force: true })
  // `wx`: never into a file or link that somebody else has laid there.
  const handle = openSync(draft, 'wx', 0o600)
  try {
    writeSync(handle, `${JSON.stringify(content, null, 2)}\n`)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(draft, file)
}

/** Undefined when there is none or it cannot be understood: both mean that no daemon can be reached by it. */
export function findDaemonFile(file: string): DaemonFile | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
  try {
    const content: unknown = JSON.parse(text)
    return isDaemonFile(content) ? content : undefined
  } catch {
    return undefined
  }
}

/** By hand: `claw status` reads this, and a schema library would cost it more than all the rest. */
function isDaemonFile(content: unknown): content is DaemonFile {
  if (typeof content !== 'object' || content === null) return false
  const { port, token, pid, startedAt, version } = content as Record<string, unknown>
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0
  return (
    isCount(port) &&
    (port as number) <= 65535 &&
    typeof token === 'string' &&
    token.length >= 16 &&
    isCount(pid) &&
    typeof startedAt === 'number' &&
    typeof version === 'string'
  )
}

/** Removes the file if it is still the one that this daemon wrote; a successor's stays. */
export function removeDaemonFile(file: string, mine: Pick<DaemonFile, 'token'>): void {
  if (findDaemonFile(file)?.token === mine.token) rmSync(file, { force: true })
}
