import { describe, expect, test } from 'vitest'
import { PORT, TOKEN } from '../../fakes/fake-app.ts'
import { addTwoGoals, type McpPlace, openMcpPlace } from '../../fakes/mcp-place.ts'
import { aGoalView } from '../../fakes/views.ts'

async function aPlace() {
  const place = await openMcpPlace()
  place.goals.put(aGoalView())
  return place
}

const ACCEPT = 'application/json, text/event-stream'
const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'list_goals', arguments: {} } }

function post(place: McpPlace, body: unknown, headers: Record<string, string | undefined> = {}) {
  const all = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', accept: ACCEPT, ...headers }
  return place.app.request(`http://127.0.0.1:${PORT}/mcp`, {
    method: 'POST',
    headers: Object.fromEntries(Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined)),
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

async function answerOf(response: Response): Promise<{ error?: { code: number; message: string }; result?: unknown }> {
  const text = await response.text()
  return JSON.parse(text.startsWith('{') ? text : (/^data: (\{.*)$/m.exec(text)?.[1] ?? '{}'))
}

/** The daemon is unharmed: the next call is answered. */
async function stillWorks(place: McpPlace) {
  expect((await answerOf(await post(place, LIST))).result).toMatchObject({
    structuredContent: { goals: [{ goal: 1 }] },
  })
}

describe('nothing works without a token', () => {
  test.each<[string, Record<string, string | undefined>]>([
    ['none', { authorization: undefined }],
    ['a wrong one', { authorization: 'Bearer claw_0000000000000000000000000000000000000000000' }],
    ['another scheme', { authorization: `Basic ${TOKEN}` }],
    ['the cookie that the web page has', { authorization: undefined, cookie: `claw_token=${TOKEN}` }],
    ['a forged run', { authorization: 'Bearer clawrun.run_11.AAAA' }],
  ])('%s', async (_, headers) => {
    await using place = await aPlace()
    await addTwoGoals(place)
    for (const method of ['initialize', 'ping', 'tools/list', 'tools/call', 'server/discover', 'resources/list']) {
      const response = await post(place, { ...LIST, method }, headers)
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([401, 'token_refused'])
    }
    expect(place.goals.calls).toEqual([])
  })

  test('a token of an MCP client opens /mcp and nothing else', async () => {
    await using place = await aPlace()
    await addTwoGoals(place)
    const { secret } = await place.tokens.create({ name: 'laptop', scopes: ['read', 'act'], days: null })
    for (const token of [secret, place.runToken('run_11')]) {
      for (const path of ['/v1/goals', '/v1/tokens', '/v1/status', '/openapi.json']) {
        const response = await place.call(path, { headers: { authorization: `Bearer ${token}` } })
        expect(response.status).toBe(401)
      }
    }
  })

  test('a revoked token’s open client is shut out at the next call', async () => {
    await using place = await aPlace()
    const { secret } = await place.tokens.create({ name: 'laptop', scopes: ['read', 'act'], days: null })
    const client = await place.connect(secret)
    await client.callTool({ name: 'list_goals', arguments: {} })
    expect((await place.call('/v1/tokens/laptop', { method: 'DELETE' })).status).toBe(200)
    await expect(client.callTool({ name: 'list_goals', arguments: {} })).rejects.toThrow()
  })
})

test('the record says which client it was', async () => {
  await using place = await aPlace()
  const { secret } = await place.tokens.create({ name: 'laptop', scopes: ['read', 'act'], days: null })
  const client = await place.connect(secret)
  await client.callTool({ name: 'pause_goal', arguments: { goal: '1' } })
  expect(place.goals.calls).toContainEqual(['pause', '1', 'mcp:laptop'])
})

describe('a page in the owner’s browser gets nothing', () => {
  test.each<[string, Record<string, string>]>([
    ['another name for this machine', { host: 'evil.example' }],
    ['another port', { host: '127.0.0.1:1' }],
    ['another origin', { origin: 'https://evil.example' }],
    ['an opaque origin', { origin: 'null' }],
    ['another site', { 'sec-fetch-site': 'cross-site' }],
  ])('%s', async (_, headers) => {
    await using place = await aPlace()
    expect((await post(place, LIST, headers)).status).toBe(403)
    expect(place.goals.calls).toEqual([])
  })
})

describe('what is malformed gets a clear protocol error and harms nothing', () => {
  const meta = (version: string) => ({
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'x', version: '1' },
  })
  const modern = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'list_goals' }
  const withMeta = { ...LIST, params: { ...LIST.params, _meta: meta('2026-07-28') } }

  test.each<[string, unknown, Record<string, string | undefined>, number, number | undefined]>([
    ['half a body', '{"jsonrpc":"2.0",', {}, 400, -32700],
    ['an empty body', '', {}, 400, -32700],
    ['not JSON-RPC', { hello: 1 }, {}, 400, -32600],
    ['another media type', LIST, { 'content-type': 'text/plain' }, 415, undefined],
    ['a client that takes no answer', LIST, { accept: 'text/html' }, 406, undefined],
    ['an unknown method', { ...LIST, method: 'goals/steal' }, {}, 200, -32601],
    ['an unknown tool', { ...LIST, params: { name: 'rm' } }, {}, 200, -32602],
    [
      'a revision that there is not',
      { ...LIST, params: { ...LIST.params, _meta: meta('2031-01-01') } },
      { ...modern, 'mcp-protocol-version': '2031-01-01' },
      400,
      -32022,
    ],
    ['a header of an old revision that there is not', LIST, { 'mcp-protocol-version': '1999-01-01' }, 400, undefined],
    ['a header that says another method', withMeta, { ...modern, 'mcp-method': 'tools/list' }, 400, -32020],
    ['a header that says another tool', withMeta, { ...modern, 'mcp-name': 'cancel_goal' }, 400, -32020],
    [
      'half an envelope',
      { ...LIST, params: { ...LIST.params, _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } } },
      modern,
      400,
      -32602,
    ],
    [
      'too many elements',
      { ...LIST, params: { name: 'list_goals', arguments: { state: Array.from({ length: 60_000 }, () => 1) } } },
      {},
      200,
      undefined,
    ],
  ])('%s', async (_, body, headers, status, code) => {
    await using place = await aPlace()
    const response = await post(place, body, headers)
    const answer = await answerOf(response)
    expect(response.status).toBe(status)
    if (code !== undefined) expect(answer.error?.code).toBe(code)
    expect(place.goals.calls).toEqual([])
    await stillWorks(place)
  })

  test('a body over the limit, with its length told and without', async () => {
    await using place = await aPlace()
    const large = JSON.stringify({
      ...LIST,
      params: { name: 'list_goals', arguments: { state: 'x'.repeat(5_000_000) } },
    })
    expect((await post(place, large)).status).toBe(413)
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024).fill(32)),
    })
    const response = await place.app.request(`http://127.0.0.1:${PORT}/mcp`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', accept: ACCEPT },
      body: endless,
      duplex: 'half',
    } as RequestInit)
    expect(response.status).toBe(413)
    await stillWorks(place)
  })

  test('nested a hundred thousand deep', async () => {
    await using place = await aPlace()
    const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`
    for (const input of [`{"state":${deep}}`, deep, `{"state":${'['.repeat(100_000)}${']'.repeat(100_000)}}`]) {
      const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_goals","arguments":${input}}}`
      const answer = await answerOf(await post(place, body))
      expect(answer.error ?? (answer.result as { isError?: boolean }).isError).toBeTruthy()
    }
    expect(place.goals.calls).toEqual([])
    await stillWorks(place)
  })

  test('the same request twice is two calls, and a key makes them one', async () => {
    await using place = await aPlace()
    const add = { ...LIST, params: { name: 'add_goal', arguments: { text: 'x', key: 'once' } } }
    const goals = [await post(place, add), await post(place, add)].map(answerOf)
    const numbers = (await Promise.all(goals)).map(
      ({ result }) => (result as { structuredContent: { goal: number } }).structuredContent.goal,
    )
    expect(numbers).toEqual([2, 2])
  })

  test('GET and DELETE are not allowed, and say so', async () => {
    await using place = await aPlace()
    for (const method of ['GET', 'DELETE']) expect((await place.call('/mcp', { method })).status).toBe(405)
  })
})

test.each(['2025-03-26', '2025-06-18', '2025-11-25'])('a client of %s is served', async (version) => {
  await using place = await aPlace()
  const hello = {
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: { protocolVersion: version, capabilities: {}, clientInfo: { name: 'old', version: '1' } },
  }
  expect((await answerOf(await post(place, hello))).result).toMatchObject({
    protocolVersion: version,
    serverInfo: { name: 'claw' },
  })
  expect((await post(place, { jsonrpc: '2.0', method: 'notifications/initialized' })).status).toBe(202)
  expect((await answerOf(await post(place, LIST, { 'mcp-protocol-version': version }))).result).toMatchObject({
    structuredContent: { goals: [{ goal: 1 }] },
  })
})

test('the token is not in what tools and logs get to see', async () => {
  const logged: unknown[] = []
  const log = { debug: note, info: note, warn: note, error: note, child: () => log }
  function note(...all: unknown[]) {
    logged.push(all)
  }
  const { systemClock } = await import('../../../core/clock.ts')
  await using place = await openMcpPlace({ world: { clock: systemClock, log } })
  place.goals.failNext(new Error('boom'))
  await post(place, LIST)
  await post(place, '{')
  expect(logged.length).toBeGreaterThan(0)
  expect(JSON.stringify(logged)).not.toContain(TOKEN)
})
