import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'

/** How long requests under way may take to finish once we close. */
const CLOSE_GRACE_MS = 2_000

export interface HttpServer extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** No new connections; open event streams end; what is under way gets a moment. Safe to call twice. */
  close(): Promise<void>
}

export interface ServeOptions {
  app: { fetch(request: Request): Response | Promise<Response> }
  /** 0 takes a free one. */
  port: number
  /** A descriptor that is listened on already, in place of the port: a supervisor keeps it across restarts. */
  fd?: number | undefined
  /** The app's `closing` signal is this controller's: closing the server ends its streams. */
  closing: AbortController
  world: World
}

/** Listens on 127.0.0.1 and nowhere else. When it returns, connections are taken. */
export async function serveHttp({ app, port, fd, closing, world }: ServeOptions): Promise<HttpServer> {
  const server = createAdaptorServer({
    fetch: (request) => app.fetch(request),
    // Node's own Request and Response stay as they are for the rest of the process.
    overrideGlobalObjects: false,
  }) as Server
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause: NodeJS.ErrnoException) => {
      const words = cause.code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be used: ${cause.message}`
      const hint = 'Set http.port to another number, or to 0 for a free one.'
      reject(new Fault('config_invalid', `Port ${port} on 127.0.0.1 ${words}`, { cause, hint }))
    }
    server.once('error', refuse)
    server.listen(fd === undefined ? { port, host: '127.0.0.1' } : { fd }, () => {
      server.removeListener('error', refuse)
      resolve()
    })
  })
  server.on('error', (err) => world.log.error({ err }, 'http server error'))
  const address = server.address() as AddressInfo
  if (address.address !== '127.0.0.1') {
    server.close()
    throw new Fault('config_invalid', `The socket that was handed over listens on ${address.address}`, {
      hint: 'Only 127.0.0.1 is served: ListenStream=127.0.0.1:<port>.',
    })
  }

  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= new Promise<void>((resolve) => {
      const hurry = world.clock.after(CLOSE_GRACE_MS, () => server.closeAllConnections())
      server.close(() => {
        hurry[Symbol.dispose]()
        resolve()
      })
      closing.abort()
      server.closeIdleConnections()
    })
    return closed
  }
  return { port: address.port, url: `http://127.0.0.1:${address.port}`, close, [Symbol.asyncDispose]: close }
}
