import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeDaemonFile } from '../../config/daemon-file.ts'
import { pathsIn } from '../../config/paths.ts'
import { serveHttp } from '../../daemon/http/serve.ts'
import { TOKEN } from './fake-app.ts'
import { openMcpPlace, type PlaceOptions } from './mcp-place.ts'

/** The endpoint listening, with the daemon.json that leads to it in a home of its own. */
export async function serveMcpPlace(options: Omit<PlaceOptions, 'port'> = {}) {
  const home = mkdtempSync(join(tmpdir(), 'claw-mcp-'))
  const paths = pathsIn(home)
  let port = 0
  const place = await openMcpPlace({ ...options, port: () => port })
  const server = await serveHttp({ app: place.app, port: 0, closing: place.closing, world: place.world })
  port = server.port
  writeDaemonFile(paths.daemonFile, { port, token: TOKEN, pid: process.pid, startedAt: Date.now(), version: '0.1.0' })
  return {
    ...place,
    home,
    paths,
    server,
    async [Symbol.asyncDispose]() {
      await server.close()
      await place[Symbol.asyncDispose]()
      rmSync(home, { recursive: true, force: true })
    },
  }
}
