import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { findDaemonFile } from '../../config/daemon-file.ts'
import { Fault } from '../../core/fault.ts'
import { toWords } from '../../core/log-line.ts'
import { redact } from '../../core/redact.ts'
import { type Surface, wantsColor } from '../surface.ts'

const BLOCK = 64 * 1024
const FOLLOW_MS = 300
/** A filter may reach back through the files that were put aside, no further than this. */
const BYTES_MAX = 64 * 1024 * 1024

export interface LogsOptions {
  lines: number
  follow?: boolean
  goal?: string
  task?: string
  run?: string
  level?: 'debug' | 'info' | 'warn' | 'error'
}

/** Reads the file itself: what the daemon said last matters most when it no longer answers. */
export async function logs(surface: Surface, options: LogsOptions): Promise<void> {
  const file = join(surface.paths.logsDir, 'daemon.log')
  const wanted = createFilter(options, surface.paths.databaseFile)
  let handle = open(file)
  try {
    const last = tail(handle, isFiltered(options) ? Number.POSITIVE_INFINITY : options.lines)
    let { end } = last
    let lines = last.lines.filter(wanted)
    for (let n = 1; lines.length < options.lines && existsSync(`${file}.${n}`); n++) {
      lines = [...readWhole(`${file}.${n}`).filter(wanted), ...lines]
    }
    for (const line of options.lines === 0 ? [] : lines.slice(-options.lines)) print(surface, line)
    if (lines.length === 0 && isFiltered(options)) surface.say('Nothing in the log fits.')
    while (options.follow) {
      await delay(FOLLOW_MS, undefined, { signal: surface.signal }).catch(() => surface.signal.throwIfAborted())
      // Asked before reading: what is written to the old file until it is put aside is then read to its end.
      const isPutAside = statSync(file, { throwIfNoEntry: false })?.ino !== fstatSync(handle).ino
      for (;;) {
        const more = readFrom(handle, end)
        end += more.used
        for (const line of more.lines) if (wanted(line)) print(surface, line)
        if (more.used === 0) break
      }
      if (isPutAside && existsSync(file)) {
        closeSync(handle)
        handle = open(file)
        end = 0
      }
    }
  } finally {
    closeSync(handle)
  }
}

const LEVELS = ['debug', 'info', 'warn', 'error']

/**
 * A line is about a goal when it names the goal, one of its tasks, or one of their runs: lines carry the id of
 * what they are about, and which belongs to which stands in the database.
 */
export function createFilter(options: Omit<LogsOptions, 'lines'>, databaseFile: string): (line: string) => boolean {
  if (!isFiltered(options)) return () => true
  const least = options.level === undefined ? 0 : LEVELS.indexOf(options.level)
  const ids = [options.goal, options.task, options.run].some((wish) => wish !== undefined)
    ? findIds(options, databaseFile)
    : undefined
  return (line) => {
    let fields: Record<string, unknown>
    try {
      fields = JSON.parse(line)
    } catch {
      return false
    }
    if (LEVELS.indexOf(String(fields['level'])) < least) return false
    return ids === undefined || Object.values(fields).some((value) => typeof value === 'string' && ids.has(value))
  }
}

/** Everything whose lines are wanted, by the narrowest of the wishes; the others must hold it. Throws where there is no such thing. */
function findIds(wish: Omit<LogsOptions, 'lines'>, databaseFile: string): Set<string> {
  if (!existsSync(databaseFile)) throw new Fault('input_invalid', 'There are no goals yet')
  const database = new DatabaseSync(databaseFile, { readOnly: true, timeout: 5_000 })
  try {
    const list = (sql: string, ...values: (string | number)[]) =>
      database.prepare(sql).all(...values) as unknown as Place[]
    const goals = wish.goal === undefined ? undefined : findGoals(list, wish.goal)
    const tasks = wish.task === undefined ? undefined : findTasks(list, wish.task)
    const runs = wish.run === undefined ? undefined : findRuns(list, wish.run)
    const narrowest = runs ?? tasks ?? goals!
    const isWithin = (one: Place) =>
      (goals?.some(({ goalId }) => goalId === one.goalId) ?? true) &&
      (tasks?.some(({ taskId }) => taskId === one.taskId) ?? true)
    const found = narrowest.filter(isWithin)
    if (found.length === 0) {
      const wished = [wish.goal && `goal ${wish.goal}`, wish.task && `task ${wish.task}`, wish.run && `run ${wish.run}`]
      throw new Fault('input_invalid', `${wished.filter(Boolean).join(' and ')}: one does not belong to the other`)
    }
    return new Set(found.flatMap(({ id }) => (runs ? [id] : tasks ? ofTask(list, id) : ofGoal(list, id))))
  } finally {
    database.close()
  }
}

/** A goal, task or run with what it belongs to. */
interface Place {
  id: string
  goalId: string
  taskId: string | null
}
type List = (sql: string, ...values: (string | number)[]) => Place[]

/** `12.3.1` → 12, 3, 1. What is no number matches no row. */
const numbersOf = (text: string) => text.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : -1))

function findGoals(list: List, goal: string): Place[] {
  const [number = -1] = numbersOf(goal.replace(/^#/, ''))
  const found = list('select id, id as goalId, null as taskId from goal where id = ? or number = ?', goal, number)
  if (found.length === 0) throw new Fault('goal_not_found', `There is no goal ${goal}`)
  return found
}

function findTasks(list: List, task: string): Place[] {
  const [goal = -1, number = -1] = numbersOf(task)
  const sql = `select t.id, t.goalId, t.id as taskId from task t join goal g on g.id = t.goalId
    where t.id = ? or (g.number = ? and t.number = ?)`
  const found = list(sql, task, goal, number)
  if (found.length === 0) throw new Fault('task_not_found', `There is no task ${task}`)
  return found
}

function findRuns(list: List, run: string): Place[] {
  const [goal = -1, task = -1, attempt = -1] = numbersOf(run)
  const sql = `select r.id, t.goalId, t.id as taskId from run r join task t on t.id = r.taskId join goal g on g.id = t.goalId
    where r.id = ? or (g.number = ? and t.number = ? and r.attempt = ?)`
  const found = list(sql, run, goal, task, attempt)
  if (found.length > 0) return found
  throw new Fault('run_not_found', `There is no run ${run}`, {
    hint: 'A run is named by its id (run_…), or by its task and its attempt: 12.3.1',
  })
}

const ofTask = (list: List, id: string): string[] => [
  id,
  ...list('select id from run where taskId = ?', id).map((run) => run.id),
]

const ofGoal = (list: List, id: string): string[] => [
  id,
  ...list('select id from task where goalId = ?', id).flatMap((task) => ofTask(list, task.id)),
]

function isFiltered({ goal, task, run, level }: Omit<LogsOptions, 'lines'>): boolean {
  return [goal, task, run, level].some((wish) => wish !== undefined)
}

function open(file: string): number {
  try {
    return openSync(file, 'r')
  } catch (cause) {
    throw new Fault('input_invalid', `There is no log yet: ${file}`, { cause })
  }
}

/** The daemon has taken its secrets out already; what stands in our own environment is looked for once more. */
function print(surface: Surface, line: string): void {
  const clean = redact(line, secretsIn(surface))
  if (surface.isJson) surface.print(clean)
  else surface.stdout.write(toWords(clean, wantsColor(surface.stdout, surface.env)))
}

function secretsIn({ env, paths }: Surface): string[] {
  const keys = Object.entries(env).filter(([name]) => /(_API_KEY|_TOKEN|_SECRET|PASSWORD)$/.test(name))
  const token = findDaemonFile(paths.daemonFile)?.token
  return [...keys.flatMap(([, value]) => value ?? []), ...(token ? [token] : [])]
}

function readWhole(file: string): string[] {
  const handle = openSync(file, 'r')
  try {
    return tail(handle, Number.POSITIVE_INFINITY).lines
  } finally {
    closeSync(handle)
  }
}

/** The last whole lines, read from the end in blocks. */
export function tail(handle: number, wanted: number): { lines: string[]; end: number } {
  const size = fstatSync(handle).size
  const blocks: Buffer[] = []
  let start = size
  let breaks = 0
  while (start > 0 && breaks <= wanted && size - start < BYTES_MAX) {
    const length = Math.min(BLOCK, start)
    start -= length
    const block = Buffer.alloc(length)
    readSync(handle, block, 0, length, start)
    for (const byte of block) if (byte === 10) breaks++
    blocks.unshift(block)
  }
  const bytes = Buffer.concat(blocks)
  const whole = bytes.lastIndexOf(10) + 1
  const lines = bytes.subarray(0, whole).toString('utf8').split('\n').slice(0, -1)
  return { lines: wanted === 0 ? [] : lines.slice(-wanted), end: start + whole }
}

/** Whole lines that were added after `from`; a half one waits. */
function readFrom(handle: number, from: number): { lines: string[]; used: number } {
  const size = fstatSync(handle).size
  if (size <= from) return { lines: [], used: 0 }
  const block = Buffer.alloc(Math.min(size - from, 16 * BLOCK))
  const read = readSync(handle, block, 0, block.length, from)
  const whole = block.subarray(0, read).lastIndexOf(10) + 1
  return { lines: block.subarray(0, whole).toString('utf8').split('\n').slice(0, -1), used: whole }
}
