import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import {
  client,
  methods,
  type NewSessionResponse,
  ndJsonStream,
  type PromptResponse,
  RequestError,
} from '@agentclientprotocol/sdk'
import { environmentOf, findProgram, type Place, type TestAgent } from './installed.ts'

/**
 * The shortest way to talk to an agent over ACP. It allows every request for permission and
 * promises only that the whole process group is gone after disposal.
 */
export interface RawSession extends AsyncDisposable {
  sessionId: string
  /** Sends a prompt; gives the reason for its end and the words said meanwhile. */
  prompt(text: string): Promise<{ stopReason: string; text: string }>
  /** kill -9 on the group, as after a power cut. */
  kill(): Promise<void>
  /** The end of what it wrote to stderr, for a failed test. */
  stderr(): string
}

export interface RawSpec {
  agent: TestAgent
  place: Place
  worktree: string
  /** Load this session instead of starting another. */
  sessionId?: string
}

const STDERR_KEPT = 8_000

export async function openRaw({ agent, place, worktree, sessionId }: RawSpec): Promise<RawSession> {
  const program = findProgram(agent)
  if (!program) throw new Error(`${agent.name} is not installed`)
  for (const [path, content] of Object.entries(agent.files(place))) await put(join(place.home, path), content)
  await put(join(place.home, 'tmp', '.keep'), '')

  const child = spawn(program, agent.args, { cwd: worktree, env: environmentOf(agent, place), detached: true })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  let stderr = ''
  child.stderr.on('data', (data: Buffer) => {
    stderr = (stderr + data.toString()).slice(-STDERR_KEPT)
  })
  const kill = async () => {
    if (child.pid !== undefined) killGroup(child.pid)
    child.stdout.destroy()
    await ended
  }

  let said = ''
  const connection = client({ name: 'claw-test' })
    .onRequest(methods.client.session.requestPermission, ({ params }) => {
      const allowed = params.options.find((option) => option.kind === 'allow_once')
      return { outcome: allowed ? { outcome: 'selected', optionId: allowed.optionId } : { outcome: 'cancelled' } }
    })
    .onNotification(methods.client.session.update, ({ params: { update } }) => {
      if (update.sessionUpdate === 'agent_message_chunk' && update.content.type === 'text') said += update.content.text
    })
    .onRequest('*', ({ method }) => {
      throw RequestError.methodNotFound(method)
    })
    .onNotification('*', () => {})
    .connect(ndJsonStream(Writable.toWeb(child.stdin), Readable.toWeb(child.stdout) as ReadableStream<Uint8Array>))

  try {
    const { agent: peer } = connection
    await peer.request(methods.agent.initialize, {
      protocolVersion: 1,
      clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
    })
    const where = { cwd: worktree, mcpServers: [] }
    const id = sessionId ?? (await peer.request<NewSessionResponse>(methods.agent.session.new, where)).sessionId
    if (sessionId !== undefined) await peer.request(methods.agent.session.load, { ...where, sessionId })
    if (agent.mode !== null) await peer.request(methods.agent.session.setMode, { sessionId: id, modeId: agent.mode })
    return {
      sessionId: id,
      async prompt(text) {
        said = ''
        const prompt = [{ type: 'text', text }]
        const turn = await peer.request<PromptResponse>(methods.agent.session.prompt, { sessionId: id, prompt })
        return { stopReason: turn.stopReason, text: said }
      },
      kill,
      stderr: () => stderr,
      [Symbol.asyncDispose]: kill,
    }
  } catch (error) {
    await kill()
    throw new Error(`${agent.name} did not open a session; stderr: ${stderr}`, { cause: error })
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function put(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
}
