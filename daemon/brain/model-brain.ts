/**
 * A brain that asks a model's provider, through a process of its own.
 *
 * The process is started by the first question and ended when nothing was asked for a while; it
 * gets the key over its channel, never in its environment or arguments. If it dies in the middle
 * of a question, that question fails with provider_unavailable and the next one starts another.
 * Nothing is tried again here: the daemon decides when.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { MINUTE, SECOND } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import { askUntilFits, type Words } from './answer.ts'
import type { Brain } from './brain.ts'
import type { FromBrain, ModelBrainConfig, Reply, Said, ToBrain } from './brain-wire.ts'
import { providerFault } from './provider-fault.ts'
import { wireSchema } from './wire-schema.ts'

export interface ModelBrainDeps {
  world: World
  config: ModelBrainConfig
  /** The key for one question, where each has its own. */
  keyFor?: (question: { purpose: string; goalId?: string | undefined }) => string
  /** Given to the process and nothing else: proxies and certificates where the owner has any. */
  env?: Readonly<Record<string, string>>
  /** A question without an answer is given up after this long. */
  answerMaxMs?: number
  /** The process ends when nothing was asked for this long. */
  idleMs?: number
  answerBytesMax?: number
}

export interface ModelBrain extends Brain, AsyncDisposable {
  /** The process, while there is one; for doctor and tests. */
  readonly pid: number | undefined
}

const ANSWER_MAX_MS = 5 * MINUTE
const IDLE_MS = 30 * SECOND
const ANSWER_BYTES_MAX = 4 * 1024 * 1024
const STDERR_MAX = 2_000

interface Part {
  process: ChildProcess
  waiting: Map<number, (reply: Reply) => void>
  /** Who wants to hear an answer as far as it has come. */
  partials: Map<number, (value: unknown) => void>
  ended: Promise<void>
}

export function createModelBrain(deps: ModelBrainDeps): ModelBrain {
  const { world, config, keyFor = () => config.key } = deps
  const { answerMaxMs = ANSWER_MAX_MS, idleMs = IDLE_MS, answerBytesMax = ANSWER_BYTES_MAX } = deps
  const name = `${config.provider} ${config.model}`
  const log = world.log.child({ brain: name })
  let part: Part | undefined
  let idle: Disposable | undefined
  let lastId = 0
  let closed = false

  function start(): Part {
    const child = fork(brainProcessFile(), [], {
      env: { ...deps.env },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    })
    const waiting: Part['waiting'] = new Map()
    const partials: Part['partials'] = new Map()
    let stderr = ''
    child.stderr?.on('data', (data: Buffer) => {
      stderr = (stderr + data.toString()).slice(-STDERR_MAX)
    })
    child.on('message', (reply: FromBrain) => {
      if (reply.type === 'partial') return partials.get(reply.id)?.(reply.value)
      waiting.get(reply.id)?.(reply)
      waiting.delete(reply.id)
    })
    const ended = new Promise<void>((resolve) => {
      const end = (why: string) => {
        if (part?.process === child) part = undefined
        if (waiting.size > 0) log.warn({ why, stderr }, 'brain process ended in the middle of a question')
        const message = `the brain's process ended before it answered (${why})`
        for (const settle of waiting.values()) settle(problem({ kind: 'network', message }))
        waiting.clear()
        resolve()
      }
      child.on('error', (error) => end(error.message))
      child.on('exit', (code, signal) => end(signal ?? `exit code ${code}`))
    })
    log.debug({ pid: child.pid }, 'brain process started')
    return { process: child, waiting, partials, ended }
  }

  /** One question to the process. Always resolves: with words, a problem, or the caller's abort. */
  function exchange(
    system: string,
    said: Said[],
    schema: ReturnType<typeof wireSchema>,
    key: string,
    signal: AbortSignal | undefined,
    onPartial: ((value: unknown) => void) | undefined,
  ) {
    part ??= start()
    const { process: child, waiting, partials } = part
    const id = ++lastId
    return new Promise<Reply>((resolve) => {
      const breakOff = (reply: Reply) => {
        if (!waiting.delete(id)) return
        send(child, { type: 'abort', id })
        settle(reply)
      }
      const onAbort = () => breakOff(problem({ kind: 'aborted' }))
      const limit = world.clock.after(answerMaxMs, () =>
        breakOff(problem({ kind: 'network', message: `no answer within ${Math.round(answerMaxMs / SECOND)} s` })),
      )
      const settle = (reply: Reply) => {
        limit[Symbol.dispose]()
        signal?.removeEventListener('abort', onAbort)
        partials.delete(id)
        restWhenIdle()
        resolve(reply)
      }
      waiting.set(id, settle)
      if (onPartial) partials.set(id, onPartial)
      signal?.addEventListener('abort', onAbort, { once: true })
      const isStreamed = onPartial !== undefined
      send(child, { type: 'ask', id, config: { ...config, key }, system, said, schema, answerBytesMax, isStreamed })
    })
  }

  function restWhenIdle() {
    idle?.[Symbol.dispose]()
    idle = world.clock.after(idleMs, () => {
      if (part && part.waiting.size === 0) void end(part)
    })
  }

  async function end(ending: Part): Promise<void> {
    // From here on a new question starts a new process.
    if (part === ending) part = undefined
    ending.process.kill('SIGKILL')
    await ending.ended
  }

  return {
    name,
    get pid() {
      return part?.process.pid
    },
    ask(question, signal) {
      const schema = wireSchema(question.schema)
      return askUntilFits(name, question.schema, async (repair): Promise<Words> => {
        signal?.throwIfAborted()
        if (closed) throw new Fault('provider_unavailable', `${name} was closed.`)
        const said: Said[] = [{ role: 'user', text: question.prompt }]
        if (repair) {
          // Providers refuse an empty message.
          said.push({ role: 'assistant', text: repair.answer.trim() === '' ? '(nothing)' : repair.answer })
          said.push({ role: 'user', text: repair.complaint })
        }
        const startedAt = world.clock.monotonic()
        const reply = await exchange(question.system, said, schema, keyFor(question), signal, question.onPartial)
        signal?.throwIfAborted()
        const fields = {
          purpose: question.purpose,
          ms: Math.round(world.clock.monotonic() - startedAt),
          usage: reply.usage,
        }
        if (reply.type === 'text') {
          log.info(fields, 'brain answered')
          return reply
        }
        log.warn({ ...fields, problem: reply.problem.kind }, 'brain did not answer')
        throw providerFault(name, reply.problem, world.clock.now())
      })
    },
    async [Symbol.asyncDispose]() {
      closed = true
      idle?.[Symbol.dispose]()
      if (part) await end(part)
    },
  }
}

function problem(what: Extract<Reply, { type: 'problem' }>['problem']): Reply {
  return { type: 'problem', problem: what, usage: { inputTokens: 0, cachedTokens: 0, outputTokens: 0, usd: null } }
}

/** A channel that is closing says so with an error; the exit that follows settles what waits. */
function send(child: ChildProcess, message: ToBrain): void {
  if (child.connected) child.send(message, () => {})
}

/** Beside this file, and of its kind: `.ts` in the repository, `.js` when published. */
function brainProcessFile(): string {
  return fileURLToPath(new URL(`./brain-process.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url))
}
