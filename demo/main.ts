/**
 * The main job from end to end, with nothing but npm: a real repository, a real daemon in a home of its own, real
 * agent programs in parallel, real checks, a real landing. Only the model's answers are scripted.
 *
 *   npm run demo             live progress and the report
 *   npm run demo -- --json   one JSON object on stdout
 *   npm run demo -- --keep   leaves the folder for a look
 *   npm run demo -- --agent goose   another agent that is on the PATH
 */
import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { GoalView } from '../daemon/goals/views.ts'
import { startModelServer } from '../tests/model-server/model-server.ts'
import { FILES, GOAL } from './repository.ts'
import { demoScript } from './script.ts'

const CLAW = fileURLToPath(new URL('../cli/claw.js', import.meta.url))
/** The whole of it takes about a quarter of a minute, with a large agent a minute; a machine that needs this long has stopped. */
const DEMO_MS_MAX = 6 * 60_000

const isJson = process.argv.includes('--json')
const isKept = process.argv.includes('--keep')
/** The API that each agent is best spoken to with. */
const PROVIDERS: Record<string, string> = {
  pi: 'openai-chat',
  goose: 'openai-chat',
  codex: 'openai',
  claude: 'anthropic',
  opencode: 'openai-chat',
  gemini: 'google',
  qwen: 'openai-chat',
  copilot: 'openai-chat',
}
const agent = process.argv.includes('--agent') ? (process.argv[process.argv.indexOf('--agent') + 1] ?? 'pi') : 'pi'
const say = (text: string) => process.stderr.write(`${text}\n`)

const startedAt = performance.now()
const dir = mkdtempSync(join(tmpdir(), 'claw-demo-'))
const home = join(dir, 'home')
const repository = join(dir, 'notes-service')
const env = {
  // The Node that runs this comes first: what starts from here runs on it too.
  PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
  HOME: join(dir, 'user'),
  TMPDIR: tmpdir(),
  LANG: 'C.UTF-8',
  CLAW_HOME: home,
  // Looks like a key, so that nothing else is taken for it where keys are taken out of texts.
  CLAW_DEMO_KEY: 'sk-demo-8f2c41d07e6b4a93',
  ...(process.env['TERM'] ? { TERM: process.env['TERM'] } : {}),
  ...(process.env['NO_COLOR'] ? { NO_COLOR: '1' } : {}),
}

async function main(): Promise<number> {
  mkdirSync(env.HOME, { recursive: true })
  mkdirSync(home, { recursive: true, mode: 0o700 })
  makeRepository()
  await using model = await startModelServer({ script: demoScript })
  writeFileSync(
    join(home, 'config.yaml'),
    `model:\n  provider: ${PROVIDERS[agent] ?? 'openai-chat'}\n  model: scripted-model\n  baseUrl: ${model.url}/${PROVIDERS[agent] === 'google' ? 'v1beta' : 'v1'}\n  key: env:CLAW_DEMO_KEY\nagents:\n  default: ${agent}\n  allowCommands: [node --check]\nruns:\n  max: 3\n`,
  )
  if (!isJson) {
    say(
      `Claw demo. The model’s answers are scripted; everything else is real: the daemon, the agents (${agent}, over ACP),`,
    )
    say('git, the checks, the merge. One task is wrong at first and two collide, on purpose.\n')
    say(`Repository  ${repository}\nGoal        “${GOAL}”\n`)
  }
  try {
    const code = await claw(
      ['goal', 'add', GOAL, '--repo', repository, '--land', 'merge', '--autonomy', 'auto', '--watch'],
      isJson ? 'quiet' : 'shown',
    )
    const shown = await read(['goal', 'show', '1', '--json'])
    if (shown === '') return 1
    const goal = JSON.parse(shown) as GoalView
    const report = keepReport(goal.goal.reportFile)
    const result = summarize(goal, report)
    if (isJson) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
    else {
      say('')
      await claw(['report', '1'], 'shown')
      say(`\nOn the branch main of the repository:\n${git(['log', '--oneline', '--graph', '-12'])}`)
      say(`Report      ${report}`)
      say(
        `${result.outcome === 'met' ? 'Done' : `It ended ${result.outcome}`} in ${result.seconds} s; ${model.requests.length} questions to the scripted model.`,
      )
      say(
        isKept
          ? `Everything is in ${dir}`
          : 'The report stays there, the rest is removed; `npm run demo -- --keep` leaves all of it for a look.',
      )
    }
    return result.outcome === 'met' && code === 0 ? 0 : 1
  } finally {
    await claw(['daemon', 'stop'], 'quiet')
  }
}

function makeRepository(): void {
  for (const [path, content] of Object.entries(FILES)) {
    mkdirSync(dirname(join(repository, path)), { recursive: true })
    writeFileSync(join(repository, path), content)
  }
  git(['init', '-q', '-b', 'main'])
  git(['add', '-A'])
  git(['-c', 'user.name=Demo', '-c', 'user.email=demo@localhost', 'commit', '-q', '-m', 'A notes service'])
}

function git(args: string[]): string {
  return execFileSync('git', args, { cwd: repository, env, encoding: 'utf8' })
}

/** Runs the product's own command line as its owner would. */
function claw(args: string[], how: 'shown' | 'quiet'): Promise<number> {
  const stdio = how === 'shown' ? (['ignore', 'inherit', 'inherit'] as const) : (['ignore', 'ignore', 'pipe'] as const)
  const child = spawn(process.execPath, [CLAW, ...args], { env, cwd: dir, stdio: [...stdio], timeout: DEMO_MS_MAX })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    let complaint = ''
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      complaint = (complaint + chunk).slice(-4_000)
    })
    child.once('close', (code) => {
      if (code !== 0) say(complaint.trim())
      resolve(code ?? 1)
    })
  })
}

function read(args: string[]): Promise<string> {
  const child = spawn(process.execPath, [CLAW, ...args], {
    env,
    cwd: dir,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: DEMO_MS_MAX,
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve(text))
  })
}

/** Where the report lies when the home that it was written in is gone. */
function keepReport(file: string | null): string | null {
  if (file === null || isKept) return file
  const kept = join(dir, basename(file))
  copyFileSync(file, kept)
  return kept
}

function summarize(view: GoalView, report: string | null) {
  const landing = view.landings.findLast((other) => other.taskId === null)
  return {
    goal: view.goal.id,
    outcome: view.goal.state,
    words: view.goal.outcome,
    tasks: view.taskViews.map(({ label, task, runs, proofs }) => ({
      label,
      title: task.spec.title,
      state: task.state,
      attempts: runs.length,
      agents: [...new Set(runs.map((run) => run.agent))],
      proofs: proofs.map(({ id, kind, commit, passed }) => ({ id, kind, commit, passed })),
    })),
    landedCommit: landing?.merged ?? null,
    branch: landing?.branch ?? null,
    report,
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
    scripted: 'the model’s answers; everything else is real',
  }
}

// Interrupted: nothing of the demo stays behind.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => void claw(['daemon', 'stop'], 'quiet').finally(() => process.exit(end(130))))
}

main().then(
  (code) => end(code),
  (error) => {
    say(String(error instanceof Error ? error.stack : error))
    end(1)
  },
)

/** All but the report goes, and the report too where nothing was met. */
function end(code: number): number {
  const gone = code === 0 ? [home, repository, env.HOME] : [dir]
  if (!isKept) for (const path of gone) rmSync(path, { recursive: true, force: true, maxRetries: 5 })
  process.exitCode = code
  return code
}
