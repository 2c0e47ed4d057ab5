import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CLIENTS } from '../../cli/mcp-clients.ts'
import { OWNER_TOOLS } from '../../tools/index.ts'
import { wordsOf } from '../fakes/mcp-place.ts'
import { serveMcpPlace } from '../fakes/served-mcp.ts'
import { aGoalView, anAsk } from '../fakes/views.ts'
import { claw, LAUNCHER } from './run-claw.ts'

let place: Awaited<ReturnType<typeof serveMcpPlace>>
beforeEach(async () => {
  place = await serveMcpPlace()
  place.goals.put(aGoalView())
})
afterEach(() => place[Symbol.asyncDispose]())
const run = (args: string[], input?: string) =>
  claw(args, { home: place.home, ...(input === undefined ? {} : { input }) })

/** The SDK's client on `claw mcp` as a process. */
async function connect(mode: 'legacy' | 'auto', elicit?: () => object): Promise<Client & AsyncDisposable> {
  const client = new Client(
    { name: 'test', version: '1' },
    { capabilities: elicit ? { elicitation: { form: {} } } : {}, versionNegotiation: { mode } },
  )
  if (elicit) client.setRequestHandler('elicitation/create', async () => elicit() as never)
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: place.home, CLAW_HOME: place.home }
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [LAUNCHER, 'mcp'], env, stderr: 'ignore' }),
  )
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() })
}

describe('claw mcp', () => {
  test.each(['legacy', 'auto'] as const)('speaks on stdin and stdout with a %s client', async (mode) => {
    await using client = await connect(mode)
    expect(client.getNegotiatedProtocolVersion()).toBe(mode === 'auto' ? '2026-07-28' : '2025-11-25')
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(OWNER_TOOLS.map(({ name }) => name))
    const result = await client.callTool({ name: 'show_goal', arguments: { goal: '1' } })
    expect(wordsOf(result)).toContain('#1 Add rate limiting')
    expect((await client.readResource({ uri: 'claw://proofs/proof_1' })).contents.length).toBe(1)
    expect((await client.getPrompt({ name: 'review_result', arguments: { what: '1' } })).messages.length).toBe(1)
  })

  test.each(['auto', 'legacy'] as const)('passes progress on, and a person’s answer back (%s)', async (mode) => {
    place.inbox.put(anAsk())
    await using client = await connect(mode, () => ({ action: 'accept', content: { choice: 'approve' } }))
    const answered = await client.callTool({ name: 'answer_ask', arguments: { ask: '1' } })
    expect(answered.structuredContent).toMatchObject({ answer: { choice: 'approve' } })
    const told: (string | undefined)[] = []
    const watched = client.callTool(
      { name: 'watch_goal', arguments: { goal: '1', waitSeconds: 60 } },
      { onprogress: ({ message }) => void told.push(message) },
    )
    await expect.poll(() => place.events.listeners, { timeout: 20_000 }).toBe(1)
    place.events.add('run.updated', { kind: 'text', text: 'Reading' }, 'goal_1')
    await expect.poll(() => told, { timeout: 20_000 }).toEqual(['Reading'])
    place.events.add('goal.paused', { by: 'cli' }, 'goal_1')
    expect(wordsOf(await watched)).toContain('paused by cli')
  })

  test('a call that the client takes back ends at the daemon', async () => {
    await using client = await connect('legacy')
    const gone = new AbortController()
    const call = client.callTool(
      { name: 'watch_goal', arguments: { goal: '1', waitSeconds: 60 } },
      { signal: gone.signal },
    )
    call.catch(() => {})
    await expect.poll(() => place.events.listeners, { timeout: 20_000 }).toBe(1)
    gone.abort()
    await expect(call).rejects.toThrow()
    await expect.poll(() => place.events.listeners, { timeout: 20_000 }).toBe(0)
  })

  test('what is not JSON is answered, and the next message too', async () => {
    const ping = (id: number) => `${JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' })}\n`
    const { spawn } = await import('node:child_process')
    const env = { PATH: '/usr/bin:/bin', HOME: place.home, CLAW_HOME: place.home }
    const child = spawn(process.execPath, [LAUNCHER, 'mcp'], { env })
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text
    })
    child.stdin.write(`{"half":\n${ping(1)}\n`)
    await expect.poll(() => out.trim().split('\n').length, { timeout: 20_000 }).toBe(2)
    const messages = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(messages.map(({ id }) => id).sort()).toEqual([1, null])
    expect(messages.find(({ id }) => id === null).error.code).toBe(-32700)
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.stdin.end()
    expect(await exited).toBe(0)
  })
})

describe('claw mcp install', () => {
  const place0 = () => ({ env: { HOME: place.home }, platform: process.platform })

  test.each(['claude', 'codex', 'vscode'])(
    '%s: shows the change, writes it, says so the second time, and takes it back',
    async (name) => {
      const file = CLIENTS[name]!.file(place0())
      const asked = await run(['mcp', 'install', name])
      expect(asked).toMatchObject({ code: 2, stdout: expect.stringContaining('claw') })
      expect(asked.stderr).toContain('--yes')
      expect(() => readFileSync(file)).toThrow()
      expect((await run(['mcp', 'install', name, '--yes'])).code).toBe(0)
      const written = readFileSync(file, 'utf8')
      expect(written).toContain(LAUNCHER)
      expect(written).toContain(place.home)
      expect((await run(['mcp', 'install', name, '--yes'])).stdout).toContain('already')
      expect((await run(['mcp', 'install', name, '--remove', '--yes'])).code).toBe(0)
      expect(readFileSync(file, 'utf8')).not.toContain('claw')
    },
  )

  test.each(Object.entries(CLIENTS))('%s: written once and taken back, its file is as it was', (_, { change }) => {
    const entry = { command: '/opt/no "de', args: ['/srv/claw.js', 'mcp'], env: { CLAW_HOME: '/h' } }
    const once = change('', entry)
    expect(change(once, entry)).toBe(once)
    expect(once).toContain('/srv/claw.js')
    expect(change(once, undefined).trim()).toMatch(/^(\{\})?$/)
  })

  test('what the owner has there stays, with its comments, mode and link', async () => {
    const toml =
      '# mine\nmodel = "x" # best\n\n[mcp_servers.other]\ncommand = "o"\n\n[mcp_servers.claw]\ncommand = "old"\n\n[mcp_servers.claw.env]\nA = "b"\n\n[tools]\nweb = true\n'
    const real = join(place.home, 'dotfiles', 'config.toml')
    const file = join(place.home, '.codex', 'config.toml')
    for (const path of [real, file]) mkdirSync(dirname(path), { recursive: true })
    writeFileSync(real, toml)
    chmodSync(real, 0o640)
    symlinkSync(real, file)
    expect((await run(['mcp', 'install', 'codex', '--yes'])).code).toBe(0)
    const text = readFileSync(real, 'utf8')
    expect(text).toContain('# mine\nmodel = "x" # best\n\n[mcp_servers.other]\ncommand = "o"\n\n[tools]\nweb = true\n')
    expect(text).not.toContain('old')
    expect(statSync(real).mode & 0o777).toBe(0o640)
    await run(['mcp', 'install', 'codex', '--remove', '--yes'])
    expect(readFileSync(file, 'utf8')).toBe(
      '# mine\nmodel = "x" # best\n\n[mcp_servers.other]\ncommand = "o"\n\n[tools]\nweb = true\n',
    )
  })

  test.each([
    ['cursor', '{ // mine\n  "mcpServers": {} }'],
    ['gemini', '{"mcpServers": []}'],
    ['claude', '[]'],
    ['codex', 'model = '],
    ['codex', 'mcp_servers.claw = { command = "x" }'],
  ])('%s: a file that is not understood is left as it is: %s', async (name, text) => {
    const file = CLIENTS[name]!.file(place0())
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    const said = await run(['mcp', 'install', name, '--yes'])
    expect(said).toMatchObject({ code: 2, stderr: expect.stringContaining('left as it is') })
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  test('other servers and keys of a JSON file stay, with their indent', async () => {
    const file = CLIENTS['cursor']!.file(place0())
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, '{\n    "theme": "dark",\n    "mcpServers": {\n        "other": { "command": "o" }\n    }\n}\n')
    await run(['mcp', 'install', 'cursor', '--yes'])
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      theme: 'dark',
      mcpServers: { other: { command: 'o' }, claw: {} },
    })
    expect(readFileSync(file, 'utf8')).toContain('\n    "theme"')
  })

  test('an unknown client names the nearest', async () => {
    expect(await run(['mcp', 'install', 'claud'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Did you mean claude?'),
    })
  })
})

describe('claw token', () => {
  test('makes one that opens the endpoint, lists it without the secret, and revokes it', async () => {
    const made = await run(['token', 'create', 'laptop', '--days', '30'])
    expect(made.code).toBe(0)
    const client = await place.connect(made.stdout.trim())
    expect((await client.listTools()).tools.length).toBe(OWNER_TOOLS.length)
    const listed = await run(['token', 'list'])
    expect(listed.stdout).toMatch(/laptop +everything +made just now/)
    expect(listed.stdout).not.toContain(made.stdout.trim().slice(5, 15))
    expect((await run(['token', 'revoke', 'laptop'])).stdout).toContain('opens nothing any more')
    await expect(client.listTools()).rejects.toThrow()
    expect(await run(['token', 'revoke', 'laptop'])).toMatchObject({ code: 2 })
  })

  test('one that may only read', async () => {
    const { stdout } = await run(['token', 'create', 'phone', '--read-only', '--json'])
    const { secret, token } = JSON.parse(stdout) as { secret: string; token: { scopes: string[] } }
    expect(token.scopes).toEqual(['read'])
    const { tools } = await (await place.connect(secret)).listTools()
    expect(tools.map(({ name }) => name)).not.toContain('add_goal')
  })

  test('a name that is no name is refused', async () => {
    expect(await run(['token', 'create', 'Mein Laptop!'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"name"'),
    })
  })
})
