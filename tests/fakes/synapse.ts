import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHmac, randomUUID } from 'node:crypto'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { systemClock } from '../../core/clock.ts'

/**
 * A real homeserver: Synapse in a folder that holds a Debian with it, where the owner of the tests made one
 * (docs/CHANNELS.md says how). It takes root to enter.
 */
export interface Synapse extends AsyncDisposable {
  url: string
  /** Answers the account's name and access token. */
  register(user: string, options?: { isAdmin?: boolean }): Promise<{ id: string; token: string }>
  request<T>(token: string, method: string, path: string, body?: unknown): Promise<T>
  cut(): Promise<() => Promise<void>>
}

const SECRET = 'for-tests'

export async function startSynapse(root: string): Promise<Synapse> {
  const parent = join(root, 'tmp')
  const folder = mkdtempSync(join(parent, 'claw-'))
  const inside = `/tmp/${basename(folder)}`
  const port = await freePort()
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' }
  const config = join(folder, 'homeserver.yaml')
  const app = ['-m', 'synapse.app.homeserver', '--config-path', `${inside}/homeserver.yaml`]
  mkdirSync(join(folder, 'media'))
  const made = spawnSync(
    'chroot',
    [root, '/usr/bin/python3', ...app, '--generate-config', '--server-name', 'synapse.test', '--report-stats', 'no'],
    { env, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`Synapse made no configuration: ${made.stderr}`)
  const easy = '{ per_second: 1000, burst_count: 1000 }'
  appendFileSync(
    config,
    `
listeners: [{ port: ${port}, bind_addresses: ['127.0.0.1'], type: http, tls: false, resources: [{ names: [client] }] }]
database: { name: sqlite3, args: { database: '${inside}/homeserver.db' } }
media_store_path: '${inside}/media'
pid_file: '${inside}/homeserver.pid'
log_config: null
registration_shared_secret: '${SECRET}'
suppress_key_server_warning: true
trusted_key_servers: []
rc_message: ${easy}
rc_login: { address: ${easy}, account: ${easy} }
rc_invites: { per_room: ${easy}, per_user: ${easy}, per_issuer: ${easy} }
rc_joins: { local: ${easy}, remote: ${easy} }
`,
  )
  let child: ChildProcess | undefined
  const url = `http://127.0.0.1:${port}`

  async function start(): Promise<void> {
    child = spawn('chroot', [root, '/usr/bin/python3', ...app], { env, stdio: 'ignore' })
    const own = child
    for (;;) {
      if (own.exitCode !== null) throw new Error(`Synapse ended with ${own.exitCode}`)
      const isUp = await fetch(`${url}/_matrix/client/versions`).then(
        (response) => response.ok,
        () => false,
      )
      if (isUp) return
      await systemClock.sleep(100)
    }
  }
  async function stop(): Promise<void> {
    const own = child
    child = undefined
    if (!own || own.exitCode !== null) return
    const gone = new Promise((resolve) => own.once('exit', resolve))
    own.kill('SIGTERM')
    await gone
  }
  await start()

  async function request<T>(token: string, method: string, path: string, body?: unknown): Promise<T> {
    const isBytes = body instanceof Uint8Array
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        'content-type': isBytes ? 'application/octet-stream' : 'application/json',
      },
      ...(body === undefined ? {} : { body: isBytes ? Buffer.from(body) : JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }

  return {
    url,
    request,
    async register(user, { isAdmin = false } = {}) {
      const path = '/_synapse/admin/v1/register'
      const { nonce } = await request<{ nonce: string }>('', 'GET', path)
      const password = randomUUID()
      const role = isAdmin ? 'admin' : 'notadmin'
      const mac = createHmac('sha1', SECRET).update([nonce, user, password, role].join('\0')).digest('hex')
      const body = { nonce, username: user, password, mac, admin: isAdmin }
      const made = await request<{ user_id: string; access_token: string }>('', 'POST', path, body)
      return { id: made.user_id, token: made.access_token }
    },
    async cut() {
      await stop()
      return start
    },
    async [Symbol.asyncDispose]() {
      await stop()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
