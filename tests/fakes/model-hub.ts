import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface ModelHub {
  url: string
  /** `GET /storage/… bytes=100-`, in order. */
  asked: string[]
  /** The next download of a large file ends after so many bytes. */
  cutAfter(bytes: number): void
  /** From now on the storage sends this in the place of the file, under its old name and digest. */
  spoil(file: string, body: Buffer): void
}

/**
 * A hub of models on loopback, with the manners of the real one: small files come over a redirect and are named by
 * git's sha1; large ones lie in a storage of their own, and only the hub's redirect to it names their size and sha256.
 */
export async function openModelHub(model: string, files: Readonly<Record<string, Buffer>>): Promise<ModelHub> {
  const stored: Record<string, Buffer> = { ...files }
  const asked: string[] = []
  let cut: number | null = null

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '', 'http://hub')
    const range = request.headers.range
    asked.push([request.method, pathname, range].filter(Boolean).join(' '))
    const [, place, name = ''] =
      new RegExp(`^/(?:(storage|cache)/)?${model}/(?:resolve/main/)?(.*)$`).exec(pathname) ?? []
    const file = files[name]
    if (!file) return void response.writeHead(404).end()
    const isLarge = name.endsWith('.onnx')
    if (!place) {
      const headers = { location: `/${isLarge ? 'storage' : 'cache'}/${model}/${name}` }
      if (!isLarge) return void response.writeHead(307, headers).end()
      const linked = { 'x-linked-size': file.length, 'x-linked-etag': `"${sha256(file)}"` }
      return void response.writeHead(302, { ...headers, ...linked }).end()
    }
    const body = stored[name]!
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
    const rest = body.subarray(from)
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': rest.length,
      etag: isLarge ? '"of-the-storage"' : `"${gitSha1(file)}"`,
    })
    if (request.method === 'HEAD') return void response.end()
    if (cut === null || !isLarge) return void response.end(rest)
    response.write(rest.subarray(0, cut), () => response.destroy())
    cut = null
  }

  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    cutAfter: (bytes) => {
      cut = bytes
    },
    spoil: (file, body) => {
      stored[file] = body
    },
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function gitSha1(bytes: Buffer): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
}
