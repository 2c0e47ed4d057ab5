import { execFile } from 'node:child_process'
import type { Clock } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'
import type { ControlGroup, ControlGroups, ProcessLimits } from './control-groups.ts'
import type { ProcessEntry, ProcessTable } from './process-table.ts'
import { ownedBy } from './stop-owned.ts'

/** Keeps what is started within its limits. */
export interface Containment {
  readonly limits: ProcessLimits
  /** One sentence for the doctor: what keeps them. */
  readonly words: string
  /** From now until disposal, which comes after its end: whatever carries the run's id, and its folders. */
  watch(of: { runId: string; folders: readonly string[] }): Watch
}

export interface Watch extends Disposable {
  /** The command line to start instead: limits that the kernel keeps by itself, and the first to go when memory is short. */
  wrap(argv: readonly [string, ...string[]]): [string, ...string[]]
  /** What is known at the end: the kernel may have been quicker than we. */
  findOverrun(): Fault | undefined
  /** Aborted with a run_overrun fault, once. Whoever started the program ends it then, without mercy. */
  readonly overrun: AbortSignal
}

export interface ContainmentDeps {
  clock: Clock
  table: ProcessTable
  limits: ProcessLimits
  /** Where the machine allows them. */
  groups?: ControlGroups | undefined
  /** Between two looks at the processes. */
  lookMs?: number
  /** Between two looks at the folders at least; a look that takes long makes the next one later. */
  measureMs?: number
}

const LOOK_MS = 1_000
const MEASURE_MS = 5_000
/** Measuring takes at most this part of the time. */
const MEASURE_SHARE = 10
const MEASURE_LIMIT_MS = 60_000
const MB = 1024 * 1024

/**
 * Limits that work everywhere: file sizes by the kernel, the rest by looking, with control groups as a wall behind it.
 *
 * One look a second serves all that runs; without anything to watch nothing is looked at. What grows between two
 * looks has a bound of its own: the sandbox's PID namespace dies at once however many are in it, a file cannot
 * outgrow the disk limit, and the kernel ends a run before anything else when memory is short.
 */
export function createContainment(deps: ContainmentDeps): Containment {
  const { clock, table, limits, groups, lookMs = LOOK_MS, measureMs = MEASURE_MS } = deps
  interface Watched {
    runId: string
    folders: readonly string[]
    group: ControlGroup | undefined
    controller: AbortController
    measureAt: number
    isMeasured: boolean
  }
  const watched = new Set<Watched>()
  let isLooking = false

  async function look(): Promise<void> {
    const living = await table.list()
    for (const one of watched) {
      const words = findOverrun(ownedBy(living, one), limits) ?? outOfMemory(one)
      if (words) end(one, words)
      else if (!one.isMeasured && clock.monotonic() >= one.measureAt) void measure(one)
    }
  }

  async function measure(one: Watched): Promise<void> {
    one.isMeasured = true
    const startedAt = clock.monotonic()
    const bytes = await sizeOf(one.folders)
    one.measureAt = clock.monotonic() + Math.max(measureMs, MEASURE_SHARE * (clock.monotonic() - startedAt))
    one.isMeasured = false
    if (bytes > limits.diskBytesMax) end(one, `its folders hold more than ${inMb(limits.diskBytesMax)}`)
  }

  function outOfMemory({ group }: Pick<Watched, 'group'>): string | undefined {
    return group?.ranOutOfMemory() ? memoryWords(limits) : undefined
  }

  function end(one: Watched, words: string): void {
    if (watched.delete(one)) one.controller.abort(overrun(words))
  }

  async function goOn(): Promise<void> {
    if (isLooking) return
    isLooking = true
    try {
      while (watched.size > 0) {
        await look()
        await clock.sleep(lookMs)
      }
    } finally {
      isLooking = false
    }
  }

  return {
    limits,
    words: groups
      ? `Limits of processes and memory are kept by ${groups.words}, files by the kernel, folders by looking.`
      : 'Limits of processes, memory and folders are kept by looking once a second, files by the kernel: there are no control groups that Claw may use.',
    watch({ runId, folders }) {
      const one: Watched = {
        runId,
        folders,
        group: groups?.open(),
        controller: new AbortController(),
        measureAt: clock.monotonic() + measureMs,
        isMeasured: false,
      }
      watched.add(one)
      // A table that cannot be read now can be read again.
      const keepOn = (): void => void goOn().catch(() => void clock.after(lookMs, keepOn))
      keepOn()
      const blocks = String(Math.floor(limits.diskBytesMax / 512))
      return {
        overrun: one.controller.signal,
        wrap: (argv) => {
          const joins = one.group?.joinFiles ?? []
          return ['/bin/sh', '-c', WRAP, 'sh', blocks, String(joins.length), ...joins, ...argv]
        },
        findOverrun() {
          if (one.controller.signal.aborted) return one.controller.signal.reason as Fault
          const words = outOfMemory(one)
          return words === undefined ? undefined : overrun(words)
        },
        [Symbol.dispose]() {
          watched.delete(one)
          one.group?.[Symbol.dispose]()
        },
      }
    },
  }
}

/** What says that a run, check or command was ended for what it used up. */
export function overrun(words: string): Fault {
  return new Fault('run_overrun', `Ended by Claw: ${words}`, {
    hint: 'Do with less, or let the owner raise the limits of `runs` in the configuration.',
  })
}

/** Pure. */
export function findOverrun(owned: readonly ProcessEntry[], limits: ProcessLimits): string | undefined {
  if (owned.length > limits.processesMax) return `more than ${limits.processesMax} processes at once`
  const bytes = owned.reduce((sum, { rssBytes }) => sum + (rssBytes ?? 0), 0)
  return bytes > limits.memoryBytesMax ? memoryWords(limits) : undefined
}

function memoryWords({ memoryBytesMax }: ProcessLimits): string {
  return `more than ${inMb(memoryBytesMax)} of memory`
}

/** A block of `ulimit` has 512 bytes in every sh. Where a limit cannot be set the program runs all the same: the looks are still there. */
const WRAP = [
  '{ echo 600 >/proc/self/oom_score_adj; } 2>/dev/null',
  'ulimit -c 0 2>/dev/null',
  'ulimit -f "$1" 2>/dev/null',
  'n=$2; shift 2',
  'while [ "$n" -gt 0 ]; do { echo 0 >"$1"; } 2>/dev/null; shift; n=$((n - 1)); done',
  'exec "$@"',
].join('\n')

function inMb(bytes: number): string {
  return `${Math.round(bytes / MB)} MB`
}

/** By `du`, in a process of its own: a tree of 100,000 files must not hold the daemon up. What vanishes meanwhile counts nothing. */
function sizeOf(folders: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const options = { timeout: MEASURE_LIMIT_MS, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' }, maxBuffer: MB }
    execFile('du', ['-skx', '--', ...folders], options, (_error, stdout) => {
      const kilobytes = stdout.split('\n').reduce((sum, line) => sum + (Number.parseInt(line, 10) || 0), 0)
      resolve(kilobytes * 1024)
    })
  })
}
