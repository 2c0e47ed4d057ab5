/**
 * The protocol's own conformance suite against our real endpoint: `npm run conformance`.
 *
 * The suite looks for tools, resources and prompts of its own names, so the endpoint is served in a fixture mode:
 * the same app, tokens and servers, with those fixtures added. The suite sends no token; the fixture adds it
 * behind the guard for Host and Origin, which stays as it is.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serveHttp } from '../../daemon/http/serve.ts'
import { TOKEN } from '../fakes/fake-app.ts'
import { openMcpPlace } from '../fakes/mcp-place.ts'
import { addFixtures } from './fixtures.ts'

const REVISIONS = ['2026-07-28', '2025-11-25']
const PROGRAM = join(import.meta.dirname, 'programs/node_modules/@modelcontextprotocol/conformance/dist/index.js')

if (!existsSync(PROGRAM)) {
  process.stderr.write('The conformance suite is not installed: npm run mcp:install\n')
  process.exit(2)
}
let port = 0
const place = await openMcpPlace({ port: () => port, extend: addFixtures })
const app = {
  fetch(request: Request) {
    const headers = new Headers(request.headers)
    headers.set('authorization', `Bearer ${TOKEN}`)
    const { method, body, signal } = request
    return place.app.fetch(new Request(request.url, { method, headers, body, signal, duplex: 'half' } as RequestInit))
  },
}
const server = await serveHttp({ app, port: 0, closing: place.closing, world: place.world })
port = server.port
const folder = mkdtempSync(join(tmpdir(), 'claw-conformance-'))
const extra = process.argv.slice(2)
for (const revision of extra.length > 0 ? [''] : REVISIONS) {
  const which = revision === '' ? extra : ['--requirements', revision]
  process.stdout.write(`\n# ${which.join(' ')}\n`)
  const child = spawn(process.execPath, [PROGRAM, 'server', '--url', `${server.url}/mcp`, ...which], {
    cwd: folder,
    stdio: 'inherit',
  })
  const code = await new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
  if (code !== 0) process.exitCode = 1
}
await server.close()
await place[Symbol.asyncDispose]()
rmSync(folder, { recursive: true, force: true })
