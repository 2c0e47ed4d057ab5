/**
 * A long time under bad luck: goals by the hundred on a real daemon, a provider that limits it at random, agents
 * that crash, and the daemon and its agents killed with -9 at random. In the end everything is asked that must
 * be true: no goal lost, none landed twice, no process, worktree or file left, the ledger equal to what the
 * provider served, and memory, descriptors and disk where they were.
 *
 *   npm run soak                              200 goals over two hours
 *   npm run soak -- --minutes 10 --goals 60   shorter
 *   npm run soak -- --seed 7 --keep           the same luck again; leaves the folder
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MINUTE, SECOND, systemClock } from '../../core/clock.ts'
import type { PlannedTask } from '../../core/plan.ts'
import { createProcessTable } from '../../daemon/processes/process-table.ts'
import type { Step } from '../fakes/scripted-agent.ts'
import { askFinalQuestions, type Facts, factsOf } from '../scenarios/final-questions.ts'
import {
  addGoal,
  aPlannedTask,
  createScene,
  Gone,
  idsIn,
  type Life,
  type Scene,
  settled,
} from '../scenarios/harness.ts'
import { judgeLedger, type LedgerRow } from './judge-ledger.ts'
import { aliveMb, type Held, heldBy, median, megabytesIn } from './measure.ts'
import { startProvider } from './provider.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '120' },
    goals: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    limits: { type: 'string', default: '5' },
    keep: { type: 'boolean', default: false },
  },
})
const goalsMax = Number(values.goals)
const lastsMs = Number(values.minutes) * MINUTE
const random = seeded(Number(values.seed))

/** Goals under way at the same time; runs are limited by the daemon. */
const OPEN_MAX = 6
/** In the last part nothing is killed: what one daemon holds is measured there, and everything comes to its end. */
const CALM_PART = 0.35
const KILL_EVERY_MS = lastsMs / 24
const LOOK_MS = SECOND
/** After its time, what is open is given so long to end. */
const LATE_MS_MAX = 10 * MINUTE
const WARM_SAMPLES = 30
const ALIVE_GROWTH_MB_MAX = 10
const RSS_MB_MAX = 400
const FDS_GROWTH_MAX = 20
const MB_PER_GOAL_MAX = 1.5

const say = (text: string) => process.stdout.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`)

async function main(): Promise<number> {
  if (values.keep) process.env['KEEP_SCENES'] = '1'
  say(`${goalsMax} goals in ${values.minutes} minutes, seed ${values.seed}`)
  await using provider = await startProvider(random, Number(values.limits))
  const folder = mkdtempSync(join(tmpdir(), 'claw-soak-'))
  await using _folder = { [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }) }
  const aliveFile = join(folder, 'alive.ndjson')
  await using scene = createScene({
    env: {
      SOAK_KEY: 'sk-of-the-soak',
      NODE_OPTIONS: `--expose-gc --import ${join(import.meta.dirname, 'collect.js')}`,
      SOAK_ALIVE_FILE: aliveFile,
    },
    config: {
      agents: {
        default: 'scripted',
        permissions: 'trusted',
        custom: { scripted: { ...scriptedAgent(), apis: ['openai-chat'] } },
      },
      model: { provider: 'openai-chat', model: 'scripted-model', baseUrl: `${provider.url}/v1`, key: 'env:SOAK_KEY' },
      brain: { review: false },
      runs: { max: 4, softFailuresMax: 50 },
      gateway: { holdSeconds: 2 },
      backup: { daily: false },
    },
  })
  const startedAt = systemClock.monotonic()
  const passed = () => systemClock.monotonic() - startedAt
  const isCalm = () => passed() > lastsMs * (1 - CALM_PART)
  const held: Held[] = []
  let aliveBefore: number | undefined
  const files: Record<string, string> = {}
  const facts: Facts[] = []
  let added = 0
  let agentsKilled = 0
  let life = scene.start()
  let nextKill = KILL_EVERY_MS * random() * 2

  for (;;) {
    const isLate = passed() > lastsMs + LATE_MS_MAX
    try {
      if (!(await life.ready)) throw new Gone(`the daemon did not come up:\n${life.words()}`)
      const open = countOpen(scene)
      if ((added >= goalsMax && open === 0) || isLate) break
      // Spread over the time, so that limits and kills meet work all the while.
      const due = Math.min(goalsMax, Math.ceil((passed() / (lastsMs * 0.9)) * goalsMax))
      if (open < OPEN_MAX && added < due) {
        // Counted when it is acknowledged; sent again under the same key when nobody knows.
        await addGoal(life, scene, `soak ${added + 1}`, { tasks: tasksOf(added + 1, files) })
        added++
        continue
      }
      await answerAsks(life)
      if (isCalm()) {
        const now = heldBy(life.pid)
        if (now) held.push(now)
        // After its first goals: what is loaded late is loaded by then.
        if (held.length === WARM_SAMPLES) aliveBefore = await aliveMb(life.pid, aliveFile, systemClock)
      } else if (passed() > nextKill) {
        nextKill = passed() + KILL_EVERY_MS * (0.5 + random())
        if (random() < 0.6) {
          await life.kill()
          facts.push(factsOf(scene))
          say(`daemon killed, ${added} goals added, ${open} open`)
          life = scene.start()
        } else agentsKilled += await killAnAgent(scene)
      }
      await systemClock.sleep(LOOK_MS)
    } catch (error) {
      if (!(error instanceof Gone)) throw error
      say(`the daemon was gone: ${error.message.slice(0, 300)}`)
      life = scene.start()
    }
  }
  await settled(scene, life)
  const atEnd = heldBy(life.pid)
  const aliveAtEnd = await aliveMb(life.pid, aliveFile, systemClock)
  const stoppedMs = await life.stop()

  const ledger = judgeLedger(scene.rows<LedgerRow>('select state, inputTokens from spend'), provider.served)
  const megabytes = megabytesIn(scene.paths.home)
  const quarter = Math.max(1, Math.floor(held.length / 4))
  const [first, last] = [held.slice(0, quarter), held.slice(-quarter)]
  const growth = {
    aliveMb: aliveBefore === undefined || aliveAtEnd === undefined ? null : aliveAtEnd - aliveBefore,
    fds: median(last.map(({ fds }) => fds)) - median(first.map(({ fds }) => fds)),
  }
  const wrong = [
    ...(await askFinalQuestions(scene, { files, facts, runsPerTask: null, morePrompts: 1_000 })),
    ...ledger.wrong,
    ...(growth.aliveMb === null ? ['nobody knows what is alive in the daemon'] : []),
    ...((growth.aliveMb ?? 0) > ALIVE_GROWTH_MB_MAX
      ? [`what is alive in the daemon grew by ${growth.aliveMb} MB in the calm part`]
      : []),
    ...((atEnd?.rssMb ?? 0) > RSS_MB_MAX ? [`the daemon holds ${atEnd?.rssMb} MB`] : []),
    ...(growth.fds > FDS_GROWTH_MAX ? [`descriptors grew by ${growth.fds} in the calm part`] : []),
    ...(megabytes > 20 + added * MB_PER_GOAL_MAX ? [`the home holds ${megabytes} MB after ${added} goals`] : []),
  ]
  const goals = scene.rows<{ state: string; n: number }>('select state, count(*) as n from goal group by state')
  const figures = {
    seed: Number(values.seed),
    minutes: Math.round(passed() / MINUTE),
    goals: Object.fromEntries(goals.map(({ state, n }) => [state, n])),
    runs: scene.rows('select id from run').length,
    daemonKilled: scene.kills(),
    agentsKilled,
    providerLimits: provider.limited,
    served: provider.served.length,
    ledger: { ...ledger, wrong: undefined },
    calm: { samples: held.length, ...growth, rssMbAtEnd: atEnd?.rssMb, aliveMbAtEnd: aliveAtEnd, fdsAtEnd: atEnd?.fds },
    homeMb: megabytes,
    stoppedMs: Math.round(stoppedMs),
    wrong,
  }
  say(JSON.stringify(figures, null, 2))
  say(wrong.length === 0 ? 'all is as it must be' : `${wrong.length} things are wrong`)
  return wrong.length === 0 ? 0 : 1
}

/** One to three tasks, some after others; some agents crash at first, each asks its model a few times. */
function tasksOf(goal: number, files: Record<string, string>): PlannedTask[] {
  const count = 1 + Math.floor(random() * 3)
  return Array.from({ length: count }, (_, index) => {
    const key = `g${goal}-${index + 1}`
    files[`${key}.txt`] = `${key} was here\n`
    const ask: Step = { do: 'model', times: 1 + Math.floor(random() * 4), stream: random() < 0.5 }
    const work: Step[] = [ask, { do: 'write', path: `${key}.txt`, text: `${key} was here\n` }, { ...ask, times: 1 }]
    const turns = random() < 0.1 ? [[ask, { do: 'crash' as const }], work] : [work]
    const needs = index > 0 && random() < 0.3 ? [`g${goal}-${index}`] : []
    return aPlannedTask(key, { steps: { turns }, needs })
  })
}

function scriptedAgent(): { command: string[] } {
  return { command: [process.execPath, join(import.meta.dirname, '../fakes/scripted-agent.js')] }
}

function countOpen(scene: Scene): number {
  return scene.rows<{ n: number }>(`select count(*) as n from goal where state not in ('met', 'dropped')`)[0]?.n ?? 0
}

/** An owner who always says: try again. */
async function answerAsks(life: Life): Promise<void> {
  const { asks } = await life.request<{ asks: { number: number; kind: string; choices?: { key: string }[] }[] }>(
    'GET',
    '/v1/inbox',
  )
  for (const { number, kind } of asks) {
    const choice = kind === 'permission' ? 'allow' : kind === 'limit' ? 'raise' : 'retry'
    await life.request('POST', `/v1/inbox/${number}/answer`, { choice }).catch((error) => {
      if (error instanceof Gone) throw error
      say(`ask ${number} (${kind}) was not answered: ${String(error).slice(0, 200)}`)
    })
  }
}

/** SIGKILL to one living agent of an open run. Answers how many died. */
async function killAnAgent(scene: Scene): Promise<number> {
  const ids = new Set(idsIn(scene))
  const living = (await createProcessTable().list()).filter(({ runId }) => runId && ids.has(runId.split('/')[0]!))
  const victim = living[Math.floor(random() * living.length)]
  if (!victim) return 0
  try {
    process.kill(victim.pid, 'SIGKILL')
    return 1
  } catch {
    return 0
  }
}

/** The same luck for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

main().then(
  (code) => process.exit(code),
  (error) => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.exit(1)
  },
)
