import { appendFile, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tokens } from '../../core/spend.ts'
import type { World } from '../../core/world.ts'
import type { ModelCall } from './read-request.ts'
import type { Caller } from './run-tokens.ts'
import type { Upstream } from './upstreams.ts'

/** Keeps what was asked and answered, where the owner wants it: one file of JSON lines per run. */
export interface Tracer {
  start(caller: Caller, request: ModelCall, upstream: Upstream): TraceEntry
}

export interface TraceEntry {
  push(chunk: Buffer): void
  end(outcome: { status: number; answer: string | null; usage: Tokens | undefined }): void
}

export interface TracerDeps {
  world: World
  dir: string
  /** Of one request, and of one answer. */
  bytesMax: number
  /** Takes secrets out. */
  redact(text: string): string
}

/** A run that asks without end fills no disk. */
const FILE_BYTES_MAX = 256 * 1024 * 1024

export function createTracer({ world, dir, bytesMax, redact }: TracerDeps): Tracer {
  /** One line after the other, each whole. */
  let writing = Promise.resolve()

  async function write(name: string, line: object): Promise<void> {
    const file = join(dir, `${name}.jsonl`)
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const size = await stat(file).then(
      (found) => found.size,
      () => 0,
    )
    if (size > FILE_BYTES_MAX) return
    await appendFile(file, `${JSON.stringify(line)}\n`, { mode: 0o600 })
  }

  return {
    start(caller, request, upstream) {
      const at = world.clock.now()
      const chunks: Buffer[] = []
      let size = 0
      const cut = (text: string) => redact(text).slice(0, bytesMax)
      return {
        push(chunk) {
          if (size >= bytesMax) return
          chunks.push(chunk)
          size += chunk.length
        },
        end({ status, answer, usage }) {
          const line = {
            at,
            ms: world.clock.now() - at,
            goalId: caller.goalId,
            agent: caller.agent,
            purpose: caller.purpose,
            upstream: upstream.name,
            api: request.call.api,
            model: request.model,
            status,
            usage: usage ?? null,
            request: cut(request.raw.subarray(0, bytesMax * 2).toString('utf8')),
            answer: cut(answer ?? Buffer.concat(chunks).toString('utf8')),
          }
          writing = writing
            .then(() => write(caller.runId ?? caller.agent, line))
            .catch((err) => world.log.warn({ err }, 'trace not written'))
        },
      }
    },
  }
}
