/**
 * A real daemon in a home of its own, with nothing of whoever measures: own HOME, an environment made from
 * nothing, a scripted ACP program as the only agent.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { findDaemonFile } from '../../config/daemon-file.ts'
import { type Paths, pathsIn } from '../../config/paths.ts'
import { systemClock } from '../../core/clock.ts'
import type { StoredEvent } from '../../core/events.ts'
import { type PlanDraft, PlanDraft as PlanSchema } from '../../core/plan.ts'
import type { GoalSummary, GoalView } from '../../daemon/goals/views.ts'
import { createProcessTable } from '../../daemon/processes/process-table.ts'
import { stopOwned } from '../../daemon/processes/stop-owned.ts'
import { type Script, script, scriptedAgentFile } from '../../tests/fakes/scripted-agent.ts'

const START = fileURLToPath(new URL('../../scripts/start.js', import.meta.url))
export const CLAW = fileURLToPath(new URL('../../cli/claw.js', import.meta.url))
/** Nothing measured here takes a fraction of it; what does, hangs. */
const STEP_MS_MAX = 120_000

export interface Daemon {
  pid: number
  /** From spawn until it said that it is ready. */
  readyMs: number
  request<T>(method: string, path: string, body?: unknown): Promise<T>
  address(): { url: string; token: string }
  kill(): Promise<void>
  stop(): Promise<void>
}

export interface BenchRoom extends AsyncDisposable {
  dir: string
  paths: Paths
  env: Record<string, string>
  journalFile: string
  repository(files: Record<string, string>, name?: string): string
  /** Resolves when it is ready; throws with its words where it is not. */
  start(): Promise<Daemon>
  rows<T>(sql: string, ...values: (string | number)[]): T[]
}

export function openRoom({ config = {} }: { config?: Record<string, unknown> } = {}): BenchRoom {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'claw-bench-')))
  const paths = pathsIn(join(dir, 'claw'))
  const ownerHome = join(dir, 'owner')
  const journalFile = join(dir, 'journal.ndjson')
  mkdirSync(paths.home, { mode: 0o700 })
  mkdirSync(ownerHome)
  writeFileSync(join(ownerHome, '.gitconfig'), '[user]\n\tname = Ada Owner\n\temail = ada@example.org\n')
  const scripted = { command: [process.execPath, scriptedAgentFile], env: { SCRIPTED_JOURNAL: journalFile } }
  // JSON is YAML too.
  const settings = { sandbox: { kind: 'none' }, agents: { default: 'scripted', custom: { scripted } }, ...config }
  writeFileSync(paths.configFile, JSON.stringify(settings))
  const env = {
    PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
    HOME: ownerHome,
    // As a second start finds it: what is compiled stays, whoever measured it.
    XDG_CACHE_HOME: join(tmpdir(), 'claw-bench-cache'),
    TMPDIR: dir,
    LANG: 'C.UTF-8',
    CLAW_HOME: paths.home,
  }
  const children: { child: ChildProcess; exited: Promise<unknown> }[] = []

  return {
    dir,
    paths,
    env,
    journalFile,
    repository: (files, name = 'repository') => makeRepository(join(dir, name), files, env),
    async start() {
      const startedAt = systemClock.monotonic()
      const child = spawn(process.execPath, [START], { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] })
      const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
      children.push({ child, exited })
      let words = ''
      const ready = new Promise<number>((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr]) {
          stream.setEncoding('utf8').on('data', (chunk: string) => {
            words = (words + chunk).slice(-10_000)
            if (words.includes(' is ready.')) resolve(systemClock.monotonic() - startedAt)
          })
        }
        child.once('close', (code) => reject(new Error(`the daemon ended with ${code}\n${words}`)))
      })
      const readyMs = await ready
      const file = findDaemonFile(paths.daemonFile)
      if (!file) throw new Error('the daemon is ready and there is no daemon.json')
      const url = `http://127.0.0.1:${file.port}`
      return {
        pid: child.pid!,
        readyMs,
        address: () => ({ url, token: file.token }),
        async request<T>(method: string, path: string, body?: unknown) {
          const response = await fetch(`${url}${path}`, {
            method,
            headers: { authorization: `Bearer ${file.token}`, 'content-type': 'application/json' },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          })
          const text = await response.text()
          if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
          return JSON.parse(text) as T
        },
        async kill() {
          child.kill('SIGKILL')
          await exited
        },
        async stop() {
          child.kill('SIGTERM')
          await exited
        },
      }
    },
    rows<T>(sql: string, ...values: (string | number)[]) {
      using database = new DatabaseSync(paths.databaseFile, { readOnly: true, timeout: 5_000 })
      return database.prepare(sql).all(...values) as T[]
    },
    async [Symbol.asyncDispose]() {
      for (const { child, exited } of children) {
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
        await exited
      }
      // Agents of a daemon that was killed.
      const table = createProcessTable()
      const runs = existsSync(paths.databaseFile) ? this.rows<{ id: string }>('select id from run') : []
      const alive = new Set((await table.list()).map((entry) => entry.runId))
      for (const { id } of runs)
        if (alive.has(id)) await stopOwned({ clock: systemClock, table }, { runId: id }, { graceMs: 0 })
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

export function makeRepository(path: string, files: Record<string, string>, env: Record<string, string>): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), content)
  }
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: path, env, stdio: ['ignore', 'ignore', 'inherit'] })
  git('init', '-q', '--template=', '-b', 'main')
  git('add', '-A')
  git('commit', '-q', '-m', 'first')
  return path
}

/** A folder tree as real projects have them: about 20 files to a folder, 2 kB each. */
export function manyFiles(count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, n) => [
      `src/part-${Math.floor(n / 400)}/module-${Math.floor(n / 20)}/file-${n}.txt`,
      `file ${n}\n${'a line of text that says little and is repeated\n'.repeat(40)}`,
    ]),
  )
}

/** Tasks that can all run at once, each writing a file of its own. */
export function planOf(keys: readonly string[], stepsOf: (key: string) => Script): PlanDraft {
  return PlanSchema.parse({
    summary: 'As scripted.',
    tasks: keys.map((key) => ({
      key,
      title: `Write ${key}.txt`,
      brief: script(stepsOf(key)),
      needs: [],
      footprint: [`${key}.txt`],
      checks: [{ name: `${key}.txt is there`, command: `test -s ${key}.txt`, kind: 'fails-before' }],
    })),
    checks: [],
  })
}

export function writes(key: string): Script {
  return [{ do: 'write', path: `${key}.txt`, text: `${key} was here\n` }]
}

export async function addGoal(daemon: Daemon, repo: string, plan: PlanDraft): Promise<GoalSummary['goal']> {
  const body = { text: 'Do what the plan says', repo, land: 'merge', autonomy: 'auto', plan }
  return (await daemon.request<GoalSummary>('POST', '/v1/goals', body)).goal
}

/** Follows a goal to its report. Throws where it does not end well. */
export async function finished(daemon: Daemon, goal: { id: string; number: number }): Promise<StoredEvent[]> {
  const events: StoredEvent[] = []
  for await (const event of follow(daemon, { goal: goal.id })) {
    events.push(event)
    if (event.type === 'ask.opened') throw new Error(`the goal asks: ${event.data.question}`)
    if (event.type === 'goal.reported') break
  }
  const view = await daemon.request<GoalView>('GET', `/v1/goals/${goal.number}`)
  if (view.goal.state !== 'met') throw new Error(`the goal is ${view.goal.state}: ${view.goal.outcome}`)
  return events
}

/** Events as they come, from the first on. */
export async function* follow(daemon: Daemon, { goal }: { goal?: string } = {}): AsyncGenerator<StoredEvent> {
  const { url, token } = daemon.address()
  const query = new URLSearchParams({ after: '0', ...(goal ? { goal } : {}) })
  const response = await fetch(`${url}/v1/events?${query}`, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
    signal: AbortSignal.timeout(STEP_MS_MAX),
  })
  if (!response.ok) throw new Error(`events: ${response.status} ${await response.text()}`)
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of response.body!) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true })
    const blocks = rest.split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = block.split('\n').find((line) => line.startsWith('data:'))
      if (data) yield JSON.parse(data.slice(5)) as StoredEvent
    }
  }
}

const TICK_MS = 10

/** Processor time of a process so far; with `children`, that of all it has started and seen end as well. */
export function cpuMsOf(pid: number, { children }: { children: boolean }): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (children ? [11, 12, 13, 14] : [11, 12]).reduce((sum, n) => sum + Number(fields[n]) * TICK_MS, 0)
}

/** What the scripted agents were asked, over all lives of the daemon. */
export function journal(room: BenchRoom): { method: string; run: string | null; at: number }[] {
  if (!existsSync(room.journalFile)) return []
  return readFileSync(room.journalFile, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { method: string; run: string | null; at: number })
}
