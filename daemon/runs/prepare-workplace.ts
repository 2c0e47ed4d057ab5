import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Task } from '../../core/task.ts'
import type { World } from '../../core/world.ts'
import type { AskHost, Sandbox } from '../sandbox/sandbox.ts'
import { type ConfinedShellDeps, createConfinedShell, type Room, roomEnvironment } from '../worktrees/confined-shell.ts'
import type { DependencyCache } from '../worktrees/dependency-cache.ts'
import { allotPorts, PORTS_PER_WORKTREE } from '../worktrees/ports.ts'
import { readRecipe } from '../worktrees/read-recipe.ts'
import type { Repository } from '../worktrees/worktree.ts'
import type { Workplace } from './run-deps.ts'

export interface WorkplaceDeps {
  world: World
  sandbox: Sandbox
  shell: Omit<ConfinedShellDeps, 'world' | 'sandbox'>
  dependencies: DependencyCache
  runsDir: string
}

/** The folders that belong to a task alone, beside its worktree. */
export function roomOf(runsDir: string, taskId: string, worktree: string): Room {
  const own = join(runsDir, taskId)
  return { checkout: worktree, home: join(own, 'home'), tmp: join(own, 'tmp'), toolchain: join(own, 'toolchain') }
}

/** Makes a task's worktree ready to work in: set-up as the recipe says, ports and folders of its own. */
export function createPrepareWorkplace({ world, sandbox, shell, dependencies, runsDir }: WorkplaceDeps) {
  return async function prepare(
    input: {
      repository: Repository
      task: Task
      base: string
      worktree: string
      runId: string
      ownerCheckout: string | null
      askHost?: AskHost | undefined
    },
    signal: AbortSignal,
  ): Promise<Workplace> {
    const { repository, task, base, worktree, runId } = input
    const room = roomOf(runsDir, task.id, worktree)
    for (const folder of [room.home, room.tmp, room.toolchain]) await mkdir(folder, { recursive: true, mode: 0o700 })
    const recipe = await readRecipe(repository, base)
    const run = createConfinedShell({ ...shell, readable: [...shell.readable, repository.gitDir], world, sandbox })
    let step = 0
    await dependencies.prepare({
      worktree,
      recipe,
      toolchain: room.toolchain,
      gitDir: repository.gitDir,
      mayMend: true,
      ...(input.ownerCheckout === null ? {} : { ownerCheckout: input.ownerCheckout }),
      signal,
      run: ({ command, network, timeoutSeconds }) =>
        run({
          room,
          recipe,
          command,
          network: network && 'setup',
          askHost: input.askHost,
          timeoutMs: timeoutSeconds * 1000,
          runId: `${runId}/setup-${++step}`,
          signal,
        }),
    })
    const ports = await freePorts(indexOf(task.id))
    return {
      home: room.home,
      tmp: room.tmp,
      env: {
        ...roomEnvironment(shell, room, recipe, true),
        PORT: String(ports[0] ?? 0),
        CLAW_PORTS: ports.join(','),
      },
    }
  }
}

/** A place in the range of ports that differs from task to task. */
function indexOf(taskId: string): number {
  return Number.parseInt(taskId.slice(-6), 16) || 0
}

/** Ports that nobody listens on now, from the block of the task's own on. */
async function freePorts(index: number): Promise<number[]> {
  const taken = new Set<number>()
  for (let look = 0; look < LOOKS_MAX; look++) {
    const ports = allotPorts(index, PORTS_PER_WORKTREE, (port) => !taken.has(port))
    const busy = await Promise.all(ports.map(async (port) => ((await isFree(port)) ? null : port)))
    const found = busy.filter((port) => port !== null)
    if (found.length === 0) return ports
    for (const port of found) taken.add(port)
  }
  return []
}

const LOOKS_MAX = 20

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
