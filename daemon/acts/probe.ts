import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { Act, Probe } from '../../core/act.ts'
import { probeWords } from '../../core/act-words.ts'
import { SECOND } from '../../core/clock.ts'
import type { CheckResult } from '../../core/proof.ts'
import type { World } from '../../core/world.ts'
import { runCommand } from '../processes/run-command.ts'
import { plainTail } from '../proof/run-check.ts'
import type { SshPlace } from './ssh-place.ts'

/** What one look from outside saw. */
export interface Seen {
  passed: boolean
  exitCode: number | null
  timedOut: boolean
  /** Evidence: what came back, as it came. */
  text: string
}

export interface ProbeDeps {
  world: World
  /** The daemon's PATH. */
  path: string
  /** Takes secrets out of what came back. */
  redact(text: string): string
  /** Keeps a whole output; answers the file. On the disk when this returns. */
  keep(digest: string, packed: Buffer): Promise<string>
}

export interface ProbeOptions {
  act: Act
  /** Opened when a probe needs it, once. */
  place(): Promise<SshPlace>
  /** After the work each probe is looked at again and again for as long as it may take; else once. */
  isAfterWork: boolean
  /** Names the commands of this looking. */
  tag: string
  signal: AbortSignal
}

const BODY_BYTES_MAX = 256 * 1024
const AGAIN_MS = 500
/** A look before the work need not wait for what is not there yet. */
const ONCE_MS_MAX = 15 * SECOND

/**
 * Looks from outside whether an act is done: the daemon itself connects, asks and logs in, from its own place and
 * never from the agent's. A probe that fails is an answer. Throws what opening the place throws, and the signal's
 * reason.
 */
export async function runProbes(deps: ProbeDeps, options: ProbeOptions): Promise<CheckResult[]> {
  const results: CheckResult[] = []
  for (const [n, probe] of options.act.probes.entries()) {
    options.signal.throwIfAborted()
    results.push(await lookFor(deps, options, probe, `${options.tag}/probe-${n + 1}`))
  }
  return results
}

async function lookFor(deps: ProbeDeps, options: ProbeOptions, probe: Probe, runId: string): Promise<CheckResult> {
  const { clock } = deps.world
  const startedAt = clock.monotonic()
  const limitMs = probe.timeoutSeconds * SECOND
  const elapsed = () => clock.monotonic() - startedAt
  let looks = 0
  let seen: Seen
  for (;;) {
    const leftMs = Math.max(1, Math.min(limitMs - elapsed(), options.isAfterWork ? limitMs : ONCE_MS_MAX))
    seen = await look(deps, options, probe, { limitMs: leftMs, runId: `${runId}-${++looks}` })
    seen.text = deps.redact(seen.text)
    options.signal.throwIfAborted()
    if (seen.passed || !options.isAfterWork || elapsed() + AGAIN_MS >= limitMs) break
    await clock.sleep(AGAIN_MS, options.signal)
  }
  const text = `${probeWords(probe)}\n${looks > 1 ? `looked ${looks} times; the last time:\n` : ''}${seen.text}\n`
  const outputDigest = createHash('sha256').update(text).digest('hex')
  return {
    name: probe.name,
    command: probeWords(probe),
    kind: probe.kind,
    exitCode: seen.exitCode,
    timedOut: seen.timedOut,
    durationMs: Math.round(elapsed()),
    passed: seen.passed,
    outputDigest,
    outputFile: await deps.keep(outputDigest, gzipSync(text)),
    tail: plainTail(seen.text),
  }
}

interface Look {
  limitMs: number
  runId: string
}

async function look(deps: ProbeDeps, options: ProbeOptions, probe: Probe, limits: Look): Promise<Seen> {
  switch (probe.probe) {
    case 'port':
      return await lookAtPort(deps, options, probe, limits)
    case 'http':
      return await lookAtPage(deps, options, probe, limits)
    case 'unit': {
      const command = `systemctl ${probe.user ? '--user ' : ''}is-active ${probe.unit}`
      const said = await runThere(deps, options, probe.host, command, limits)
      return { ...said, passed: said.exitCode === 0 && !said.timedOut, text: `$ ${command}\n${said.text}` }
    }
    case 'ssh': {
      const said = await runThere(deps, options, probe.host, probe.command, limits)
      const says = probe.contains === null || said.text.includes(probe.contains)
      const passed = said.exitCode === probe.exitCode && !said.timedOut && says
      return { ...said, passed, text: `exit ${said.exitCode ?? 'by a signal'}\n${said.text}` }
    }
  }
}

function lookAtPort(
  { world }: ProbeDeps,
  { signal }: ProbeOptions,
  { address, port }: Extract<Probe, { probe: 'port' }>,
  { limitMs }: Look,
): Promise<Seen> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port })
    const end = (passed: boolean, text: string, timedOut = false) => {
      timer[Symbol.dispose]()
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      resolve({ passed, exitCode: passed ? 0 : 1, timedOut, text })
    }
    const onAbort = () => end(false, 'given up')
    const timer = world.clock.after(limitMs, () => end(false, 'nobody answered in time', true))
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('connect', () => end(true, `connected to ${socket.remoteAddress}:${socket.remotePort}`))
    socket.once('error', (error) => end(false, error.message))
  })
}

function lookAtPage(
  { world }: ProbeDeps,
  { signal }: ProbeOptions,
  { url, status, contains }: Extract<Probe, { probe: 'http' }>,
  { limitMs }: Look,
): Promise<Seen> {
  return new Promise((resolve) => {
    const ask = url.startsWith('https:') ? httpsRequest : httpRequest
    const message = ask(url, { agent: false, headers: { 'user-agent': 'claw-probe', accept: '*/*' } })
    let isOver = false
    const end = (passed: boolean, text: string, timedOut = false) => {
      if (isOver) return
      isOver = true
      timer[Symbol.dispose]()
      signal.removeEventListener('abort', onAbort)
      message.destroy()
      resolve({ passed, exitCode: passed ? 0 : 1, timedOut, text })
    }
    const onAbort = () => end(false, 'given up')
    const timer = world.clock.after(limitMs, () => end(false, 'no whole answer in time', true))
    signal.addEventListener('abort', onAbort, { once: true })
    message.on('error', (error) => end(false, error.message))
    message.once('response', (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      const judge = () => {
        const body = Buffer.concat(chunks).toString('utf8')
        const says = contains === null || body.includes(contains)
        const head = `HTTP ${response.statusCode} ${response.statusMessage ?? ''}\ncontent-type: ${response.headers['content-type'] ?? ''}`
        end(response.statusCode === status && says, `${head}\n\n${body}`)
      }
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > BODY_BYTES_MAX) judge()
      })
      response.once('end', judge)
      response.on('error', (error) => end(false, error.message))
    })
    message.end()
  })
}

async function runThere(
  { world, path }: ProbeDeps,
  options: ProbeOptions,
  host: string,
  command: string,
  { limitMs, runId }: Look,
): Promise<Omit<Seen, 'passed'>> {
  const place = await options.place()
  const chunks: Buffer[] = []
  const end = await runCommand(world, {
    argv: [`${place.bin}/ssh`, host, command],
    cwd: '/',
    env: { PATH: path, LANG: 'C.UTF-8' },
    runId,
    timeoutMs: limitMs,
    outputBytesMax: BODY_BYTES_MAX,
    signal: options.signal,
    onOutput: (chunk) => void chunks.push(Buffer.from(chunk)),
  })
  return { exitCode: end.exitCode, timedOut: end.timedOut, text: Buffer.concat(chunks).toString('utf8') }
}
