/** What Claw needs on this machine, checked one by one; each line says how to mend it. */
import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { MINUTE } from '../../core/clock.ts'
import { isFault } from '../../core/fault.ts'
import type { Health } from '../../daemon/health.ts'
import { createClient } from '../client.ts'
import { answers } from '../daemon.ts'
import { EXIT } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { oneLine, pad } from '../text.ts'

export interface Finding {
  what: string
  level: 'ok' | 'warn' | 'fail'
  words: string
  /** How to mend it. */
  mend?: string
}

/** Exit code 1 when something is missing without which nothing works. */
export async function doctor(surface: Surface): Promise<number> {
  const findings = await examine(surface)
  if (surface.isJson) surface.printJson(findings)
  else for (const finding of findings) surface.print(line(surface, finding))
  return findings.some(({ level }) => level === 'fail') ? EXIT.failed : EXIT.ok
}

function line({ paint }: Surface, { what, level, words, mend }: Finding): string {
  const glyph = level === 'ok' ? paint('green', '✓') : level === 'warn' ? paint('yellow', '!') : paint('red', '✗')
  return `${glyph} ${pad(what, 10)} ${oneLine(words)}${mend === undefined ? '' : paint('gray', ` — ${oneLine(mend)}`)}`
}

async function examine(surface: Surface): Promise<Finding[]> {
  const daemon = await findHealth(surface)
  return [
    node(),
    await git(surface),
    home(surface),
    disk(surface),
    await config(surface),
    ...(daemon ? fromDaemon(daemon) : withoutDaemon(surface)),
  ]
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isGood = major > 24 || (major === 24 && minor >= 21)
  return isGood
    ? { what: 'node', level: 'ok', words: process.version }
    : { what: 'node', level: 'fail', words: process.version, mend: 'Install Node 24.21 or newer.' }
}

async function git({ env }: Surface): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)('git', ['--version'], { env, timeout: MINUTE })
    const version = /(\d+)\.(\d+)/.exec(stdout)
    const isGood = version && (Number(version[1]) > 2 || (Number(version[1]) === 2 && Number(version[2]) >= 38))
    if (isGood) return { what: 'git', level: 'ok', words: stdout.trim() }
    return { what: 'git', level: 'fail', words: stdout.trim(), mend: 'Install git 2.38 or newer (merge-tree).' }
  } catch {
    return { what: 'git', level: 'fail', words: 'not found', mend: 'Install git.' }
  }
}

function home({ paths }: Surface): Finding {
  if (!existsSync(paths.home)) return { what: 'home', level: 'ok', words: `${paths.home}, made at the first start` }
  const { mode, uid } = statSync(paths.home)
  if (process.getuid && uid !== process.getuid()) {
    return {
      what: 'home',
      level: 'fail',
      words: `${paths.home} belongs to another user`,
      mend: `chown it, or set CLAW_HOME.`,
    }
  }
  if ((mode & 0o077) !== 0) {
    return {
      what: 'home',
      level: 'fail',
      words: `${paths.home} is open to other users`,
      mend: `chmod 700 ${paths.home}`,
    }
  }
  return { what: 'home', level: 'ok', words: paths.home }
}

function disk({ paths }: Surface): Finding {
  let folder = paths.home
  while (!existsSync(folder) && folder !== join(folder, '..')) folder = join(folder, '..')
  const { bavail, bsize } = statfsSync(folder)
  const gigabytes = (bavail * bsize) / 1024 ** 3
  const words = `${gigabytes.toFixed(1)} GB free`
  if (gigabytes >= 2) return { what: 'disk', level: 'ok', words }
  return { what: 'disk', level: 'warn', words, mend: 'Worktrees and dependency folders need room: free some.' }
}

async function config({ paths, env }: Surface): Promise<Finding> {
  const { loadConfig } = await import('../../config/load.ts')
  try {
    loadConfig(paths.configFile, env)
    const words = existsSync(paths.configFile) ? paths.configFile : 'defaults (no config.yaml)'
    return { what: 'config', level: 'ok', words }
  } catch (error) {
    if (!isFault(error)) throw error
    return { what: 'config', level: 'fail', words: error.message, ...(error.hint ? { mend: error.hint } : {}) }
  }
}

async function findHealth(surface: Surface): Promise<Health | undefined> {
  const living = await answers(surface.paths)
  if (!living) return undefined
  return (await (await createClient(() => living, surface.signal).v1.status.$get()).json()) as Health
}

function fromDaemon(health: Health): Finding[] {
  const found = health.agents.filter((agent) => agent.found)
  return [
    { what: 'daemon', level: 'ok', words: `${health.version} on ${health.url}` },
    found.length > 0
      ? { what: 'agents', level: 'ok', words: found.map(({ name }) => name).join(', ') }
      : { what: 'agents', level: 'fail', words: 'none found', mend: AGENT_MEND },
    health.model
      ? { what: 'model', level: 'ok', words: health.model }
      : { what: 'model', level: 'warn', words: `none; brain: ${health.brain}`, mend: MODEL_MEND },
    health.sandbox.name === 'none'
      ? { what: 'sandbox', level: 'warn', words: health.sandbox.words, mend: SANDBOX_MEND }
      : { what: 'sandbox', level: 'ok', words: `${health.sandbox.name}: ${health.sandbox.words}` },
  ]
}

const AGENT_MEND = 'Run `npm install` for the built-in one, or install goose, codex, claude or pi.'
const MODEL_MEND = 'Set ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY, or `model` in config.yaml; or use --plan.'
const SANDBOX_MEND = 'Install bubblewrap; without it agents see what you see.'

/** The daemon would say it better; this is what can be seen without one. */
function withoutDaemon({ env }: Surface): Finding[] {
  const agents = ['claude', 'codex', 'goose', 'pi'].filter((name) => onPath(name, env))
  const keys = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY'].filter(
    (name) => env[name],
  )
  return [
    { what: 'daemon', level: 'warn', words: 'does not run', mend: 'claw daemon start' },
    agents.length > 0
      ? { what: 'agents', level: 'ok', words: `on the PATH: ${agents.join(', ')}` }
      : { what: 'agents', level: 'warn', words: 'none on the PATH', mend: AGENT_MEND },
    keys.length > 0
      ? { what: 'model', level: 'ok', words: `key in ${keys.join(', ')}` }
      : { what: 'model', level: 'warn', words: 'no key in the environment', mend: MODEL_MEND },
    process.platform !== 'linux' || onPath('bwrap', env)
      ? {
          what: 'sandbox',
          level: 'ok',
          words: process.platform === 'linux' ? 'bubblewrap is installed' : process.platform,
        }
      : { what: 'sandbox', level: 'warn', words: 'bubblewrap is missing', mend: SANDBOX_MEND },
  ]
}

function onPath(name: string, env: NodeJS.ProcessEnv): boolean {
  return (env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return folder !== ''
    } catch {
      return false
    }
  })
}
