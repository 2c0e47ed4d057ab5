import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SECOND } from '../../core/clock.ts'
import { Fault, isFault } from '../../core/fault.ts'
import type { Finding } from '../../core/finding.ts'
import type { World } from '../../core/world.ts'
import type { AgentDriver, AgentSession } from '../agents/agent.ts'
import type { DetectedAgent } from '../agents/profiles/detect.ts'
import type { ProcessTable } from '../processes/process-table.ts'
import { stopOwned } from '../processes/stop-owned.ts'

export interface TryAgentDeps {
  world: World
  driver: AgentDriver
  table: ProcessTable
  /** Folders of trials are made in here and removed again. */
  folder: string
  newRunId: () => string
  limitMs?: number
}

const LIMIT_MS = 60 * SECOND

/**
 * Starts an agent in its sandbox, lets it open a session and ends it: what can go wrong before the first
 * prompt shows here. No prompt is sent, so no model is asked and nothing is paid.
 */
export async function tryAgent(deps: TryAgentDeps, agent: DetectedAgent): Promise<Finding> {
  const what = `agent ${agent.name}`
  if (agent.missing.length > 0) {
    const words = `not installed (${agent.missing.join(', ')})`
    return { what, level: 'warn', words, mend: 'Install it if you want to use it; one agent is enough.' }
  }
  if (!agent.usable) {
    const mend = 'Log in with the agent itself, or set a model key (see `model` in docs/CONFIG.md).'
    return { what, level: 'warn', words: `${agent.profile.title} has neither a model key nor a login`, mend }
  }
  const { clock } = deps.world
  const began = clock.monotonic()
  try {
    const program = await openAndStop(deps, agent)
    const seconds = ((clock.monotonic() - began) / SECOND).toFixed(1)
    const access = agent.model ? `with ${agent.model.model}` : 'with its own login'
    return { what, level: 'ok', words: `${nameOf(agent, program)} starts and answers (${seconds} s), ${access}` }
  } catch (error) {
    if (!isFault(error)) throw error
    const mend = error.hint ?? `Start it by hand: ${agent.program ?? agent.profile.command[0]} --version`
    return { what, level: 'fail', words: `${agent.profile.title}: ${error.message}`, mend }
  }
}

/** `goose 1.38.0`; `Codex (codex-acp 0.9.1)` where the program that speaks the protocol is another one. */
function nameOf({ profile: { title } }: DetectedAgent, { name, version }: AgentSession['program']): string {
  if (version === null) return title
  const isSame = name === null || name.toLowerCase() === title.toLowerCase()
  return isSame ? `${title} ${version}` : `${title} (${name} ${version})`
}

async function openAndStop(deps: TryAgentDeps, agent: DetectedAgent): Promise<AgentSession['program']> {
  const { world, table, limitMs = LIMIT_MS } = deps
  await mkdir(deps.folder, { recursive: true, mode: 0o700 })
  const place = await mkdtemp(join(deps.folder, 'doctor-'))
  const runId = deps.newRunId()
  let isLate = false
  // Ended from below: the driver then finds its agent gone and says so.
  using _limit = world.clock.after(limitMs, () => {
    isLate = true
    void stopOwned({ clock: world.clock, table }, { runId }, { graceMs: 0 }).catch(() => {})
  })
  try {
    for (const part of ['worktree', 'home', 'tmp']) await mkdir(join(place, part))
    const session = await deps.driver.open(
      {
        runId,
        profile: agent.profile,
        worktree: join(place, 'worktree'),
        home: join(place, 'home'),
        tmp: join(place, 'tmp'),
        sessionId: null,
        model: agent.model,
        env: {},
        mcpServers: [],
        wireFile: join(place, 'wire'),
        silenceMs: limitMs,
      },
      { onSpawned: async () => {}, onUpdate() {}, onPermission: async () => undefined },
    )
    await session.stop()
    return session.program
  } catch (error) {
    if (!isLate) throw error
    throw new Fault('agent_unavailable', `did not answer within ${limitMs / SECOND} s`, { cause: error })
  } finally {
    await rm(place, { recursive: true, force: true, maxRetries: 3 })
  }
}
