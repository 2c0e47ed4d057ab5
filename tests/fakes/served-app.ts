import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeDaemonFile, writeDaemonFile } from '../../config/daemon-file.ts'
import { pathsIn } from '../../config/paths.ts'
import type { AppDeps } from '../../daemon/http/app.ts'
import { serveHttp } from '../../daemon/http/serve.ts'
import { createFakeApp, TOKEN } from './fake-app.ts'

/** The real app over fakes, listening, with the daemon.json that leads to it in a home of its own. */
export async function serveFakeApp(over: Partial<AppDeps> = {}) {
  const home = mkdtempSync(join(tmpdir(), 'claw-home-'))
  const paths = pathsIn(home)
  let port = 0
  const fake = createFakeApp({ port: () => port, ...over })
  const server = await serveHttp({ app: fake.app, port: 0, closing: fake.closing, world: fake.world })
  port = server.port
  writeDaemonFile(paths.daemonFile, { port, token: TOKEN, pid: process.pid, startedAt: Date.now(), version: '0.1.0' })
  return {
    ...fake,
    home,
    paths,
    server,
    /** The daemon goes away in order; its home stays. */
    async stopServing() {
      removeDaemonFile(paths.daemonFile, { token: TOKEN })
      await server.close()
    },
    async [Symbol.asyncDispose]() {
      await server.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}
