/**
 * What the gateway adds to a request, and a hundred streams at once, against the scripted model server.
 *
 * Direct and through the gateway take turns, so that a busy machine slows both; the difference is what counts.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Config } from '../config/schema.ts'
import { systemClock } from '../core/clock.ts'
import { silentLog } from '../core/world.ts'
import { openGateway } from '../daemon/gateway/gateway.ts'
import { openSqliteStore } from '../daemon/store/sqlite-store.ts'
import { startModelServer } from '../tests/model-server/model-server.ts'
import { type Figure, figure } from './figures.ts'

const REPEATS = 200
const WARM_UP = 20
const STREAMS = 100
const STREAM_REPEATS = 5
/** About what an agent sends in the middle of its work. */
const PROMPT = 'some words of a conversation '.repeat(4_000)

export async function measure(): Promise<Figure[]> {
  await using parts = new AsyncDisposableStack()
  const dir = mkdtempSync(join(tmpdir(), 'claw-bench-gateway-'))
  parts.defer(() => rmSync(dir, { recursive: true, force: true }))
  const server = parts.use(await startModelServer({ script: () => ({ say: 'an answer of a few words '.repeat(8) }) }))
  const store = parts.use(openSqliteStore(join(dir, 'claw.db')))
  const gateway = parts.use(
    await openGateway({
      config: Config.parse({ model: { provider: 'openai-chat', model: 'm', baseUrl: server.url } }),
      secrets: { find: () => ({ missing: 'none here' }) },
      env: {},
      store,
      world: { clock: systemClock, log: silentLog },
      traceDir: dir,
      redact: (text) => text,
      hooks: { onLimit() {}, onResumed() {}, onDay() {} },
    }),
  )
  const caller = { goalId: null, taskId: null, runId: null, agent: 'bench', purpose: 'work' }
  const { model } = gateway.access(gateway.models[0]!, caller)

  const ask = async (url: string): Promise<{ first: number; whole: number }> => {
    const startedAt = performance.now()
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${model.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'm',
        stream: true,
        stream_options: { include_usage: true },
        messages: [{ role: 'user', content: PROMPT }],
      }),
    })
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    let first = 0
    for await (const _ of response.body!) first ||= performance.now() - startedAt
    return { first, whole: performance.now() - startedAt }
  }

  const direct: { first: number; whole: number }[] = []
  const through: { first: number; whole: number }[] = []
  for (let n = 0; n < WARM_UP + REPEATS; n++) {
    const [a, b] = [await ask(server.url), await ask(gateway.url)]
    if (n < WARM_UP) continue
    direct.push(a)
    through.push(b)
  }
  const added = through.map(({ first }, n) => first - direct[n]!.first)

  const together = async (url: string) => {
    const startedAt = performance.now()
    await Promise.all(Array.from({ length: STREAMS }, () => ask(url)))
    return performance.now() - startedAt
  }
  const directAll: number[] = []
  const throughAll: number[] = []
  for (let n = 0; n < STREAM_REPEATS; n++) {
    directAll.push(await together(server.url))
    throughAll.push(await together(gateway.url))
  }
  await gateway.flush()
  const note = 'server, gateway and callers share one process'
  return [
    figure(
      'to the first byte, direct',
      'ms',
      direct.map(({ first }) => first),
    ),
    figure(
      'to the first byte, through the gateway',
      'ms',
      through.map(({ first }) => first),
    ),
    figure('what the gateway adds', 'ms', added, { note: 'one commit to the disk included' }),
    figure(
      'a whole stream, direct',
      'ms',
      direct.map(({ whole }) => whole),
    ),
    figure(
      'a whole stream, through the gateway',
      'ms',
      through.map(({ whole }) => whole),
    ),
    figure(`${STREAMS} streams at once, direct`, 'ms', directAll, { note }),
    figure(`${STREAMS} streams at once, through the gateway`, 'ms', throughAll, { note }),
  ]
}
