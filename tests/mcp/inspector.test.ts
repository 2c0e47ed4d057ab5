import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OWNER_TOOLS } from '../../tools/index.ts'
import { LAUNCHER } from '../cli/run-claw.ts'
import { TOKEN } from '../fakes/fake-app.ts'
import { serveMcpPlace } from '../fakes/served-mcp.ts'
import { aGoalView } from '../fakes/views.ts'

/**
 * The protocol's own Inspector as a client that knows nothing of ours: over HTTP to the endpoint, and over stdio to
 * `claw mcp` as it stands in clients' configs; with the handshake of 2025 and without.
 */
const PROGRAM = join(
  import.meta.dirname,
  'programs/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js',
)
const isThere = existsSync(PROGRAM)
if (!isThere) console.error('skipped: the Inspector is not installed (npm run mcp:install)')

type Place = Awaited<ReturnType<typeof serveMcpPlace>>

/** What its exit codes mean. */
const AUTH_NEEDED = 3
const TOOL_FAILED = 5

const WAYS: Record<string, (place: Place) => string[]> = {
  HTTP: ({ server }) => [`${server.url}/mcp`, '--transport', 'http', '--header', `Authorization: Bearer ${TOKEN}`],
  stdio: ({ home }) => [process.execPath, LAUNCHER, 'mcp', '-e', `CLAW_HOME=${home}`],
}
const ERAS = ['legacy', 'modern']
const CASES = Object.keys(WAYS).flatMap((way) => ERAS.map((era) => [way, era] as const))

describe.skipIf(!isThere).each(CASES)('the Inspector over %s (%s)', (way, era) => {
  async function aPlace() {
    const place = await serveMcpPlace()
    place.goals.put(aGoalView())
    const inspect = (...args: string[]) => inspector(place, [...WAYS[way]!(place), '--protocol-era', era, ...args])
    return Object.assign(place, { inspect })
  }

  test('lists the tools, and finds nothing in their schemas that some clients would not take', async () => {
    await using place = await aPlace()
    const listed = await place.inspect('--method', 'tools/list', '--strict')
    expect(listed).toMatchObject({ code: 0, err: '' })
    const names = (JSON.parse(listed.out) as { tools: { name: string }[] }).tools.map(({ name }) => name)
    expect(names).toEqual(OWNER_TOOLS.map(({ name }) => name))
  })

  test('calls a tool, and is told what is wrong where there is no such goal', async () => {
    await using place = await aPlace()
    const call = (goal: string) =>
      place.inspect('--method', 'tools/call', '--tool-name', 'show_goal', '--tool-arg', `goal=${goal}`)
    const shown = await call('1')
    expect(shown).toMatchObject({ code: 0, err: '' })
    expect(JSON.parse(shown.out)).toMatchObject({ structuredContent: { goal: 1, state: 'open' } })
    const missing = await call('77')
    expect([missing.code, missing.out]).toEqual([TOOL_FAILED, expect.stringContaining('goal_not_found')])
  })

  test('finds resources and prompts, and reads them', async () => {
    await using place = await aPlace()
    const templates = await place.inspect('--method', 'resources/templates/list')
    for (const uri of ['claw://reports/{goal}', 'claw://proofs/{proof}', 'claw://notes/{note}'])
      expect(templates.out).toContain(uri)
    const proof = await place.inspect('--method', 'resources/read', '--uri', 'claw://proofs/proof_1')
    expect(JSON.parse(proof.out)).toMatchObject({ contents: [{ text: expect.stringContaining('passed') }] })
    const prompt = await place.inspect(
      '--method',
      'prompts/get',
      '--prompt-name',
      'review_result',
      '--prompt-args',
      'what=1',
    )
    expect(JSON.parse(prompt.out)).toMatchObject({ messages: [{ role: 'user' }] })
  })
})

describe.skipIf(!isThere)('the Inspector', () => {
  test('without a token is told that one is needed', async () => {
    await using place = await serveMcpPlace()
    const url = `${place.server.url}/mcp`
    const said = await inspector(place, [url, '--transport', 'http', '--stored-auth-only', '--method', 'tools/list'])
    expect([said.code, said.out]).toEqual([AUTH_NEEDED, ''])
  })

  test('ten at a time, five hundred calls: every one is answered', async () => {
    await using place = await serveMcpPlace()
    const load = ['--tool-name', 'list_goals', '--load', '--load-requests', '500', '--load-concurrency', '10']
    const said = await inspector(place, [...WAYS['HTTP']!(place), '--method', 'tools/call', ...load])
    expect(said.code, said.err).toBe(0)
    expect(JSON.parse(said.out)).toMatchObject({ requests: 500, ok: 500, toolErrors: 0, errors: 0 })
  })
})

/** Its own files go into the place's home; of our environment it gets nothing. */
function inspector({ home }: Place, args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [PROGRAM, '--cli', ...args], {
    cwd: home,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: home, CLAW_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 100_000,
  })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, out, err }))
  })
}
