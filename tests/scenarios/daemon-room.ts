import { execFileSync } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { onTestFinished } from 'vitest'
import { type Paths, pathsIn } from '../../config/paths.ts'
import { Config } from '../../config/schema.ts'
import type { Ask, AskKind } from '../../core/ask.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import type { StoredEvent } from '../../core/events.ts'
import type { PlanDraft } from '../../core/plan.ts'
import type { TaskState } from '../../core/task.ts'
import type { Log } from '../../core/world.ts'
import { createDaemon, type Daemon } from '../../daemon/daemon.ts'
import type { NewGoalInput } from '../../daemon/goals/goals.ts'
import type { GoalView, TaskView } from '../../daemon/goals/views.ts'
import { createProcessTable } from '../../daemon/processes/process-table.ts'
import { stopOwned } from '../../daemon/processes/stop-owned.ts'
import { git } from '../fakes/repositories.ts'
import { type Script, script, scriptedAgentFile } from '../fakes/scripted-agent.ts'

const nodeModules = realpathSync(new URL('../../node_modules', import.meta.url).pathname)

/**
 * A whole daemon in this process: real SQLite, git, sandbox and processes in a temporary home. Only the
 * agents are scripted: each task's brief says what its agent does (see `task`).
 */
export interface DaemonRoom extends AsyncDisposable {
  readonly daemon: Daemon
  readonly folder: string
  readonly paths: Paths
  readonly ownerHome: string
  /** What was logged as a warning or an error. */
  readonly log: string[]
  /** Resolves with the first line of the log that matches, now or later. */
  logged(pattern: RegExp): Promise<string>
  /** Adds a goal that needs nobody: autonomy `auto`, landed by `merge`, unless it says otherwise. */
  add(plan: PlanDraft | null, repo: string | null, input?: Partial<NewGoalInput>): Promise<GoalView>
  /** Waits until nothing is due and nothing runs; answers the goal as it stands then. */
  settled(goal?: string): Promise<GoalView>
  /** Waits until the goal looks as asked for; looks again after every commit. */
  until(condition: (view: GoalView) => boolean, goal?: string): Promise<GoalView>
  /** Waits until an agent of the goal has said so. */
  heard(words: string, goal?: string): Promise<void>
  /** The one open ask of this kind. */
  openAsk(kind: AskKind, goal?: string): Promise<Ask>
  /** The same without looking at the goal, whose rows may be beyond reading. */
  inboxHas(kind: AskKind): Promise<Ask>
  answer(kind: AskKind, choice: string, text?: string): Promise<void>
  /** Everything that happened to a goal. */
  events(goal?: string): Promise<StoredEvent[]>
  /** Git in Claw's own clone of a goal's repository. */
  clone(...args: string[]): string
  /** A second connection to the database, for harm that the product would not do to itself. */
  sql(statement: string, ...values: (string | number | null)[]): void
  query<T = Record<string, unknown>>(statement: string): T[]
  /** All that a person would want to know who looks at a red test. */
  picture(): string
  /** Processes that carry the id of one of the runs. */
  alive(): Promise<string[]>
  /** A new daemon on the same home; what is to happen before its jobs run goes in between. */
  restart(before?: () => Promise<unknown>): Promise<void>
}

export interface RoomOptions {
  /** Over the defaults: a config file's content. */
  config?: Record<string, unknown>
  clock?: Clock
  /** Scripted agents by name; the first is preferred. */
  agents?: readonly string[]
  /** Where the home lies, instead of a fresh folder. */
  home?: string
  env?: Record<string, string>
  /** How long what is waited for may take. */
  waitMsMax?: number
  /** Puts something into the owner's home before the daemon looks at it. */
  prepareOwner?(ownerHome: string): void
}

/** Longer than anything takes on a busy machine. */
const WAIT_MS_MAX = 30_000

/** Disposed when the test is over, whatever happened. */
export async function openRoom(options: RoomOptions = {}): Promise<DaemonRoom> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'claw-scenario-')))
  const ownerHome = join(folder, 'owner')
  mkdirSync(ownerHome)
  writeFileSync(join(ownerHome, '.gitconfig'), '[user]\n\tname = Ada Owner\n\temail = ada@example.org\n')
  options.prepareOwner?.(ownerHome)
  const paths = pathsIn(options.home ?? join(folder, 'claw'))
  mkdirSync(paths.home, { recursive: true, mode: 0o700 })
  const log: string[] = []
  const logChanges = new EventEmitter()
  const clock = options.clock ?? systemClock
  const custom = Object.fromEntries(
    (options.agents ?? ['scripted']).map((name) => [name, { command: [process.execPath, scriptedAgentFile] }]),
  )
  const { agents = {}, ...rest } = (options.config ?? {}) as { agents?: object }
  const config = Config.parse({ brain: { review: false }, ...rest, agents: { custom, ...agents } })
  const path = process.env['PATH'] ?? '/usr/bin:/bin'
  const open = () =>
    createDaemon({
      config,
      paths,
      world: { clock, log: createListLog(log, () => logChanges.emit('line')) },
      host: {
        env: { PATH: path, HOME: ownerHome, ...options.env },
        path,
        ownerHome,
        node: process.execPath,
        nodeModules,
        pid: process.pid,
        version: '0.0.0-test',
        timezone: 'UTC',
        // Tests put nothing on a screen and hold no sleep off.
        platform: 'aix',
      },
    })
  let daemon = await open()
  await daemon.start()

  /** Looks after every commit; gives up with a picture of what there is instead. */
  async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    const giveUp = AbortSignal.timeout(options.waitMsMax ?? WAIT_MS_MAX)
    for (;;) {
      const changed = Promise.withResolvers<void>()
      using _listening = daemon.events.onNew(changed.resolve)
      // Looked at after listening, so that nothing in between is missed.
      const found = await look()
      if (found !== undefined) return found
      giveUp.addEventListener('abort', () => changed.resolve(), { once: true })
      await changed.promise
      if (giveUp.aborted) throw new Error(`waited in vain until ${what}\n${room.picture()}`)
    }
  }

  const room: DaemonRoom = {
    get daemon() {
      return daemon
    },
    folder,
    paths,
    ownerHome,
    log,
    async logged(pattern) {
      const giveUp = AbortSignal.timeout(WAIT_MS_MAX)
      for (;;) {
        const line = log.find((other) => pattern.test(other))
        if (line !== undefined) return line
        await once(logChanges, 'line', { signal: giveUp })
      }
    },
    async add(plan, repo, input = {}) {
      const { goal } = await daemon.goals.add({
        text: 'Do what the plan says',
        repo,
        plan,
        land: 'merge',
        autonomy: 'auto',
        ...input,
      })
      return daemon.goals.show(goal.id)
    },
    async settled(goal = '1') {
      await daemon.idle()
      return daemon.goals.show(goal)
    },
    until: (condition, goal = '1') =>
      eventually(`goal ${goal} looks as asked for`, async () => {
        const view = await daemon.goals.show(goal)
        return condition(view) ? view : undefined
      }),
    heard: (words, goal) =>
      eventually(`an agent says ${words}`, async () => {
        const heard = (await room.events(goal)).some(
          ({ type, data }) => type === 'run.updated' && 'text' in data && data.text === words,
        )
        return heard ? true : undefined
      }).then(() => {}),
    async openAsk(kind, goal = '1') {
      const { asks } = await room.until(
        ({ asks }) => asks.some((ask) => ask.kind === kind && ask.state === 'open'),
        goal,
      )
      return asks.find((ask) => ask.kind === kind && ask.state === 'open')!
    },
    inboxHas: (kind) =>
      eventually(`the inbox has ${kind}`, async () => (await daemon.inbox.list()).find((other) => other.kind === kind)),
    async answer(kind, choice, text) {
      const ask = (await daemon.inbox.list()).find((other) => other.kind === kind)
      if (!ask) throw new Error(`nothing asks for ${kind}`)
      await daemon.inbox.answer(ask.id, { choice, ...(text === undefined ? {} : { text }), by: 'test' })
    },
    async events(goal = '1') {
      const { goal: row } = await daemon.goals.show(goal)
      return daemon.events.page({ after: 0, limit: 10_000, goalId: row.id })
    },
    clone(...args) {
      const [dir] = readdirSync(paths.repositoriesDir).filter((name) => name.endsWith('.git'))
      return git(join(paths.repositoriesDir, dir!), ...args)
    },
    sql(statement, ...values) {
      const database = new DatabaseSync(paths.databaseFile)
      try {
        database.exec('pragma busy_timeout = 5000')
        database.prepare(statement).run(...values)
      } finally {
        database.close()
      }
    },
    query<T>(statement: string) {
      const database = new DatabaseSync(paths.databaseFile)
      try {
        return database.prepare(statement).all() as T[]
      } finally {
        database.close()
      }
    },
    picture() {
      const of = (columns: string, table: string) =>
        room.query(`select ${columns} from ${table}`).map((row) => `${table} ${JSON.stringify(row)}`)
      return [
        ...of('number, state, quarantine, outcome', 'goal'),
        ...of('version, state, reasons', 'plan'),
        ...of('number, state, reason, notBefore, workFailures, softFailures', 'task'),
        ...of('attempt, agent, state, outcome, failure, note', 'run'),
        ...of('state, branch, note', 'landing'),
        ...of('number, kind, state, question', 'ask'),
        ...of('name, runAt, tries, lastError', 'job'),
        ...log.slice(-20),
      ].join('\n')
    },
    async alive() {
      const ids = new Set(room.query<{ id: string }>('select id from run').map(({ id }) => id))
      const all = await createProcessTable().list()
      return all.filter((entry) => entry.runId && ids.has(entry.runId.split('/')[0]!)).map((entry) => entry.name)
    },
    async restart(before) {
      await daemon[Symbol.asyncDispose]()
      daemon = await open()
      await before?.()
      await daemon.start()
    },
    async [Symbol.asyncDispose]() {
      const runs = existsSync(paths.databaseFile) ? room.query<{ id: string }>('select id from run') : []
      await daemon[Symbol.asyncDispose]()
      const table = createProcessTable()
      for (const { id } of runs) await stopOwned({ clock: systemClock, table }, { runId: id }, { graceMs: 0 })
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${room.picture()}\n`)
    await room[Symbol.asyncDispose]()
  })
  return room
}

function createListLog(lines: string[], onLine: () => void): Log {
  const keep =
    (level: string) =>
    (fields: object | string, message = '') => {
      const words = typeof fields === 'string' ? fields : `${message} ${JSON.stringify(fields, errors)}`
      lines.push(`${level} ${words}`.slice(0, 2_000))
      onLine()
    }
  const log: Log = { debug() {}, info() {}, warn: keep('warn'), error: keep('error'), child: () => log }
  return log
}

function errors(_key: string, value: unknown): unknown {
  return value instanceof Error ? (value.stack ?? String(value)) : value
}

type TaskInput = Partial<Omit<PlanDraft['tasks'][number], 'checks'>> & {
  checks?: (Partial<PlanDraft['checks'][number]> & { command: string })[]
}

/**
 * A task whose agent does what the script says. By itself it writes `<key>.txt` with the word `good`, which its
 * check looks for.
 */
export function task(
  key: string,
  steps: Script = [{ do: 'write', path: `${key}.txt`, text: 'good\n' }],
  more: TaskInput = {},
) {
  const { checks = [{ command: `grep -q good ${key}.txt`, kind: 'fails-before' as const }], ...rest } = more
  return {
    key,
    title: `Write ${key}`,
    kind: 'change' as const,
    brief: script(steps, `Write ${key}.`),
    needs: [],
    footprint: [`${key}.txt`],
    overlay: [],
    agent: null,
    credentials: [],
    ...rest,
    checks: checks.map((check, n) => aCheck(check, n)),
  }
}

export function plan(
  tasks: PlanDraft['tasks'],
  more: Partial<Omit<PlanDraft, 'checks'>> & { checks?: TaskInput['checks'] } = {},
): PlanDraft {
  const { checks = [], ...rest } = more
  return {
    summary: 'A plan of a test.',
    tasks,
    sharedPaths: [],
    questions: [],
    ...rest,
    checks: checks.map((check, n) => aCheck(check, n)),
  }
}

function aCheck(
  check: Partial<PlanDraft['checks'][number]> & { command: string },
  n: number,
): PlanDraft['checks'][number] {
  return { name: `check ${n + 1}`, kind: 'holds', timeoutSeconds: 60, network: false, ...check }
}

/** The states of a goal's tasks, in their order. */
export function states(view: GoalView): TaskState[] {
  return view.taskViews.map(({ task }) => task.state)
}

export function taskOf(view: GoalView, key: string): TaskView {
  const found = view.taskViews.findLast(({ task }) => task.spec.key === key)
  if (!found) throw new Error(`the goal has no task ${key}; it has ${view.taskViews.map(({ task }) => task.spec.key)}`)
  return found
}

/** What a file holds at a commit of the owner's repository; undefined where it is not there. */
export function fileAt(repository: string, commit: string, path: string): string | undefined {
  try {
    return execFileSync('git', ['show', `${commit}:${path}`], {
      cwd: repository,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString()
  } catch {
    return undefined
  }
}

/** The owner's branches with their commits, for "nothing was touched". */
export function branchesOf(repository: string): string {
  return git(repository, 'for-each-ref', '--format=%(refname) %(objectname)')
}

export function read(file: string): string {
  return readFileSync(file, 'utf8')
}
