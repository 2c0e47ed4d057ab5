import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../core/clock.ts'
import { silentLog } from '../../core/world.ts'
import { createAcpDriver } from '../../daemon/agents/acp-agent.ts'
import type {
  AgentHooks,
  AgentProfile,
  AgentSession,
  AgentSpec,
  AgentUpdate,
  PermissionRequest,
} from '../../daemon/agents/agent.ts'
import { createPrograms, type Programs } from '../../daemon/agents/programs.ts'
import type { Containment } from '../../daemon/processes/containment.ts'
import { createProcessTable } from '../../daemon/processes/process-table.ts'
import { findByRunId, stopOwned } from '../../daemon/processes/stop-owned.ts'
import { findSandbox } from '../../daemon/sandbox/find-sandbox.ts'
import { createNoSandbox } from '../../daemon/sandbox/no-sandbox.ts'
import { scriptedAgentFile } from './scripted-agent.ts'

const nodeModules = new URL('../../node_modules', import.meta.url).pathname
const PATH = '/usr/local/bin:/usr/bin:/bin'
let serial = 0

export interface AgentRoom extends AsyncDisposable {
  clawHome: string
  worktree: string
  home: string
  ownerHome: string
  wireFile: string
  runId: string
  /** What confines it: `bubblewrap` or `none`. */
  sandbox: string
  programs: Programs
  updates: AgentUpdate[]
  permissions: PermissionRequest[]
  spawned: { pid: number; pidStart: string }[]
  /** Resolves when an update meets the condition, now or later. */
  seen(condition: (update: AgentUpdate) => boolean): Promise<AgentUpdate>
  open(spec: Partial<AgentSpec> & { profile: AgentProfile }, hooks?: Partial<AgentHooks>): Promise<AgentSession>
  read(path: string): string
  /** Names of what is still alive of the run. */
  alive(): Promise<string[]>
}

/** A Claw home with one worktree in it, a real driver and, where it works, a real sandbox. Nothing of it survives disposal. */
export async function createAgentRoom(
  options: { clock?: Clock; confined?: boolean; path?: string; containment?: Containment; wireBytesEnd?: number } = {},
): Promise<AgentRoom> {
  const clock = options.clock ?? systemClock
  const base = mkdtempSync(join(tmpdir(), 'claw-agent-'))
  const clawHome = join(base, 'claw')
  const ownerHome = join(base, 'owner')
  const worktree = join(clawHome, 'worktrees', 'mine')
  const home = join(clawHome, 'runs', 'mine', 'home')
  const tmp = join(clawHome, 'runs', 'mine', 'tmp')
  for (const folder of [worktree, home, tmp, ownerHome]) mkdirSync(folder, { recursive: true })
  writeFileSync(join(clawHome, 'daemon.json'), 'claw-token')
  const table = createProcessTable()
  const programs = createPrograms({
    node: process.execPath,
    path: options.path ?? PATH,
    nodeModules,
    privateFolders: [ownerHome, clawHome],
  })
  const sandbox =
    options.confined === false
      ? createNoSandbox('a test')
      : await findSandbox({ clock: systemClock, log: silentLog }, { clawHome, ownerHome, path: PATH })
  const driver = createAcpDriver({
    world: { clock, log: silentLog },
    sandbox,
    programs,
    ownerHome,
    readable: [scriptedAgentFile],
    table,
    ...(options.containment ? { containment: options.containment } : {}),
    ...(options.wireBytesEnd ? { wireBytesEnd: options.wireBytesEnd } : {}),
  })
  const runId = `run_room-${process.pid}-${serial++}`
  const wireFile = join(clawHome, 'runs', 'mine', 'wire.ndjson')
  const updates: AgentUpdate[] = []
  const permissions: PermissionRequest[] = []
  const spawned: AgentRoom['spawned'] = []
  let watchers: (() => void)[] = []
  const sessions: AgentSession[] = []

  return {
    clawHome,
    worktree,
    home,
    ownerHome,
    wireFile,
    runId,
    sandbox: sandbox.name,
    programs,
    updates,
    permissions,
    spawned,
    seen(condition) {
      return new Promise((resolve) => {
        const look = () => {
          const found = updates.find(condition)
          if (!found) return
          watchers = watchers.filter((other) => other !== look)
          resolve(found)
        }
        watchers.push(look)
        look()
      })
    },
    async open(spec, hooks = {}) {
      const session = await driver.open(
        {
          runId,
          worktree,
          home,
          tmp,
          sessionId: null,
          model: null,
          env: {},
          mcpServers: [],
          wireFile,
          silenceMs: 60_000,
          ...spec,
        },
        {
          async onSpawned(process) {
            spawned.push(process)
          },
          onUpdate(update) {
            updates.push(update)
            for (const look of watchers) look()
          },
          async onPermission(request) {
            permissions.push(request)
            return undefined
          },
          ...hooks,
        },
      )
      sessions.push(session)
      return session
    },
    read: (path) => readFileSync(join(worktree, path), 'utf8'),
    alive: async () => (await findByRunId(table, runId)).map(({ name }) => name),
    async [Symbol.asyncDispose]() {
      await stopOwned({ clock: systemClock, table }, { runId }, { graceMs: 0 })
      await Promise.all(sessions.map((session) => session.stop()))
      rmSync(base, { recursive: true, force: true })
    },
  }
}
