import type { Readable, Writable } from 'node:stream'
import type { AnyMessage, Stream } from '@agentclientprotocol/sdk'
import { Fault, isFault } from '../../core/fault.ts'
import type { WireLog } from './wire-log.ts'

export interface AcpWireOptions {
  input: Readable
  output: Writable
  log: WireLog
  lineBytesMax: number
  /** Updates are handed on here, in order, and not to the SDK: it drops, with a shout, what its schema does not know. */
  onUpdate(params: unknown): void
  /** A line that is no JSON object: a banner, a warning. The conversation goes on. */
  onNoise(line: string): void
  /** Every byte that arrives, for those who count. */
  onBytes(count: number): void
}

const NOISE_CHARACTERS_MAX = 2_000

/**
 * JSON-RPC messages over a program's stdio, one per line, each written to the log as it passes.
 *
 * Only "\n" ends a line (U+2028 may stand inside JSON). The agent is held back while the log
 * cannot keep up, and a line that grows beyond the limit is an agent_protocol fault: memory stays
 * bounded whatever the other side sends. `ended` tells when nothing more will come, with the fault if that is why.
 */
export function createAcpWire(options: AcpWireOptions): Stream & { ended: Promise<Fault | undefined> } {
  const { input, output, log } = options
  const ended = Promise.withResolvers<Fault | undefined>()
  const messages = readMessages(options)
  const readable = new ReadableStream<AnyMessage>({
    async pull(controller) {
      try {
        const next = await messages.next()
        if (!next.done) return controller.enqueue(next.value)
        controller.close()
        ended.resolve(undefined)
      } catch (error) {
        ended.resolve(isFault(error) ? error : new Fault('agent_protocol', String(error), { cause: error }))
        input.destroy()
        controller.error(error)
      }
    },
    cancel() {
      input.destroy()
      ended.resolve(undefined)
    },
  })
  const writable = new WritableStream<AnyMessage>({
    async write(message) {
      const line = JSON.stringify(message)
      await log.add('>', line)
      if (output.writable) output.write(`${line}\n`)
    },
    close() {
      output.end()
    },
  })
  return { readable, writable, ended: ended.promise }
}

async function* readMessages(options: AcpWireOptions): AsyncGenerator<AnyMessage> {
  const { input, log, lineBytesMax, onNoise, onBytes } = options
  let parts: Buffer[] = []
  let partBytes = 0
  for await (const chunk of chunks(input)) {
    onBytes(chunk.length)
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const line = Buffer.concat([...parts, chunk.subarray(start, end)]).toString('utf8')
      parts = []
      partBytes = 0
      start = end + 1
      const message = parse(line)
      await log.add(message ? '<' : '!', message ? line : line.slice(0, NOISE_CHARACTERS_MAX))
      if (message && 'method' in message && message.method === 'session/update') options.onUpdate(message.params)
      else if (message) yield message
      else if (line.trim() !== '') onNoise(line.slice(0, NOISE_CHARACTERS_MAX))
    }
    if (start < chunk.length) {
      parts.push(chunk.subarray(start))
      partBytes += chunk.length - start
    }
    if (partBytes > lineBytesMax) {
      throw new Fault('agent_protocol', `The agent sent a line longer than ${lineBytesMax} bytes`)
    }
  }
}

/** A pipe that was closed under us has simply ended. */
async function* chunks(input: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of input) yield chunk as Buffer
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ERR_STREAM_PREMATURE_CLOSE' && code !== 'ECONNRESET') throw error
  }
}

function parse(line: string): AnyMessage | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const message = JSON.parse(line) as { jsonrpc?: unknown }
    return message.jsonrpc === '2.0' ? (message as AnyMessage) : undefined
  } catch {
    return undefined
  }
}
