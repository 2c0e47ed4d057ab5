import { RequestError } from '@agentclientprotocol/sdk'
import { Fault, isFault } from '../../core/fault.ts'
import { clipLine } from '../../core/plain-text.ts'
import type { World } from '../../core/world.ts'
import { type Containment, overrun } from '../processes/containment.ts'
import { createProcessTable, type ProcessTable } from '../processes/process-table.ts'
import { startOwned } from '../processes/start-owned.ts'
import { stopOwned } from '../processes/stop-owned.ts'
import { within } from '../processes/within.ts'
import { type AcpConnection, connectAcp } from './acp-connection.ts'
import { createAcpTurns, faultOfAnswer } from './acp-session.ts'
import { record } from './acp-updates.ts'
import type { AgentDriver, AgentSession, AgentSpec } from './agent.ts'
import { type PrepareDeps, prepareRun } from './prepare-run.ts'
import { returnCredential } from './private-home.ts'

export interface AcpDriverDeps extends PrepareDeps {
  world: World
  table?: ProcessTable
  /** Keeps agents within their limits; without it they have none. */
  containment?: Containment
  /** What an agent may say and show in one session, as bytes on its wire. */
  wireBytesEnd?: number
  /** Takes secrets out of what is kept of the conversation. */
  redact?(text: string): string
}

/** For the slowest agent on a loaded machine; OpenCode needs 12 s to load a session. */
const HANDSHAKE_MS_MAX = 120_000
const CANCEL_MS = 2_000
const CLOSE_MS = 1_000
const TERM_MS = 3_000
const AUTH_REQUIRED = -32000

/**
 * Drives any program that speaks the Agent Client Protocol, version 1.
 *
 * Gather, start, shake hands; then the turns live in acp-session.ts. Nothing of an open that
 * failed is left running.
 */
export function createAcpDriver(deps: AcpDriverDeps): AgentDriver {
  const { world, table = createProcessTable() } = deps
  const { clock } = world

  return {
    async open(spec, hooks) {
      const log = world.log.child({ runId: spec.runId, agent: spec.profile.name })
      const confined = await prepareRun(deps, spec, hooks)
      const { env } = confined
      const watch = deps.containment?.watch({ runId: spec.runId, folders: [spec.worktree, spec.home, spec.tmp] })
      const argv = watch?.wrap(confined.argv) ?? confined.argv
      const owned = await startOwned({ table }, { argv, env, cwd: spec.worktree, runId: spec.runId }).catch(
        async (error) => {
          watch?.[Symbol.dispose]()
          await confined[Symbol.asyncDispose]()
          throw error
        },
      )
      const turns = createAcpTurns({ clock, log }, spec, hooks)
      const wireBytesEnd = deps.wireBytesEnd ?? Number.POSITIVE_INFINITY
      let heardBytes = 0
      const connection = connectAcp({
        clock,
        title: spec.profile.title,
        owned,
        wireFile: spec.wireFile,
        redact: deps.redact,
        onUpdate: turns.onUpdate,
        onPermission: turns.onPermission,
        onNoise: turns.onNoise,
        onBytes(count) {
          turns.onBytes(count)
          heardBytes += count
          if (heardBytes > wireBytesEnd)
            endAtOnce(overrun(`more than ${Math.round(wireBytesEnd / 1024 / 1024)} MB of words`))
        },
      })
      watch?.overrun.addEventListener('abort', () => endAtOnce(watch.overrun.reason as Fault), { once: true })

      /** For what uses the machine up: no farewell, every process now. */
      function endAtOnce(fault: Fault): void {
        connection.fail(fault)
        void stopOwned({ clock, table }, owned, { graceMs: 0 }).catch((err) => log.error({ err }, 'agent not ended'))
      }

      async function end(graceMs: number): Promise<void> {
        owned.stdin.end()
        const left = await stopOwned({ clock, table }, owned, { graceMs })
        await connection.close()
        watch?.[Symbol.dispose]()
        await confined[Symbol.asyncDispose]()
        const { credentialFile } = spec.profile
        if (credentialFile !== null && spec.model === null) returnCredential(spec.home, deps.ownerHome, credentialFile)
        if (left.length > 0) log.error({ pids: left.map(({ pid }) => pid) }, 'agent processes cannot be ended')
      }
      const graceMs = spec.profile.quirks.ignoresTerm ? 0 : TERM_MS

      let opened: Opened
      try {
        await hooks.onSpawned({ pid: owned.pid, pidStart: owned.pidStart })
        owned.release()
        opened = await withLimit(openSession(connection, spec, clock.now))
      } catch (error) {
        await end(0)
        throw isFault(error, 'agent_crashed') ? cannotStart(spec, error) : error
      }
      if (spec.sessionId !== null) turns.sessionLoaded()

      let stopping: Promise<void> | undefined
      async function stop(): Promise<void> {
        turns.withdraw()
        if (!connection.gone.aborted) {
          await turns.cancel(connection, opened.sessionId)
          await within(clock, CANCEL_MS, turns.idle())
        }
        if (!connection.gone.aborted && opened.closable) {
          const closed = connection.request('session/close', { sessionId: opened.sessionId }).catch(() => {})
          await within(clock, CLOSE_MS, closed)
        }
        await end(graceMs)
      }

      const session: AgentSession = {
        sessionId: opened.sessionId,
        resumable: opened.resumable,
        program: opened.program,
        prompt: (text) => turns.prompt(connection, opened.sessionId, text),
        cancel: () => turns.cancel(connection, opened.sessionId),
        stop: () => (stopping ??= stop()),
      }
      return session
    },
  }

  async function withLimit<T>(handshake: Promise<T>): Promise<T> {
    const opened = await within(clock, HANDSHAKE_MS_MAX, handshake)
    if (opened !== undefined) return opened
    throw new Fault('agent_unavailable', `The agent did not open a session within ${HANDSHAKE_MS_MAX / 1000} s`)
  }
}

interface Opened {
  sessionId: string
  resumable: boolean
  program: AgentSession['program']
  closable: boolean
}

/** initialize → (authenticate) → new, load or resume → mode. */
async function openSession(connection: AcpConnection, spec: AgentSpec, now: () => number): Promise<Opened> {
  const { profile } = spec
  const ask = async (method: string, params: unknown): Promise<Readonly<Record<string, unknown>>> =>
    record(await connection.request<unknown>(method, params))
  const said = (error: unknown) => (error instanceof RequestError ? faultOfAnswer(profile.title, error, now()) : error)

  const hello = await ask('initialize', {
    protocolVersion: 1,
    clientInfo: { name: 'claw', title: 'Claw', version: '1' },
    // The agent works on its own files with its own tools, inside its sandbox.
    clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
  }).catch((error) => {
    throw said(error)
  })
  if (hello['protocolVersion'] !== 1) {
    const version = JSON.stringify(hello['protocolVersion'])
    throw new Fault('agent_protocol', `${profile.title} speaks version ${version} of the protocol, not 1`)
  }
  const able = record(hello['agentCapabilities'])
  const ableSession = record(able['sessionCapabilities'])
  const canLoad = able['loadSession'] === true && profile.quirks.resume === 'load'
  const canResume = has(ableSession['resume']) && profile.quirks.resume !== 'none'

  const takesMcp = profile.quirks.mcp && record(able['mcpCapabilities'])['http'] === true
  const mcpServers = takesMcp
    ? spec.mcpServers.map(({ name, url, headers }) => ({
        type: 'http' as const,
        name,
        url,
        headers: Object.entries(headers).map(([key, value]) => ({ name: key, value })),
      }))
    : []
  const where = { cwd: spec.worktree, mcpServers }

  async function begin(): Promise<Readonly<Record<string, unknown>>> {
    if (spec.sessionId === null) return ask('session/new', where)
    if (!canLoad && !canResume) {
      throw new Fault('session_lost', `${profile.title} cannot take up an earlier session`)
    }
    const method =
      canResume && profile.quirks.resume === 'resume' ? 'session/resume' : canLoad ? 'session/load' : 'session/resume'
    return ask(method, { ...where, sessionId: spec.sessionId })
  }

  let session: Readonly<Record<string, unknown>>
  try {
    session = await begin().catch(async (error) => {
      if (!(error instanceof RequestError) || error.code !== AUTH_REQUIRED) throw error
      await authenticate(ask, hello['authMethods'], spec)
      return begin()
    })
  } catch (error) {
    const fault = said(error)
    const isAgentsNo = error instanceof RequestError && !isFault(fault, 'provider_refused')
    if (spec.sessionId !== null && isAgentsNo) {
      throw new Fault(
        'session_lost',
        `${profile.title} cannot load session ${spec.sessionId}: ${(fault as Fault).message}`,
        {
          cause: error,
        },
      )
    }
    throw fault
  }

  const sessionId = spec.sessionId ?? session['sessionId']
  if (typeof sessionId !== 'string' || sessionId === '') {
    throw new Fault('agent_protocol', `${profile.title} opened a session without an id`)
  }
  if (profile.mode !== null && record(session['modes'])['currentModeId'] !== profile.mode) {
    await ask('session/set_mode', { sessionId, modeId: profile.mode }).catch((error) => {
      throw error instanceof RequestError
        ? new Fault('agent_protocol', `${profile.title} does not take the mode ${profile.mode}: ${error.message}`)
        : error
    })
  }
  const info = record(hello['agentInfo'])
  const program = { name: wordIn(info['name']), version: wordIn(info['version']) }
  return { sessionId, resumable: canLoad || canResume, program, closable: has(ableSession['close']) }
}

function wordIn(said: unknown): string | null {
  return typeof said === 'string' && said.trim() !== '' ? clipLine(said, 40) : null
}

/** With a model configured some agents still want to be told which way of logging in to use. */
async function authenticate(
  ask: (method: string, params: unknown) => Promise<unknown>,
  methods: unknown,
  spec: AgentSpec,
): Promise<void> {
  const ways = (Array.isArray(methods) ? methods : []).map(record).filter((way) => way['type'] !== 'terminal')
  for (const way of spec.model === null ? [] : ways.slice(0, 3)) {
    const done = await ask('authenticate', { methodId: way['id'] }).then(
      () => true,
      () => false,
    )
    if (done) return
  }
}

function has(capability: unknown): boolean {
  return capability !== undefined && capability !== null && capability !== false
}

const NOT_FOUND = 127

/** A process that ends before there is a session has not crashed: it cannot be started. */
function cannotStart(spec: AgentSpec, fault: Fault): Fault {
  const stderr = String(fault.details['stderr'] ?? '')
  if (/^bwrap: /m.test(stderr)) {
    return new Fault('sandbox_unavailable', `The sandbox could not be made: ${stderr.trim().slice(-300)}`, {
      cause: fault,
    })
  }
  const why = fault.details['exitCode'] === NOT_FOUND ? `${spec.profile.command[0]} was not found` : fault.message
  return new Fault('agent_unavailable', `${spec.profile.title} cannot be started: ${why}`, {
    cause: fault,
    details: fault.details,
  })
}
