import * as acp from '@agentclientprotocol/sdk'
import type { Clock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { OwnedProcess, ProcessEnd } from '../processes/start-owned.ts'
import { within } from '../processes/within.ts'
import { createAcpWire } from './acp-wire.ts'
import { openWireLog } from './wire-log.ts'

export interface AcpConnectionOptions {
  clock: Clock
  /** For messages: the agent's title. */
  title: string
  owned: OwnedProcess
  wireFile: string
  /** Takes secrets out of the wire's file; the agent is told all. */
  redact?: ((text: string) => string) | undefined
  onUpdate(params: unknown): void
  onPermission(params: unknown, signal: AbortSignal): Promise<acp.RequestPermissionResponse>
  onNoise(line: string): void
  onBytes(count: number): void
}

/**
 * A conversation with one agent process: requests to it, its updates and questions to us.
 *
 * `request` rejects with a Fault when the process is gone, however it went, and with the agent's own
 * RequestError when it says no. What agents send is not validated here; see acp-updates.ts.
 */
export interface AcpConnection {
  request: acp.ClientContext['request']
  notify: acp.ClientContext['notify']
  /** The process is gone, or of no more use; the reason is in `fault()`. */
  readonly gone: AbortSignal
  fault(): Fault | undefined
  /** From now on every request is answered with this fault. */
  fail(fault: Fault): void
  /** The end of what it wrote to stderr. */
  complaints(): string
  /** Says no more, writes the log to its end. The process is not touched. */
  close(): Promise<void>
}

const LINE_BYTES_MAX = 8 * 1024 * 1024
const WIRE_BYTES_MAX = 32 * 1024 * 1024
const COMPLAINT_BYTES_MAX = 32 * 1024
/** For the last words of an ended process, and for the end of one that closed its output. */
const DRAIN_MS = 2_000

export function connectAcp(options: AcpConnectionOptions): AcpConnection {
  const { clock, owned, title } = options
  const log = openWireLog(options.wireFile, WIRE_BYTES_MAX, options.redact)
  const goneController = new AbortController()
  const gone = goneController.signal
  const whenGone = new Promise<void>((resolve) => gone.addEventListener('abort', () => resolve(), { once: true }))
  let reason: Fault | undefined
  const fail = (fault: Fault) => {
    reason ??= fault
    goneController.abort(reason)
  }

  let complaints: Buffer = Buffer.alloc(0)
  const complaintsEnded = (async () => {
    for await (const chunk of owned.stderr) {
      complaints = Buffer.concat([complaints, chunk as Buffer]).subarray(-COMPLAINT_BYTES_MAX)
    }
  })().catch(() => {}) // closed under us: what came has been kept

  const wire = createAcpWire({
    input: owned.stdout,
    output: owned.stdin,
    log,
    lineBytesMax: LINE_BYTES_MAX,
    onUpdate: options.onUpdate,
    onNoise: options.onNoise,
    onBytes: options.onBytes,
  })

  const connection = acp
    .client({ name: 'claw' })
    .onRequest('session/request_permission', asIs, ({ params, signal }) => options.onPermission(params, signal))
    .onRequest('*', ({ method }) => {
      throw acp.RequestError.methodNotFound(method)
    })
    .onNotification('*', () => {})
    .connect(wire)

  void wire.ended.then(async (fault) => {
    if (fault) return fail(fault)
    // It may only just be ending; its exit says more.
    if (await within(clock, DRAIN_MS, owned.ended)) return
    fail(new Fault('agent_protocol', `${title} closed its output and went on running`))
  })
  void owned.ended.then(async (end) => {
    await within(clock, DRAIN_MS, Promise.all([wire.ended, complaintsEnded]))
    fail(crashed(title, end, complaints.toString('utf8')))
  })

  return {
    gone,
    fault: () => reason,
    fail,
    complaints: () => complaints.toString('utf8'),
    async request(method: string, params?: unknown, requestOptions?: acp.SendRequestOptions) {
      if (reason) throw reason
      const answer = connection.agent.request<unknown>(method, params, requestOptions)
      const settled = answer.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      )
      const first = await Promise.race([settled, whenGone])
      if (first && 'value' in first) return first.value
      if (first && first.error instanceof acp.RequestError) throw first.error
      // The stream broke; in a moment it is known why.
      await within(clock, 2 * DRAIN_MS, whenGone)
      throw reason ?? new Fault('agent_protocol', `The conversation with ${title} broke off`, { cause: first?.error })
    },
    async notify(method: string, params?: unknown) {
      if (!gone.aborted) await connection.agent.notify(method, params)
    },
    async close() {
      fail(new Fault('agent_crashed', `${title} was stopped`, { details: { stopped: true } }))
      connection.close()
      owned.stdin.destroy()
      owned.stdout.destroy()
      owned.stderr.destroy()
      await complaintsEnded
      for (const line of complaints.toString('utf8').split('\n')) if (line !== '') await log.add('#', line)
      await log.close()
    },
  } as AcpConnection
}

function asIs(params: unknown): unknown {
  return params
}

function crashed(title: string, { exitCode, signal }: ProcessEnd, complaints: string): Fault {
  const how = signal ? `was ended by ${signal}` : `ended with exit code ${exitCode}`
  const last = complaints.trim().split('\n').slice(-5).join('\n').slice(-1_000)
  return new Fault('agent_crashed', `${title} ${how}${last === '' ? '' : `: ${last}`}`, {
    details: { exitCode, signal, stderr: complaints.slice(-4_000) },
  })
}
