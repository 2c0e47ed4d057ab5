/**
 * A real daemon process on a home of its own, for tests that kill it and start it again.
 *
 * Nothing is shared with whoever runs the tests: own HOME, an environment made from nothing, a repository
 * of two files, and a scripted ACP program as the only agent. `askFinalQuestions` (final-questions.ts) says
 * whether anything was lost.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { daemonArguments } from '../../cli/daemon-program.ts'
import { findDaemonFile } from '../../config/daemon-file.ts'
import { type Paths, pathsIn } from '../../config/paths.ts'
import type { Ask } from '../../core/ask.ts'
import { systemClock } from '../../core/clock.ts'
import type { StoredEvent } from '../../core/events.ts'
import { type PlanDraft, PlannedTask, PlanDraft as PlanSchema } from '../../core/plan.ts'
import type { NewGoalInput } from '../../daemon/goals/goals.ts'
import type { GoalSummary, GoalView } from '../../daemon/goals/views.ts'
import { createProcessTable } from '../../daemon/processes/process-table.ts'
import { stopOwned } from '../../daemon/processes/stop-owned.ts'
import { makeRepository } from '../fakes/repositories.ts'
import { type Script, script, scriptedAgentFile } from '../fakes/scripted-agent.ts'

const PROJECT = fileURLToPath(new URL('../../', import.meta.url))
const KILL_AT = join(PROJECT, 'tests/fakes/kill-at.ts')
/** No step of these small goals takes a second; a daemon that needs this long hangs. */
export const STEP_MS_MAX = 60_000

/** One life of the daemon: from its start to whatever ended it. */
export interface Life {
  readonly pid: number
  /** True when it is ready; false when it died before. */
  readonly ready: Promise<boolean>
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Throws `Gone` where the daemon dies meanwhile, an Error where it refuses. */
  request<T>(method: string, path: string, body?: unknown): Promise<T>
  /** Follows the events from the first on; undefined where the daemon dies before one meets the condition. */
  until(condition: (event: StoredEvent) => boolean): Promise<StoredEvent | undefined>
  kill(): Promise<void>
  /** SIGTERM. Answers the milliseconds until it was gone. */
  stop(): Promise<number>
  /** What it wrote to its terminal. */
  words(): string
}

export interface LifeOptions {
  /** Loads kill-at.ts: dies at the nth moment; 0 only counts them. */
  killAt?: number
  /** Where kill-at.ts writes the moments down. */
  momentsFile?: string
  /** A command that the daemon is started through: `strace …`. */
  under?: string[]
}

export interface Scene extends AsyncDisposable {
  readonly dir: string
  readonly repository: string
  readonly paths: Paths
  /** Of the lives so far, how many were ended by SIGKILL. */
  kills(): number
  start(options?: LifeOptions): Life
  /** What the scripted agents were asked, over all lives. */
  journal(): JournalLine[]
  /** Reads rows straight from the file, also while no daemon lives. */
  rows<T = Record<string, unknown>>(sql: string, ...values: (string | number)[]): T[]
}

export interface JournalLine {
  method: string
  sessionId: string | null
  run: string | null
  pid: number
  at: number
}

/** The daemon died while it was being talked to. */
export class Gone extends Error {}

export interface SceneOptions {
  /** `auto` uses bubblewrap where it works; without it runs start sooner and the journal can be written. */
  sandbox?: 'auto' | 'none'
  /** More of the configuration, as JSON, which is YAML too. */
  config?: Record<string, unknown>
  /** More of the daemon's environment. */
  env?: Record<string, string>
  files?: Record<string, string>
}

export function createScene(options: SceneOptions = {}): Scene {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'claw-scene-')))
  const home = join(dir, 'claw')
  const ownerHome = join(dir, 'owner')
  const journalFile = join(dir, 'journal.ndjson')
  const paths = pathsIn(home)
  mkdirSync(home, { mode: 0o700 })
  mkdirSync(ownerHome)
  writeFileSync(
    paths.configFile,
    JSON.stringify({
      sandbox: { kind: options.sandbox ?? 'none' },
      agents: {
        default: 'scripted',
        custom: {
          scripted: {
            command: [process.execPath, scriptedAgentFile],
            env: { SCRIPTED_JOURNAL: options.sandbox === 'auto' ? '' : journalFile },
          },
        },
      },
      ...options.config,
    }),
  )
  const files = options.files ?? { 'README.md': '# Scene\n', 'base.txt': 'base\n' }
  const repository = makeRepository(files, { dir, name: 'repository' })
  const lives: { child: ChildProcess; exited: Promise<unknown> }[] = []
  let kills = 0

  function start({ killAt, momentsFile, under = [] }: LifeOptions = {}): Life {
    const preload = killAt === undefined ? [] : ['--import', KILL_AT]
    const [program = '', ...args] = [...under, process.execPath, ...preload, ...daemonArguments()]
    const child = spawn(program, args, {
      cwd: dir,
      env: {
        PATH: process.env['PATH'] ?? '/usr/bin:/bin',
        HOME: ownerHome,
        TMPDIR: dir,
        LANG: 'C.UTF-8',
        CLAW_HOME: home,
        NODE_NO_WARNINGS: '1',
        NODE_COMPILE_CACHE: join(tmpdir(), 'claw-scene-compile-cache'),
        ...(killAt === undefined ? {} : { KILL_AT: String(killAt) }),
        ...(momentsFile === undefined ? {} : { KILL_LOG: momentsFile }),
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let words = ''
    const isUp = Promise.withResolvers<true>()
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        words = (words + chunk).slice(-100_000)
        if (words.includes(' is ready.')) isUp.resolve(true)
      })
    }
    const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      child.once('close', (code, signal) => {
        if (signal === 'SIGKILL') kills++
        resolve({ code, signal })
      })
    })
    lives.push({ child, exited })
    const goneOr = <T>(promise: Promise<T>): Promise<T> => {
      promise.catch(() => {})
      return Promise.race([
        promise,
        exited.then(({ code, signal }) => {
          throw new Gone(`the daemon ended with ${signal ?? code}\n${words}`)
        }),
      ])
    }

    async function call(path: string, init: RequestInit): Promise<Response> {
      const file = findDaemonFile(paths.daemonFile)
      if (!file) throw new Gone('there is no daemon.json')
      try {
        return await goneOr(
          fetch(`http://127.0.0.1:${file.port}${path}`, {
            ...init,
            headers: { authorization: `Bearer ${file.token}`, 'content-type': 'application/json', ...init.headers },
          }),
        )
      } catch (error) {
        throw error instanceof Gone ? error : new Gone(`${path}: ${String(error)}`)
      }
    }

    return {
      pid: child.pid!,
      ready: Promise.race([isUp.promise, exited.then(() => false)]),
      exited,
      words: () => words,
      async request<T>(method: string, path: string, body?: unknown) {
        const response = await call(path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
        let text: string
        try {
          text = await goneOr(response.text())
        } catch (error) {
          throw error instanceof Gone ? error : new Gone(String(error))
        }
        if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
        return JSON.parse(text) as T
      },
      async until(condition) {
        const limit = AbortSignal.timeout(STEP_MS_MAX)
        try {
          const response = await call('/v1/events?after=0', { headers: { accept: 'text/event-stream' }, signal: limit })
          for await (const event of eventsIn(response)) if (condition(event)) return event
        } catch (error) {
          if (limit.aborted) throw new Error(`waited too long for an event; the daemon said:\n${words}`)
          if (!(error instanceof Gone) && !(error instanceof TypeError)) throw error
        }
        return undefined
      },
      async kill() {
        child.kill('SIGKILL')
        await exited
      },
      async stop() {
        const startedAt = systemClock.monotonic()
        child.kill('SIGTERM')
        await exited
        return systemClock.monotonic() - startedAt
      },
    }
  }

  return {
    dir,
    repository,
    paths,
    kills: () => kills,
    start,
    journal: () =>
      existsSync(journalFile)
        ? readFileSync(journalFile, 'utf8')
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as JournalLine)
        : [],
    rows<T>(sql: string, ...values: (string | number)[]) {
      // Read only, so that looking does not tidy up the log that a killed daemon left.
      const database = new DatabaseSync(paths.databaseFile, { readOnly: true, timeout: 5_000 })
      try {
        return database.prepare(sql).all(...values) as T[]
      } finally {
        database.close()
      }
    },
    async [Symbol.asyncDispose]() {
      for (const { child, exited } of lives) {
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
        await exited
      }
      // A test that failed half-way leaves agents behind.
      const table = createProcessTable()
      const ours = existsSync(paths.databaseFile) ? idsIn(this) : []
      for (const runId of ours) await stopOwned({ clock: systemClock, table }, { runId }, { graceMs: 0 })
      if (!process.env['KEEP_SCENES']) rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Every id that a process of ours may carry. */
export function idsIn(scene: Pick<Scene, 'rows'>): string[] {
  try {
    const tables = ['run', 'landing', 'goal', 'proof']
    return tables.flatMap((table) => scene.rows<{ id: string }>(`select id from ${table}`).map(({ id }) => id))
  } catch {
    return [] // killed before the tables were made
  }
}

async function* eventsIn(response: Response): AsyncGenerator<StoredEvent> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of response.body!) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true })
    const blocks = rest.split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = block
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trim())
        .join('\n')
      if (data !== '') yield JSON.parse(data) as StoredEvent
    }
  }
}

// ---- goals -------------------------------------------------------------------------------

/** A task whose agent does what `steps` says; by default it writes one file of its own. */
export function aPlannedTask(
  key: string,
  changes: { steps?: Script; needs?: string[]; footprint?: string[]; check?: string } = {},
) {
  const file = `${key}.txt`
  return PlannedTask.parse({
    key,
    title: `Write ${file}`,
    brief: script(changes.steps ?? [{ do: 'write', path: file, text: `${key} was here\n` }]),
    needs: changes.needs ?? [],
    footprint: changes.footprint ?? [file],
    checks: [{ name: `${file} is there`, command: changes.check ?? `grep -q ${key} ${file}`, kind: 'fails-before' }],
  })
}

/** Two tasks side by side and one that needs both. */
export function threeTasks(): PlannedTask[] {
  return [
    aPlannedTask('a'),
    aPlannedTask('b'),
    aPlannedTask('c', { needs: ['a', 'b'], check: 'cat a.txt b.txt c.txt' }),
  ]
}

export function aPlan(tasks: PlannedTask[]): PlanDraft {
  return PlanSchema.parse({
    summary: 'As scripted.',
    tasks,
    checks: [{ name: 'base stays', command: 'grep -q base base.txt', kind: 'holds' }],
  })
}

/** Adds a goal and answers what was acknowledged. The key makes sending it again harmless. */
export async function addGoal(
  life: Life,
  scene: Pick<Scene, 'repository'>,
  key: string,
  changes: Partial<NewGoalInput> & { tasks?: PlannedTask[] } = {},
): Promise<GoalSummary['goal']> {
  const { tasks = threeTasks(), ...rest } = changes
  const body: NewGoalInput = {
    text: `Goal ${key}`,
    repo: scene.repository,
    land: 'merge',
    autonomy: 'auto',
    plan: aPlan(tasks),
    idempotencyKey: key,
    ...rest,
  }
  return (await life.request<GoalSummary>('POST', '/v1/goals', body)).goal
}

export function show(life: Life, number: number): Promise<GoalView> {
  return life.request('GET', `/v1/goals/${number}`)
}

export async function openAsks(life: Life): Promise<Ask[]> {
  return (await life.request<{ asks: Ask[] }>('GET', '/v1/inbox')).asks
}

/** Whether an event is the last thing that happens to a goal. */
export function isEndOf(goalId: string): (event: StoredEvent) => boolean {
  return (event) => event.goalId === goalId && event.type === 'goal.reported'
}

/** Resolves when the daemon has no job left: nothing more will happen by itself. Also when it dies. */
export async function settled(scene: Scene, life: Life): Promise<void> {
  let isOver = false
  void life.exited.then(() => {
    isOver = true
  })
  for (let waited = 0; !isOver && scene.rows('select id from job').length > 0; waited += 20) {
    if (waited > STEP_MS_MAX) {
      throw new Error(`jobs are left: ${JSON.stringify(scene.rows('select name, key, tries, lastError from job'))}`)
    }
    await systemClock.sleep(20)
  }
}
