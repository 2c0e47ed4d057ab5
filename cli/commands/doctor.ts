/** What Claw needs on this machine, looked at one by one; each line says how to mend it. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Finding } from '../../core/finding.ts'
import type { Health } from '../../daemon/health.ts'
import { createClient } from '../client.ts'
import { answers } from '../daemon.ts'
import { type Check, examine, ok, warn } from '../doctor/check.ts'
import {
  checkConfig,
  checkDaemonFile,
  checkDatabase,
  checkHome,
  checkPermissions,
  checkPort,
  newestMoment,
} from '../doctor/home.ts'
import { checkClock, checkDisk, checkGit, checkNode, checkSqlite } from '../doctor/machine.ts'
import { EXIT } from '../exit.ts'
import type { Surface } from '../surface.ts'
import { oneLine, pad } from '../text.ts'

export interface DoctorOptions {
  fix?: boolean
  online?: boolean
}

/** Exit code 1 when something is missing without which nothing works. */
export async function doctor(surface: Surface, options: DoctorOptions): Promise<number> {
  const findings: Finding[] = []
  const tell = (finding: Finding) => {
    findings.push(finding)
    if (!surface.isJson) surface.print(line(surface, finding))
  }
  for (const check of localChecks(surface)) tell(await examine(check, options.fix === true))
  for (const finding of await daemonFindings(surface, options)) tell(finding)
  if (surface.isJson) surface.printJson(findings)
  else if (findings.some((finding) => finding.fixable)) surface.say('claw doctor --fix mends what is safe.')
  return findings.some(({ level }) => level === 'fail') ? EXIT.failed : EXIT.ok
}

function line({ paint }: Surface, { what, level, words, mend, mended }: Finding): string {
  const glyph = level === 'ok' ? paint('green', '✓') : level === 'warn' ? paint('yellow', '!') : paint('red', '✗')
  const how = mended ? paint('green', ' — mended') : mend === undefined ? '' : paint('gray', ` — ${oneLine(mend)}`)
  return `${glyph} ${pad(what, 12)} ${oneLine(words)}${how}`
}

function localChecks({ paths, env, now }: Surface): Check[] {
  return [
    () => checkNode(process.version),
    () => checkSqlite(process.versions['sqlite']),
    () => checkGit(env),
    () => checkHome(paths),
    () => checkPermissions(paths),
    () => checkDisk(paths.home),
    async () => checkClock(now(), await newestMoment(paths)),
    () => checkConfig(paths, env),
    () => checkDatabase(paths),
    () => checkDaemonFile(paths),
    async () => checkPort(await portIn(paths.configFile, env), (await answers(paths)) !== undefined),
  ]
}

/** A configuration that is wrong is said on its own line. */
async function portIn(configFile: string, env: NodeJS.ProcessEnv): Promise<number> {
  const { loadConfig } = await import('../../config/load.ts')
  try {
    return loadConfig(configFile, env).http.port
  } catch {
    return 0
  }
}

/** The daemon starts each agent to see whether it answers; without one, only what lies on the PATH can be said. */
async function daemonFindings(surface: Surface, options: DoctorOptions): Promise<Finding[]> {
  const living = await answers(surface.paths)
  if (!living) return withoutDaemon(surface)
  const client = createClient(() => living, surface.signal)
  const health = (await (await client.v1.status.$get()).json()) as Health
  const json = { online: options.online === true, fix: options.fix === true }
  const { findings } = (await (await client.v1.doctor.$post({ json })).json()) as { findings: Finding[] }
  return [ok('daemon', `${health.version} on ${health.url}`), ...findings]
}

function withoutDaemon({ env }: Surface): Finding[] {
  const agents = ['claude', 'codex', 'goose', 'pi', 'opencode', 'gemini', 'qwen', 'copilot'].filter((name) =>
    onPath(name, env),
  )
  const keys = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY'].filter(
    (name) => env[name],
  )
  const isConfined = process.platform !== 'linux' || onPath('bwrap', env)
  return [
    warn('daemon', 'does not run, so agents, processes and worktrees were not looked at', 'claw daemon start'),
    agents.length > 0
      ? ok('agents', `on the PATH: ${agents.join(', ')}`)
      : warn('agents', 'none on the PATH', 'The built-in one is used; or install goose, codex, claude or pi.'),
    keys.length > 0 ? ok('model', `key in ${keys.join(', ')}`) : warn('model', 'no key in the environment', MODEL_MEND),
    isConfined
      ? ok('sandbox', process.platform === 'linux' ? 'bubblewrap is installed' : process.platform)
      : warn('sandbox', 'bubblewrap is missing', 'Install bubblewrap; without it agents see what you see.'),
  ]
}

const MODEL_MEND = 'Set ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY, or `model` in config.yaml; or use --plan.'

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
