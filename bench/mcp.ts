/**
 * MCP calls a second over HTTP with fifty clients at once, and what is left behind: calls that were lost, memory that
 * stayed. The endpoint listens in this process over fakes, so it is the protocol that is measured.
 */

import { TOKEN } from '../tests/fakes/fake-app.ts'
import { serveMcpPlace } from '../tests/fakes/served-mcp.ts'
import { aGoalView } from '../tests/fakes/views.ts'
import { type Figure, figure } from './figures.ts'

const CLIENTS = 50
const SECONDS = Number(process.env['CLAW_BENCH_SECONDS'] ?? 20)

export async function measure(): Promise<Figure[]> {
  await using place = await serveMcpPlace()
  place.goals.put(aGoalView())
  const body = (id: number) =>
    JSON.stringify({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name: 'show_goal', arguments: { goal: '1' } },
    })
  const headers = {
    authorization: `Bearer ${TOKEN}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2025-11-25',
  }
  let calls = 0
  let lost = 0
  const client = async (until: number) => {
    while (performance.now() < until) {
      const id = ++calls
      const response = await fetch(`${place.server.url}/mcp`, { method: 'POST', headers, body: body(id) })
      const text = await response.text()
      if (!text.includes(`"id":${id}`) || !text.includes('"goal":1')) lost++
    }
  }
  const round = async (seconds: number) => {
    calls = 0
    place.goals.calls.length = 0
    const start = performance.now()
    const cpu = process.cpuUsage()
    await Promise.all(Array.from({ length: CLIENTS }, () => client(start + seconds * 1000)))
    const { user, system } = process.cpuUsage(cpu)
    globalThis.gc?.()
    const memory = process.memoryUsage().heapUsed / 2 ** 20
    return { rate: calls / ((performance.now() - start) / 1000), cpu: (user + system) / 1000 / calls, memory }
  }
  const first = await round(SECONDS / 2)
  const second = await round(SECONDS / 2)
  return [
    figure('calls with 50 clients', '/s', [first.rate, second.rate], {
      goal: '1000',
      note: 'clients and endpoint share this process',
    }),
    figure('CPU per call, client included', 'ms', [first.cpu, second.cpu]),
    figure('lost calls', 'count', [lost], { goal: '0' }),
    figure('heap grown between the halves', 'MB', [second.memory - first.memory], { note: 'exact with --expose-gc' }),
  ]
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await measure(), null, 2)}\n`)
