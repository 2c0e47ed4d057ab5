import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { Fault } from '../../core/fault.ts'

/** The whole output of a check by its digest, as it was written. Throws output_not_found. */
export async function readOutput(dir: string, digest: string): Promise<ReadableStream<Uint8Array>> {
  const names = /^[0-9a-f]{64}$/.test(digest) ? await readdir(dir).catch(() => [] as string[]) : []
  const name = names.find((other) => other.startsWith(digest))
  if (!name) throw new Fault('output_not_found', `there is no output ${digest.slice(0, 80)}`)
  const unpack = name.endsWith('.zst') ? createZstdDecompress() : createGunzip()
  return Readable.toWeb(createReadStream(join(dir, name)).pipe(unpack)) as ReadableStream<Uint8Array>
}
