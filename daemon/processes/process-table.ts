import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** The variable by which everything that descends from a run or a check is found again, whoever its parent is now. */
export const RUN_ID_VARIABLE = 'CLAW_RUN_ID'

/** A living process, as the kernel shows it. */
export interface ProcessEntry {
  pid: number
  parent: number
  group: number
  /** The program's short name. */
  name: string
  /** With the pid it names one process for ever: start time and boot, so that a reused pid is never mistaken. */
  start: string
  /** The value of CLAW_RUN_ID that it was started with; null without one, or where it may not be read. */
  runId: string | null
  /** Resident memory; left out where it is not known. */
  rssBytes?: number
}

/**
 * What is running on this machine, read when asked. Ended processes that nobody has waited for
 * yet (zombies) are not in it: they hold nothing and cannot be signalled away.
 */
export interface ProcessTable {
  list(): Promise<ProcessEntry[]>
  /** Undefined where there is no such process. */
  find(pid: number): Promise<Omit<ProcessEntry, 'runId'> | undefined>
}

export function createProcessTable(platform: string = process.platform): ProcessTable {
  return platform === 'linux' ? createProcTable() : createPsTable()
}

/** Linux: /proc also shows what runs in PID namespaces below ours, with its environment. */
function createProcTable(proc = '/proc'): ProcessTable {
  const pageBytes = 1024 * Number(/^KernelPageSize: +(\d+) kB/m.exec(readText(`${proc}/self/smaps`) ?? '')?.[1] ?? 4)
  const boot = readText(`${proc}/sys/kernel/random/boot_id`)?.slice(0, 8) ?? 'boot'
  const find = (pid: number) => {
    const stat = readText(`${proc}/${pid}/stat`)
    return stat === undefined ? undefined : parseStat(stat, boot, pageBytes)
  }
  return {
    async list() {
      const entries: ProcessEntry[] = []
      for (const name of readdirSync(proc)) {
        const pid = Number(name)
        if (!Number.isInteger(pid) || pid < 2) continue
        const found = find(pid)
        if (found) entries.push({ ...found, runId: runIdIn(readText(`${proc}/${pid}/environ`) ?? '', '\0') })
      }
      return entries
    },
    async find(pid) {
      return find(pid)
    },
  }
}

/** The name in brackets may hold spaces and brackets itself, so the fields are counted from the last bracket. */
export function parseStat(stat: string, boot: string, pageBytes = 4096): Omit<ProcessEntry, 'runId'> | undefined {
  const open = stat.indexOf('(')
  const close = stat.lastIndexOf(')')
  const fields = stat.slice(close + 2).split(' ')
  const [state, parent, group] = fields
  const ticks = fields[19]
  if (open < 0 || close < 0 || ticks === undefined || state === 'Z' || state === 'X') return undefined
  return {
    pid: Number(stat.slice(0, open)),
    parent: Number(parent),
    group: Number(group),
    name: stat.slice(open + 1, close),
    start: `${ticks}@${boot}`,
    rssBytes: Number(fields[21] ?? 0) * pageBytes,
  }
}

/** macOS and the BSDs: `ps` shows the environment of one's own processes after the command. */
function createPsTable(): ProcessTable {
  const columns = 'pid=,ppid=,pgid=,rss=,stat=,lstart=,command='
  return {
    async list() {
      return (await ps(['-axeww', '-o', columns])).flatMap((line) => parsePs(line) ?? [])
    },
    async find(pid) {
      return (await ps(['-ww', '-p', String(pid), '-o', columns])).map(parsePs).find((entry) => entry?.pid === pid)
    },
  }
}

/** `  501     1   501  2048 Ss   Mon Nov 23 09:00:00 2026     /bin/sh -c … CLAW_RUN_ID=run_1 …` */
export function parsePs(line: string): ProcessEntry | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+\s+\S+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/.exec(line)
  if (!match) return undefined
  const [, pid, parent, group, rss, state = '', start = '', command = ''] = match
  if (state.startsWith('Z')) return undefined
  return {
    pid: Number(pid),
    parent: Number(parent),
    group: Number(group),
    name: (command.split(' ')[0] ?? '').split('/').at(-1) ?? '',
    start: start.replace(/\s+/g, ' '),
    rssBytes: Number(rss) * 1024,
    runId: runIdIn(command, ' '),
  }
}

function ps(args: string[]): Promise<string[]> {
  return new Promise((resolve) => {
    const options = { maxBuffer: 64 * 1024 * 1024, timeout: 10_000, env: { LC_ALL: 'C', PATH: '/bin:/usr/bin' } }
    execFile('ps', args, options, (_error, stdout) => resolve(stdout.split('\n')))
  })
}

function runIdIn(environment: string, separator: string): string | null {
  const prefix = `${RUN_ID_VARIABLE}=`
  const found = environment.split(separator).find((entry) => entry.startsWith(prefix))
  return found === undefined || found.length === prefix.length ? null : found.slice(prefix.length)
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined // it ended meanwhile, or belongs to somebody else
  }
}
