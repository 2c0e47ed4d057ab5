/**
 * An MCP server on the standard streams of a process of ours.
 *
 * The process is started in a group of its own, with the environment that the owner configured and nothing else,
 * and is found again after a crash. Nothing that it writes can fill the memory: a message that is too long and a
 * flood of messages end it.
 */
import { StringDecoder } from 'node:string_decoder'
import { deserializeMessage, type JSONRPCMessage, type Transport } from '@modelcontextprotocol/client'
import { type Clock, SECOND } from '../../core/clock.ts'
import { lastLines } from '../../core/plain-text.ts'
import type { ProcessTable } from '../processes/process-table.ts'
import { type OwnedProcess, startOwned } from '../processes/start-owned.ts'
import { stopOwned } from '../processes/stop-owned.ts'

export interface StdioOptions {
  argv: readonly [string, ...string[]]
  cwd: string
  env: Readonly<Record<string, string>>
  /** What its processes carry, so that they are found. */
  runId: string
  messageBytesMax: number
  /** Messages within one second; more is a flood. */
  messagesMax: number
}

export interface GuardedTransport extends Transport {
  /** Why it ended by itself, or was ended; the last words of its standard error go along. */
  readonly reason: string | undefined
}

const STDERR_MAX = 2_000
const STOP_GRACE_MS = SECOND

export function createStdioTransport(
  deps: { clock: Clock; table: ProcessTable },
  options: StdioOptions,
): GuardedTransport {
  const { clock } = deps
  let owned: OwnedProcess | undefined
  let closing: Promise<void> | undefined
  let reason: string | undefined
  let stderr = ''
  const second = { from: 0, messages: 0 }

  const transport: GuardedTransport = {
    get reason() {
      return reason && stderr.trim() ? `${reason} (${lastLines(stderr, 300)})` : reason
    },
    async start() {
      owned = await startOwned(deps, options)
      const { stdout, ended } = owned
      owned.stderr.on('data', (data: Buffer) => {
        stderr = (stderr + data.toString('utf8')).slice(-STDERR_MAX)
      })
      const reader = createLineReader(options.messageBytesMax, take, () =>
        end(`it sent more than ${Math.round(options.messageBytesMax / 2 ** 20)} MB in one message`),
      )
      stdout.on('data', reader)
      void ended.then(({ exitCode, signal }) => end(`it ended (${signal ?? `exit ${exitCode}`})`))
      owned.release()
    },
    async send(message) {
      if (!owned || closing) throw new Error(reason ?? 'it is not running')
      if (owned.stdin.writableLength > options.messageBytesMax) {
        end('it does not read what it is sent')
        throw new Error(reason)
      }
      owned.stdin.write(`${JSON.stringify(message)}\n`)
    },
    async close() {
      end(reason ?? 'it was stopped')
      await closing
    },
  }
  return transport

  function take(line: string): void {
    if (closing || line.trim() === '') return
    const now = clock.monotonic()
    if (now - second.from > SECOND) Object.assign(second, { from: now, messages: 0 })
    if (++second.messages > options.messagesMax) {
      end(`it sent more than ${options.messagesMax} messages a second`)
      return
    }
    let message: JSONRPCMessage
    try {
      message = deserializeMessage(line)
    } catch (error) {
      // Many servers print a greeting to the wrong stream.
      transport.onerror?.(error as Error)
      return
    }
    transport.onmessage?.(message)
  }

  function end(why: string): void {
    if (closing) return
    reason ??= why
    closing = (async () => {
      owned?.stdout.removeAllListeners('data').destroy()
      owned?.stdin.destroy()
      if (owned) await stopOwned(deps, owned, { graceMs: STOP_GRACE_MS })
      transport.onclose?.()
    })()
    closing.catch((error: Error) => transport.onerror?.(error))
  }
}

/** Calls `take` for each whole line; `onTooLong` once, and from then on nothing. */
function createLineReader(bytesMax: number, take: (line: string) => void, onTooLong: () => void) {
  const decoder = new StringDecoder('utf8')
  let pieces: string[] = []
  let length = 0
  let isOver = false
  return (chunk: Buffer): void => {
    if (isOver) return
    const [first, ...more] = decoder.write(chunk).split('\n') as [string, ...string[]]
    pieces.push(first)
    length += first.length
    for (const piece of more) {
      if (length > bytesMax) break
      const line = pieces.join('')
      pieces = [piece]
      length = piece.length
      take(line)
    }
    if (length <= bytesMax) return
    isOver = true
    pieces = []
    onTooLong()
  }
}
