import { StringDecoder } from 'node:string_decoder'
import type { Tokens } from '../../core/spend.ts'
import type { Wire } from './wire.ts'

/**
 * Reads the usage out of an answer that passes by. It never holds the answer up and never changes it;
 * what it cannot read it leaves alone.
 */
export interface UsageTap {
  push(chunk: Buffer): void
  end(): void
  /** What the provider said it used, so far. */
  readonly usage: Tokens | undefined
  /** The provider has said all that it will say about usage. */
  readonly isComplete: boolean
  /** Of the answer, so far. */
  readonly bytes: number
}

/** One event of a stream or a whole answer; a longer one is not read. */
const TEXT_MAX = 32 * 1024 * 1024
/** Most events carry a piece of the answer and no usage; those are not parsed. */
const MAY_HOLD_USAGE = /"usage(?:Metadata)?"/

export function createUsageTap(wire: Pick<Wire, 'readUsage' | 'isLast'>, contentType: string): UsageTap {
  const decoder = new StringDecoder('utf8')
  const isStream = contentType.startsWith('text/event-stream')
  let usage: Tokens | undefined
  let isComplete = false
  let bytes = 0
  // Pieces are joined once per line, so that a long line costs what it is long.
  let pieces: string[] = []
  let held = 0
  let isTooLong = false

  function take(text: string): void {
    if (text === '' || isTooLong) return
    held += text.length
    if (held > TEXT_MAX) {
      isTooLong = true
      pieces = []
    } else pieces.push(text)
  }

  function read(text: string): void {
    if (!MAY_HOLD_USAGE.test(text)) return
    let message: unknown
    try {
      message = JSON.parse(text)
    } catch {
      return
    }
    // Gemini without `alt=sse` streams one array.
    for (const one of Array.isArray(message) ? message : [message]) {
      const read = wire.readUsage(one, usage)
      if (!read) continue
      usage = read
      isComplete = wire.isLast(one)
    }
  }

  function endLine(): void {
    const line = pieces.join('')
    pieces = []
    held = 0
    isTooLong = false
    if (line.startsWith('data:')) read(line.slice(5))
  }

  function feed(text: string): void {
    if (!isStream) {
      take(text)
      return
    }
    let from = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      take(text.slice(from, at))
      endLine()
      from = at + 1
    }
    take(text.slice(from))
  }

  return {
    push(chunk) {
      bytes += chunk.length
      feed(decoder.write(chunk))
    },
    end() {
      feed(decoder.end())
      if (isStream) endLine()
      else read(pieces.join(''))
      pieces = []
    },
    get usage() {
      return usage
    },
    get isComplete() {
      return isComplete
    },
    get bytes() {
      return bytes
    },
  }
}
