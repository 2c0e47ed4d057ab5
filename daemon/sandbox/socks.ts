import type { Socket } from 'node:net'
import type { Host } from './sandbox.ts'

const BYTES_MAX = 600

/**
 * The client's half of SOCKS 5 (RFC 1928) up to its CONNECT request, without authentication. Undefined for
 * anything else; what was read too much is put back.
 */
export async function readSocksRequest(client: Socket): Promise<Host | undefined> {
  const greeting = await read(client, (bytes) => (bytes.length < 2 ? undefined : 2 + bytes[1]!))
  if (greeting[0] !== 5 || !greeting.subarray(2).includes(0)) return undefined
  client.write(Buffer.from([5, 0]))
  const asked = await read(client, (bytes) => {
    if (bytes.length < 5) return undefined
    return bytes[3] === 1 ? 10 : bytes[3] === 4 ? 22 : bytes[3] === 3 ? 7 + bytes[4]! : 5
  })
  if (asked[0] !== 5 || asked[1] !== 1) return undefined
  const port = asked.readUInt16BE(asked.length - 2)
  switch (asked[3]) {
    case 1:
      return { host: asked.subarray(4, 8).join('.'), port }
    case 3:
      return {
        host: asked
          .subarray(5, 5 + asked[4]!)
          .toString('latin1')
          .toLowerCase(),
        port,
      }
    case 4: {
      const groups = Array.from({ length: 8 }, (_, n) => asked.readUInt16BE(4 + 2 * n).toString(16))
      return { host: new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1), port }
    }
    default:
      return undefined
  }
}

/** 2: not allowed by the rule set. The address that was bound says nothing to a client. */
export function socksAnswer(answer: 'granted' | 'refused'): Buffer {
  return Buffer.from([5, answer === 'granted' ? 0 : 2, 0, 1, 0, 0, 0, 0, 0, 0])
}

/** Reads as many bytes as `want` says once it can tell; rejects when the stream ends before. */
async function read(client: Socket, want: (bytes: Buffer) => number | undefined): Promise<Buffer> {
  let bytes: Buffer = Buffer.alloc(0)
  for (;;) {
    const wanted = want(bytes)
    if (wanted !== undefined && bytes.length >= wanted) {
      if (bytes.length > wanted) client.unshift(bytes.subarray(wanted))
      return bytes.subarray(0, wanted)
    }
    if (bytes.length > BYTES_MAX) throw new Error('no SOCKS request')
    const chunk = client.read() as Buffer | null
    if (chunk) {
      bytes = Buffer.concat([bytes, chunk])
      continue
    }
    if (client.readableEnded || client.destroyed) throw new Error('the client left')
    await new Promise<void>((resolve) => {
      const done = () => {
        for (const event of ['readable', 'end', 'close'] as const) client.off(event, done)
        resolve()
      }
      for (const event of ['readable', 'end', 'close'] as const) client.once(event, done)
    })
  }
}
