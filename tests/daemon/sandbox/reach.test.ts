import { readdirSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findProgram } from '../../../daemon/sandbox/find-sandbox.ts'
import type { Host, Reach } from '../../../daemon/sandbox/sandbox.ts'
import { aSandboxPlace, PATH, type SandboxPlace, users } from './a-sandbox.ts'

const probe = await aSandboxPlace('root')
probe?.[Symbol.dispose]()
const works = probe !== undefined
if (!works) console.log('skipped: bubblewrap does not work here')
const curl = findProgram('curl', PATH)
if (!curl) console.log('skipped in part: curl is not installed')

describe.skipIf(!works).each(users)('a reach, as %s', (user) => {
  let place: SandboxPlace
  let web: Server
  let plain: Server
  let webPort: number
  let plainPort: number

  beforeAll(async () => {
    place = (await aSandboxPlace(user))!
    web = createHttpServer((request, answer) => answer.end(`web ${request.method} ${request.url}\n`))
    plain = createServer((socket) => socket.on('error', () => {}).end('plain\n'))
    webPort = await listen(web)
    plainPort = await listen(plain)
  })
  afterAll(() => {
    for (const server of [web, plain]) server.close()
    place[Symbol.dispose]()
  })

  const inside = (script: string, network: Reach) => place.inside(script, { network })
  const get = (url: string) => `curl -sS -m 20 -i ${url} 2>&1`

  test.skipIf(!curl)('a port of the loopback that it names answers under its own number, and no other', async () => {
    const end = await inside(`${get(`http://127.0.0.1:${webPort}/v1`)}; exec 3<>/dev/tcp/127.0.0.1/${plainPort}`, {
      hosts: [`127.0.0.1:${webPort}`],
    })
    expect(end.tail).toContain('web GET /v1')
    expect(end.tail).toContain('Connection refused')
    expect(end.exitCode).not.toBe(0)
  })

  test('there is no way past the proxy: no route, no name service, no socket of the host', async () => {
    const end = await inside('cat /proc/net/route | wc -l; getent hosts example.org; ls -A /run /run/claw', {
      hosts: ['*'],
    })
    expect(end.tail).toMatch(/^1\n\/run:\nclaw\n\n\/run\/claw:\ndoor\n$/)
  })

  test.skipIf(!curl)('a host that it names is reached through the proxy, another is refused with words', async () => {
    // Local stands for far away: only by its address and port may it be named.
    const reach = { hosts: [`127.0.0.1:${webPort}`] }
    const named = await inside(`export NO_PROXY= no_proxy=; ${get(`http://127.0.0.1:${webPort}/far`)}`, reach)
    expect(named.tail).toContain('web GET /far')
    const other = await inside(get('https://registry.example/'), reach)
    expect(other.tail).toMatch(/403/)
    const words = await inside(`${get('http://registry.example/')}`, reach)
    expect(words.tail).toContain('registry.example:80 is not in what this program may reach')
  })

  test.skipIf(!curl)('a name that leads to the loopback is not followed', async () => {
    const end = await inside(`export NO_PROXY= no_proxy=; ${get(`http://localhost:${webPort}/`)}`, { hosts: ['*'] })
    expect(end.tail).toMatch(/403|not in what/)
  })

  test.skipIf(!curl)('an unknown host waits for the answer; yes lets that very connection through', async () => {
    const asked: Host[] = []
    const answer = Promise.withResolvers<void>()
    const running = inside(`export NO_PROXY= no_proxy=; ${get(`http://127.0.0.1:${webPort}/asked`)}`, {
      hosts: [],
      async ask(host) {
        asked.push(host)
        await answer.promise
        return { isAllowed: true, reason: 'the owner said so' }
      },
    })
    await expect.poll(() => asked, { timeout: 15_000 }).toEqual([{ host: '127.0.0.1', port: webPort }])
    answer.resolve()
    expect((await running).tail).toContain('web GET /asked')
  })

  test.skipIf(!curl)('no comes back to the program with its reason, over HTTP and over SOCKS', async () => {
    const reach: Reach = { hosts: [], ask: async () => ({ isAllowed: false, reason: 'the owner refuses that host' }) }
    expect((await inside(get('http://far.example/'), reach)).tail).toContain('the owner refuses that host')
    const socks = await inside('curl -sS -m 20 -x socks5h://127.0.0.1:3128 https://far.example/ 2>&1', reach)
    expect(socks.exitCode).not.toBe(0)
    expect(socks.tail).toMatch(/SOCKS|connect/i)
  })

  test.skipIf(!curl)('SOCKS reaches what is named', async () => {
    const end = await inside(
      `export NO_PROXY= no_proxy=; curl -sS -m 20 -x socks5h://127.0.0.1:3128 http://127.0.0.1:${webPort}/socks`,
      { hosts: [`127.0.0.1:${webPort}`] },
    )
    expect(end.tail).toContain('web GET /socks')
  })

  test.skipIf(!findProgram('ssh', PATH))('ssh goes through the door without being told', async () => {
    const end = await inside(`ssh -o BatchMode=yes -p ${plainPort} somebody@far.example 2>&1`, {
      hosts: [],
      ask: async ({ host, port }) => ({ isAllowed: false, reason: `asked about ${host}:${port}` }),
    })
    expect(end.tail).toContain(`asked about far.example:${plainPort}`)
  })

  test('the door is gone when the program has ended', async () => {
    await inside('true', { hosts: [] })
    expect(readdirSync(place.doorDir)).toEqual([])
  })

  test('a program and its exit code come through the bridge', async () => {
    expect(await inside('echo "$0"; exit 7', { hosts: [] })).toMatchObject({ exitCode: 7 })
  })
})

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
}
