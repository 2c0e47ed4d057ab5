/**
 * MCP calls a second over HTTP with fifty clients at once, how long an answer takes then and with one client alone, and
 * what is left behind: calls that were lost, memory that stayed. The endpoint listens in this process over fakes, so it is the protocol that is measured; the clients are a
 * process of their own.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { TOKEN } from '../tests/fakes/fake-app.ts'
import { serveMcpPlace } from '../tests/fakes/served-mcp.ts'
import { aGoalView } from '../tests/fakes/views.ts'
import { type Figure, figure } from './figures.ts'

const SECONDS = Number(process.env['CLAW_BENCH_SECONDS'] ?? 60)
/** Until the compiler has seen what is called often. */
const WARM_UP_SECONDS = 3
const CLIENTS = join(import.meta.dirname, 'mcp-clients.ts')
const run = promisify(execFile)
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

export async function measure(): Promise<Figure[]> {
  await using place = await serveMcpPlace()
  place.goals.put(aGoalView())
  const round = async (seconds: number, clients = 50) => {
    const cpu = process.cpuUsage()
    const args = [CLIENTS, place.server.url, TOKEN, String(seconds), String(clients)]
    const { stdout } = await run(process.execPath, args)
    const { user, system } = process.cpuUsage(cpu)
    const said = JSON.parse(stdout) as { calls: number; lost: number; seconds: number; p50: number; p99: number }
    place.goals.calls.length = 0
    collectGarbage()
    const memory = process.memoryUsage().heapUsed / 2 ** 20
    return { ...said, rate: said.calls / said.seconds, cpu: (user + system) / 1000 / said.calls, memory }
  }
  await round(WARM_UP_SECONDS)
  const alone = await round(WARM_UP_SECONDS, 1)
  const first = await round(SECONDS / 2)
  const second = await round(SECONDS / 2)
  return [
    figure('calls with 50 clients', '/s', [first.rate, second.rate], { goal: '1000' }),
    figure('CPU of the endpoint per call', 'ms', [first.cpu, second.cpu], {
      goal: '1',
      note: 'a core gives 1000 a second at 1 ms',
    }),
    figure('answer with 50 clients, p50', 'ms', [first.p50, second.p50], { note: 'each waits for 49 others' }),
    figure('answer with 50 clients, p99', 'ms', [first.p99, second.p99]),
    figure('answer with one client, p50', 'ms', [alone.p50]),
    figure('answer with one client, p99', 'ms', [alone.p99]),
    figure('lost calls', 'count', [alone.lost + first.lost + second.lost], { goal: '0' }),
    figure('heap grown between the halves', 'MB', [second.memory - first.memory], { note: 'garbage collected first' }),
  ]
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await measure(), null, 2)}\n`)
