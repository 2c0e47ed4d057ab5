/**
 * Clients of an MCP endpoint, as a process of their own: what they cost is not the endpoint's. Each sends the
 * next call when it has the answer to the one before, and looks at every answer.
 *
 * `node bench/mcp-clients.ts URL TOKEN SECONDS CLIENTS`, prints `{ calls, lost, seconds, p50, p99 }`, the last two in
 * milliseconds from the call to its whole answer.
 */
import { Agent, request } from 'node:http'
import { percentile } from './figures.ts'

const [url = '', token = '', seconds = '10', clients = '50'] = process.argv.slice(2)
const agent = new Agent({ keepAlive: true, maxSockets: Number(clients) })
const headers = {
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-11-25',
}
let calls = 0
let lost = 0
const times: number[] = []

function call(id: number): Promise<string> {
  const params = { name: 'show_goal', arguments: { goal: '1' } }
  const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}/mcp`,
      { method: 'POST', agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
      (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece))
        response.on('end', () => resolve(Buffer.concat(pieces).toString()))
        response.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

const start = performance.now()
async function client(): Promise<void> {
  while (performance.now() - start < Number(seconds) * 1000) {
    const id = ++calls
    const sent = performance.now()
    const text = await call(id).catch(() => '')
    times.push(performance.now() - sent)
    if (!text.includes(`"id":${id}`) || !text.includes('"goal":1')) lost++
  }
}
await Promise.all(Array.from({ length: Number(clients) }, client))
const took = (performance.now() - start) / 1000
process.stdout.write(
  JSON.stringify({ calls, lost, seconds: took, p50: percentile(times, 50), p99: percentile(times, 99) }),
)
agent.destroy()
