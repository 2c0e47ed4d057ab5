import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What one run, check or set-up command may use up, with all that it starts. */
export interface ProcessLimits {
  /** Resident memory of all its processes; what they share counts for each. */
  memoryBytesMax: number
  processesMax: number
  /** What its folders hold together, and the largest file that it may write. */
  diskBytesMax: number
}

/**
 * Limits of processes and memory that the kernel keeps by itself: with them a fork bomb never gets large.
 * Both versions of control groups, wherever this process may make a group.
 */
export interface ControlGroups {
  /** `control groups v2 (processes, memory)`: for the doctor. */
  readonly words: string
  /** Undefined where it fails this time; the run then goes without. */
  open(): ControlGroup | undefined
}

export interface ControlGroup extends Disposable {
  /** A process that writes 0 into each is in the group, with all it will start. */
  readonly joinFiles: readonly string[]
  /** Whether the kernel had to end something for want of memory. */
  ranOutOfMemory(): boolean
}

/** Tasks are threads too: Node alone has a dozen. Being over the limit is noticed by looking; this is the wall behind it. */
const TASKS_PER_PROCESS = 4

interface Holder {
  parent: string
  settings: (limits: ProcessLimits) => [file: string, value: string][]
  /** File and key of the count of processes that were ended for want of memory. */
  oom: [file: string, key: string] | null
}

/**
 * Finds out by making a group and taking it away again. Undefined where that is not allowed: an ordinary user without
 * delegation, most containers.
 */
export function findControlGroups(
  limits: ProcessLimits,
  { pid, root = '/sys/fs/cgroup' }: { pid: number; root?: string },
): ControlGroups | undefined {
  const own = ownGroups()
  const holders = (findVersion2(root, own.get('') ?? '/', pid) ?? findVersion1(root, own)).filter((holder) =>
    isWorking(holder, limits, pid),
  )
  if (holders.length === 0) return undefined
  let serial = 0
  const leftovers = new Set<string>()
  const remove = (folder: string) => {
    try {
      rmdirSync(folder)
      leftovers.delete(folder)
    } catch (error) {
      // Its last process is still being taken away.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') leftovers.add(folder)
    }
  }
  const kinds = holders.map(({ oom }) => (oom ? 'memory' : 'processes'))
  const version = holders.some(
    ({ parent }) => parent.startsWith(join(root, 'pids')) || parent.startsWith(join(root, 'memory')),
  )
    ? 1
    : 2
  return {
    words: `control groups v${version} (${version === 2 ? 'processes, memory' : kinds.join(', ')})`,
    open() {
      for (const folder of leftovers) remove(folder)
      const name = `claw-${pid}-${++serial}`
      const made: string[] = []
      try {
        for (const holder of holders) made.push(make(holder, limits, name))
      } catch {
        for (const folder of made) remove(folder)
        return undefined
      }
      return {
        joinFiles: made.map((folder) => join(folder, 'cgroup.procs')),
        ranOutOfMemory: () => holders.some(({ oom }, n) => oom !== null && countIn(join(made[n]!, oom[0]), oom[1]) > 0),
        [Symbol.dispose]() {
          for (const folder of made) remove(folder)
        },
      }
    },
  }
}

/** One tree for everything. A group with processes of its own gives its children no controllers, so we step aside where we are alone. */
function findVersion2(root: string, path: string, pid: number): Holder[] | undefined {
  if (read(join(root, 'cgroup.controllers')) === undefined) return undefined
  const own = join(root, path)
  const parent = [own, root].find((folder) => controllersOf(folder).has('pids') || stepAside(folder, pid))
  if (parent === undefined) return []
  const hasMemory = controllersOf(parent).has('memory')
  return [
    {
      parent,
      settings: ({ processesMax, memoryBytesMax }) => [
        ['pids.max', String(processesMax * TASKS_PER_PROCESS)],
        ...(hasMemory
          ? ([
              ['memory.max', String(Math.round(memoryBytesMax))],
              ['memory.oom.group', '1'],
            ] as [string, string][])
          : []),
      ],
      oom: hasMemory ? ['memory.events', 'oom_kill'] : null,
    },
  ]
}

function controllersOf(folder: string): Set<string> {
  return new Set(read(join(folder, 'cgroup.subtree_control'))?.trim().split(' '))
}

function stepAside(folder: string, pid: number): boolean {
  if (read(join(folder, 'cgroup.procs'))?.trim() !== String(pid)) return false
  const aside = join(folder, 'claw-daemon')
  try {
    mkdirSync(aside, { recursive: true })
    writeFileSync(join(aside, 'cgroup.procs'), String(pid))
    writeFileSync(join(folder, 'cgroup.subtree_control'), '+pids +memory')
    return true
  } catch {
    return false
  }
}

function findVersion1(root: string, own: ReadonlyMap<string, string>): Holder[] {
  return [
    {
      parent: join(root, 'pids', own.get('pids') ?? '/'),
      settings: ({ processesMax }) => [['pids.max', String(processesMax * TASKS_PER_PROCESS)]],
      oom: null,
    },
    {
      parent: join(root, 'memory', own.get('memory') ?? '/'),
      settings: ({ memoryBytesMax }) => [['memory.limit_in_bytes', String(Math.round(memoryBytesMax))]],
      oom: ['memory.oom_control', 'oom_kill'],
    },
  ]
}

function isWorking(holder: Holder, limits: ProcessLimits, pid: number): boolean {
  try {
    for (const name of readdirSync(holder.parent)) {
      // Left by a daemon that crashed; one with processes in it stays.
      if (/^claw-\d+-\d+$/.test(name)) tryToRemove(join(holder.parent, name))
    }
    rmdirSync(make(holder, limits, `claw-${pid}-0`))
    return true
  } catch {
    return false
  }
}

function tryToRemove(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    // in use
  }
}

function make({ parent, settings }: Holder, limits: ProcessLimits, name: string): string {
  const folder = join(parent, name)
  mkdirSync(folder)
  try {
    for (const [file, value] of settings(limits)) writeFileSync(join(folder, file), value)
  } catch (error) {
    tryToRemove(folder)
    throw error
  }
  return folder
}

/** Controller (empty for version 2) to the path of this process's group. */
function ownGroups(): Map<string, string> {
  const lines = read('/proc/self/cgroup')?.trim().split('\n') ?? []
  return new Map(
    lines.flatMap((line) => {
      const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
      return controllers.split(',').map((controller) => [controller, path] as const)
    }),
  )
}

function countIn(file: string, key: string): number {
  return Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(read(file) ?? '')?.[1] ?? 0)
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
