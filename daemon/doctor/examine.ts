/**
 * What only the daemon can say of itself, for `claw doctor`: its agents, its models, and what lies around
 * that should not. It mends only what holds nobody's work.
 */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Paths } from '../../config/paths.ts'
import { DAY } from '../../core/clock.ts'
import type { Finding } from '../../core/finding.ts'
import type { World } from '../../core/world.ts'
import type { ModelAccess } from '../agents/agent.ts'
import type { DetectedAgent } from '../agents/profiles/detect.ts'
import type { Health } from '../health.ts'
import type { MemoryDoor } from '../memory/open-memory.ts'
import type { ProcessTable } from '../processes/process-table.ts'
import { stopOwned } from '../processes/stop-owned.ts'
import { findRun } from '../store/rows.ts'
import type { Store } from '../store/store.ts'
import { type TryAgentDeps, tryAgent } from './try-agent.ts'
import { tryMemory } from './try-memory.ts'
import { tryModel } from './try-model.ts'

export interface ExamineDeps {
  world: World
  store: Store
  table: ProcessTable
  paths: Paths
  detected: readonly DetectedAgent[]
  /** Agents that the owner named in the configuration: of these it is said when one is missing. */
  wanted: ReadonlySet<string>
  models: readonly ModelAccess[]
  /** What keeps runs within their limits, in words. */
  limits?: string
  trial: TryAgentDeps
  memory: Pick<MemoryDoor, 'isOn' | 'open'>
  health(): Promise<Pick<Health, 'sandbox' | 'brain' | 'model'>>
}

export interface ExamineRequest {
  /** Also asks the providers of models; nothing else goes over a network. */
  online: boolean
  fix: boolean
}

export type Examine = (request: ExamineRequest) => Promise<Finding[]>

export function createExamine(deps: ExamineDeps): Examine {
  return async ({ online, fix }) => {
    const health = await deps.health()
    const agents: Finding[] = []
    // One after the other: an agent that starts takes a whole core for seconds.
    const [absent, there] = partition(
      deps.detected,
      ({ name, missing }) => missing.length > 0 && !deps.wanted.has(name),
    )
    for (const agent of there) agents.push(await tryAgent(deps.trial, agent))
    return [
      ...withOneUsable(agents, absent),
      ...(online ? await Promise.all(onePerServer(deps.models).map(tryModel)) : [modelLine(health)]),
      sandboxLine(health, deps.limits),
      ...(await tryMemory(deps.memory, fix)),
      await orphans(deps, fix),
      await strangers(deps),
      await leftCheckouts(deps, fix),
    ]
  }
}

/** Agents that are not installed, and that nobody asked for, matter only when there is none that works. */
function withOneUsable(agents: Finding[], absent: readonly DetectedAgent[]): Finding[] {
  const names = absent.map(({ name }) => name).join(', ')
  if (agents.some(({ level }) => level === 'ok')) {
    if (names === '') return agents
    return [...agents, { what: 'agents', level: 'ok', words: `one is enough; not installed: ${names}` }]
  }
  const mend = 'Run `claw setup`; or give an installed one a key or a login.'
  const words = `none can work${names === '' ? '' : `; not installed: ${names}`}`
  return [...agents, { what: 'agents', level: 'fail', words, mend }]
}

function partition<T>(all: readonly T[], holds: (one: T) => boolean): [T[], T[]] {
  return [all.filter(holds), all.filter((one) => !holds(one))]
}

function onePerServer(models: readonly ModelAccess[]): ModelAccess[] {
  return [...new Map(models.map((model) => [`${model.baseUrl} ${model.key}`, model])).values()]
}

function modelLine({ model, brain }: Pick<Health, 'model' | 'brain'>): Finding {
  if (model) return { what: 'model', level: 'ok', words: `${model} (not asked; --online does)` }
  const mend = 'Set ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY, or `model` in config.yaml; or use --plan.'
  return {
    what: 'model',
    level: 'warn',
    words: brain.startsWith('none: ') ? brain : `none; plans are made by ${brain}`,
    mend,
  }
}

/** Which one, what it gives, what is missing, and how to mend it. */
function sandboxLine({ sandbox }: Pick<Health, 'sandbox'>, limits: string | undefined): Finding {
  const words = [`${sandbox.name}: ${sandbox.words}`, limits].filter(Boolean).join(' ')
  if (sandbox.name !== 'none') return { what: 'sandbox', level: 'ok', words }
  const mend =
    'Install bubblewrap (`apt install bubblewrap`); on Ubuntu also let it make user namespaces (an AppArmor profile for bwrap, or `sysctl kernel.apparmor_restrict_unprivileged_userns=0`). Without it agents see what you see, and you are asked once per repository.'
  return { what: 'sandbox', level: 'warn', words, mend }
}

/** Processes of runs that have ended: their agent was ended, they were not found. */
async function orphans({ world, store, table }: ExamineDeps, fix: boolean): Promise<Finding> {
  const what = 'processes'
  const ids = new Set((await table.list()).flatMap((entry) => (entry.runId ? [entry.runId.split('/')[0]!] : [])))
  const left: string[] = []
  for (const id of ids) {
    const run = await findRun(store.db, id)
    if (run?.state === 'ended') left.push(id)
  }
  if (left.length === 0) return { what, level: 'ok', words: 'none is left of runs that have ended' }
  const words = `${left.length === 1 ? 'a run that has' : `${left.length} runs that have`} ended left processes: ${left.join(', ')}`
  if (!fix) return { what, level: 'warn', words, mend: 'claw doctor --fix ends them.', fixable: true }
  const alive = []
  for (const runId of left) alive.push(...(await stopOwned({ clock: world.clock, table }, { runId }, { graceMs: 0 })))
  if (alive.length === 0) return { what, level: 'ok', words: `ended what ${left.join(', ')} had left`, mended: true }
  return {
    what,
    level: 'warn',
    words: `cannot be ended: ${alive.map(({ pid }) => pid).join(', ')}`,
    mend: 'Restart the machine.',
  }
}

/** Folders beside the worktrees that no task names. They may hold work, so they are only shown. */
async function strangers({ store, paths }: ExamineDeps): Promise<Finding> {
  const what = 'worktrees'
  const rows = await store.db.selectFrom('task').select('worktree').where('worktree', 'is not', null).execute()
  const known = new Set(rows.map(({ worktree }) => worktree))
  const names = await readdir(paths.worktreesDir).catch(() => [])
  const unknown = names.map((name) => join(paths.worktreesDir, name)).filter((path) => !known.has(path))
  if (unknown.length === 0) return { what, level: 'ok', words: `${known.size} in use, no others` }
  const words = `no task names ${unknown.slice(0, 3).join(', ')}${unknown.length > 3 ? ` and ${unknown.length - 3} more` : ''}`
  return { what, level: 'warn', words, mend: 'Look whether they hold work of yours, then remove them.' }
}

/** Clean checkouts are made for one verification; the commit in them is kept elsewhere. */
async function leftCheckouts({ world, paths }: ExamineDeps, fix: boolean): Promise<Finding> {
  const what = 'checkouts'
  const old: string[] = []
  for (const name of await readdir(paths.verifyDir).catch(() => [])) {
    const path = join(paths.verifyDir, name)
    const found = await stat(path).catch(() => undefined)
    if (found && world.clock.now() - found.mtimeMs > DAY) old.push(path)
  }
  if (old.length === 0) return { what, level: 'ok', words: 'none is left of verifications' }
  if (!fix)
    return {
      what,
      level: 'warn',
      words: `${old.length} left for more than a day`,
      mend: 'claw doctor --fix removes them.',
      fixable: true,
    }
  for (const path of old) await rm(path, { recursive: true, force: true, maxRetries: 3 })
  return { what, level: 'ok', words: `removed ${old.length} that had been left`, mended: true }
}
