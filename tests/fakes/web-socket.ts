import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** One connection of a WebSocket server (RFC 6455), as much of it as a fake needs: text, ping, close. */
export interface ServerSocket {
  send(text: string): void
  close(code?: number): void
  /** Without a goodbye. */
  destroy(): void
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

export function acceptSocket(
  request: IncomingMessage,
  socket: Duplex,
  on: { text(text: string): void; gone(): void },
): ServerSocket {
  const key = request.headers['sec-websocket-key'] ?? ''
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  let rest = Buffer.alloc(0)
  let isClosing = false
  socket.on('data', (data: Buffer) => {
    rest = Buffer.concat([rest, data])
    for (let frame = readFrame(rest); frame; frame = readFrame(rest)) {
      rest = rest.subarray(frame.size)
      if (frame.opcode === 1) on.text(frame.payload.toString('utf8'))
      if (frame.opcode === 9) write(10, frame.payload)
      if (frame.opcode === 8) {
        if (!isClosing) write(8, frame.payload.subarray(0, 2))
        socket.end()
      }
    }
  })
  socket.on('error', () => {})
  socket.once('close', on.gone)

  function write(opcode: number, payload: Buffer): void {
    if (socket.writable) socket.write(Buffer.concat([headOf(opcode, payload.length), payload]))
  }

  return {
    send: (text) => write(1, Buffer.from(text, 'utf8')),
    close(code = 1000) {
      isClosing = true
      const payload = Buffer.alloc(2)
      payload.writeUInt16BE(code)
      write(8, payload)
    },
    destroy: () => void socket.destroy(),
  }
}

function headOf(opcode: number, length: number): Buffer {
  if (length < 126) return Buffer.from([0x80 | opcode, length])
  if (length < 65_536) return Buffer.from([0x80 | opcode, 126, length >> 8, length & 255])
  const head = Buffer.alloc(10)
  head[0] = 0x80 | opcode
  head[1] = 127
  head.writeBigUInt64BE(BigInt(length), 2)
  return head
}

/** Undefined until the whole frame is there. */
function readFrame(data: Buffer): { opcode: number; payload: Buffer; size: number } | undefined {
  if (data.length < 2) return undefined
  const short = data[1]! & 127
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0
  const isMasked = (data[1]! & 128) !== 0
  const start = 2 + extra + (isMasked ? 4 : 0)
  if (data.length < start) return undefined
  const length = extra === 2 ? data.readUInt16BE(2) : extra === 8 ? Number(data.readBigUInt64BE(2)) : short
  if (data.length < start + length) return undefined
  const payload = Buffer.from(data.subarray(start, start + length))
  if (isMasked) for (let at = 0; at < length; at++) payload[at]! ^= data[start - 4 + (at & 3)]!
  return { opcode: data[0]! & 15, payload, size: start + length }
}
