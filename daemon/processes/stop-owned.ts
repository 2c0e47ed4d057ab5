import type { Clock } from '../../core/clock.ts'
import { type ProcessEntry, type ProcessTable, RUN_ID_VARIABLE } from './process-table.ts'

/** What was stored about a process when it was started. */
export interface OwnedIdentity {
  pid: number
  pidStart: string
  runId: string
}

export interface StopOptions {
  /** How long it may tidy up after TERM before KILL. 0: KILL at once. */
  graceMs: number
  /** After this long what is still alive is given up on and named in the answer. */
  limitMs?: number
}

const STOP_LIMIT_MS = 15_000
const LOOK_MS_FIRST = 5
const LOOK_MS_MAX = 100

/**
 * Whether the process of that number is still the one that was started: numbers are used again,
 * start times are not.
 */
export async function isSameProcess(table: ProcessTable, pid: number, pidStart: string): Promise<boolean> {
  return (await table.find(pid))?.start === pidStart
}

/** A run's own id, or that of something started on its behalf: `run_7/check-2` belongs to `run_7`. */
export function carries(entry: Pick<ProcessEntry, 'runId'>, runId: string): boolean {
  return entry.runId === runId || entry.runId?.startsWith(`${runId}/`) === true
}

/** Everything alive that carries the run's id, in whatever group, session or namespace. */
export async function findByRunId(table: ProcessTable, runId: string): Promise<ProcessEntry[]> {
  return (await table.list()).filter((entry) => carries(entry, runId))
}

/**
 * Which of the living processes belong to a run: the leader's group as long as the leader is
 * the process that was started, whatever carries the id, and the children of all of those (a
 * child may have thrown its environment away). Pure.
 */
export function ownedBy(
  everything: readonly ProcessEntry[],
  owned: Partial<OwnedIdentity> & { runId: string },
): ProcessEntry[] {
  // The daemon itself may run inside somebody's run; it is never its own victim.
  const living = everything.filter((entry) => entry.pid !== process.pid)
  const leader = living.find((entry) => entry.pid === owned.pid && entry.start === owned.pidStart)
  // A group keeps its number until its last member is gone, so a member that carries the id vouches for it too.
  const groupIsOurs =
    leader !== undefined || living.some((entry) => entry.group === owned.pid && carries(entry, owned.runId))
  const ours = new Set(
    living
      .filter((entry) => carries(entry, owned.runId) || (groupIsOurs && entry.group === owned.pid))
      .map((entry) => entry.pid),
  )
  for (let before = -1; before !== ours.size; ) {
    before = ours.size
    for (const entry of living) if (ours.has(entry.parent)) ours.add(entry.pid)
  }
  return living.filter((entry) => ours.has(entry.pid))
}

/**
 * Ends a run's processes: TERM, wait, KILL, and again until none is found.
 *
 * Only what `ownedBy` names is ever signalled. Answers what is still alive when the limit is
 * reached (a process stuck in the kernel); normally nothing.
 */
export async function stopOwned(
  deps: { clock: Clock; table: ProcessTable },
  owned: Partial<OwnedIdentity> & { runId: string },
  { graceMs, limitMs = STOP_LIMIT_MS }: StopOptions,
): Promise<ProcessEntry[]> {
  const { clock, table } = deps
  const startedAt = clock.monotonic()
  const told = new Set<string>()
  if (graceMs === 0) await killGroup(table, owned)
  for (let pause = LOOK_MS_FIRST; ; pause = Math.min(pause * 2, LOOK_MS_MAX)) {
    const left = ownedBy(await table.list(), owned)
    const elapsed = clock.monotonic() - startedAt
    if (left.length === 0 || elapsed > limitMs + graceMs) return left
    for (const entry of left) {
      if (elapsed >= graceMs) signal(entry.pid, 'SIGKILL')
      else if (!told.has(`${entry.pid} ${entry.start}`) && !holdsOthers(entry)) signal(entry.pid, 'SIGTERM')
      told.add(`${entry.pid} ${entry.start}`)
    }
    // With nothing that could tidy up there is nothing to wait for.
    await clock.sleep(elapsed < graceMs ? Math.min(pause, graceMs - elapsed) : pause)
  }
}

/**
 * The leader's whole group at one stroke, before anything is looked up: a fork bomb grows faster than a table is
 * read. With bubblewrap among them the kernel ends all it confined.
 */
async function killGroup(table: ProcessTable, { pid, pidStart }: Partial<OwnedIdentity>): Promise<void> {
  if (pid === undefined || pidStart === undefined || !(await isSameProcess(table, pid, pidStart))) return
  signal(-pid, 'SIGKILL')
}

/** bubblewrap ends at the first TERM and takes all that it confines with it, before they could tidy up. */
function holdsOthers(entry: ProcessEntry): boolean {
  return entry.name === 'bwrap'
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name)
  } catch {
    // ESRCH: it ended meanwhile. EPERM: it changed its user; the next look finds it still there and says so.
  }
}

/** The environment of a program that must be found again by its run. */
export function ownedEnvironment(env: Readonly<Record<string, string>>, runId: string): Record<string, string> {
  return { ...env, [RUN_ID_VARIABLE]: runId }
}
