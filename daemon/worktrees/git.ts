import { spawn } from 'node:child_process'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { Identity } from './worktree.ts'

/**
 * The one place that runs the git program.
 *
 * Every call gets an environment made from nothing and the settings below, which win over any
 * repository's own: no hook, signature, monitor, filter or prompt of the owner's or an agent's ever
 * runs, and what git says it has written is on the disk. Each call has a time limit and an output
 * limit; the whole process group ends with it. Nothing here knows what a worktree is.
 */
export type Git = (args: readonly string[], options?: GitOptions) => Promise<GitResult>

export interface GitOptions {
  cwd?: string
  /** Passed explicitly, so that no `.git` file in a folder is believed. */
  gitDir?: string
  workTree?: string
  indexFile?: string
  input?: string
  /** Exit codes that are answers rather than failures; 0 always is. */
  answers?: readonly number[]
  timeoutMs?: number
  outputMax?: number
  /** Above `outputMax`: stop git and answer what there is, instead of failing. */
  cut?: boolean
  /** Reads the owner's global configuration and login agents too: for their identity and their remotes. */
  asOwner?: boolean
  /** Without our settings, for reading configuration as it stands. */
  plain?: boolean
  /** More settings for this call. */
  settings?: readonly (readonly [string, string])[]
  identity?: Identity & { at: number }
}

export interface GitResult {
  code: number
  out: Buffer
  /** `out` as text, without the last line break. */
  text: string
  /** The end of what it wrote to stderr. */
  err: string
  wasCut: boolean
}

export interface GitDeps {
  world: World
  /** The environment that the daemon was started in. PATH is taken from it; HOME, proxies and login agents only for `asOwner`. */
  ownerEnv: Readonly<Record<string, string | undefined>>
  program?: string
}

/** Whoever writes when nobody is named. */
export const CLAW: Identity = { name: 'Claw', email: 'claw@localhost' }

const TIMEOUT_MS = 5 * 60_000
/** Clones, fetches and pushes, which wait for a network or copy a whole repository. */
export const TRANSFER_TIMEOUT_MS = 30 * 60_000
const OUTPUT_MAX = 256 * 1024 * 1024
const STDERR_MAX = 8 * 1024

/** Settings that win over every configuration file. */
export const SETTINGS: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.untrackedCache', 'false'],
  ['core.fsync', 'all'],
  ['core.fsyncMethod', 'fsync'],
  ['core.quotePath', 'false'],
  ['core.packedRefsTimeout', '10000'],
  ['core.filesRefLockTimeout', '10000'],
  ['core.askPass', ''],
  ['commit.gpgSign', 'false'],
  ['tag.gpgSign', 'false'],
  ['push.gpgSign', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['rerere.enabled', 'false'],
  ['merge.autoStash', 'false'],
  ['merge.conflictStyle', 'diff3'],
  ['merge.verifySignatures', 'false'],
  ['submodule.recurse', 'false'],
  ['protocol.version', '2'],
  ['protocol.ext.allow', 'never'],
  ['safe.directory', '*'],
  // Large files stay the pointers that git stores.
  ['filter.lfs.clean', ''],
  ['filter.lfs.smudge', ''],
  ['filter.lfs.process', ''],
  ['filter.lfs.required', 'false'],
]

/** What an owner's remotes may need: their keys, credential helpers and proxies. */
const OWNER_KEYS = [
  'HOME',
  'XDG_CONFIG_HOME',
  'XDG_RUNTIME_DIR',
  'DBUS_SESSION_BUS_ADDRESS',
  'SSH_AUTH_SOCK',
  'USER',
  'LOGNAME',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'ALL_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'all_proxy',
]

export function createGit({ world, ownerEnv, program = 'git' }: GitDeps): Git {
  return (args, options = {}) =>
    new Promise((resolve, reject) => {
      const argv = [
        ...(options.gitDir ? [`--git-dir=${options.gitDir}`] : []),
        ...(options.workTree ? [`--work-tree=${options.workTree}`] : []),
        ...args,
      ]
      const { outputMax = OUTPUT_MAX, timeoutMs = TIMEOUT_MS } = options
      // A group of its own, so that ssh or index-pack end with it.
      const child = spawn(program, argv, {
        ...(options.cwd ? { cwd: options.cwd } : {}),
        env: environment(ownerEnv, options),
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true,
      })
      const chunks: Buffer[] = []
      let size = 0
      let err = ''
      let ended: 'timeout' | 'cut' | 'too much' | undefined
      const end = (why: NonNullable<typeof ended>) => {
        ended ??= why
        try {
          if (child.pid) process.kill(-child.pid, 'SIGKILL')
        } catch {
          // Already gone.
        }
      }
      const timer = world.clock.after(timeoutMs, () => end('timeout'))

      child.stdout.on('data', (chunk: Buffer) => {
        if (ended) return
        size += chunk.length
        chunks.push(chunk)
        if (size > outputMax) end(options.cut ? 'cut' : 'too much')
      })
      child.stderr.on('data', (chunk: Buffer) => {
        err = (err + chunk.toString('utf8')).slice(-STDERR_MAX)
      })
      // git may end before it has read its input; its exit code tells the story.
      child.stdin.on('error', () => {})
      child.stdin.end(options.input ?? '')
      child.on('error', (error: NodeJS.ErrnoException) => {
        timer[Symbol.dispose]()
        reject(couldNotStart(error, program, options.cwd))
      })
      child.on('close', (code) => {
        timer[Symbol.dispose]()
        const out = Buffer.concat(chunks).subarray(0, outputMax)
        const result: GitResult = {
          code: code ?? -1,
          out,
          get text() {
            return out.toString('utf8').replace(/\n$/, '')
          },
          err: err.trim(),
          wasCut: ended === 'cut',
        }
        const words = args.slice(0, 3).join(' ')
        if (ended === 'timeout') {
          reject(new Fault('command_timeout', `git ${words} took longer than ${timeoutMs / 1000} s and was stopped`))
        } else if (ended === 'too much') {
          reject(new Fault('git_failed', `git ${words} wrote more than ${outputMax} bytes and was stopped`))
        } else if (result.wasCut || result.code === 0 || options.answers?.includes(result.code)) {
          resolve(result)
        } else {
          reject(failure(args, result))
        }
      })
    })
}

function environment(ownerEnv: GitDeps['ownerEnv'], options: GitOptions): Record<string, string> {
  const { identity } = options
  const settings = [...(options.plain ? [['safe.directory', '*'] as const] : SETTINGS), ...(options.settings ?? [])]
  const who = identity ?? CLAW
  const env: Record<string, string> = {
    PATH: ownerEnv['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_EDITOR: 'true',
    GIT_MERGE_AUTOEDIT: 'no',
    GIT_AUTHOR_NAME: who.name,
    GIT_AUTHOR_EMAIL: who.email,
    GIT_COMMITTER_NAME: who.name,
    GIT_COMMITTER_EMAIL: who.email,
  }
  if (identity) env['GIT_AUTHOR_DATE'] = env['GIT_COMMITTER_DATE'] = gitDate(identity.at)
  if (options.indexFile) env['GIT_INDEX_FILE'] = options.indexFile
  if (options.asOwner) {
    for (const key of OWNER_KEYS) {
      const value = ownerEnv[key]
      if (value !== undefined) env[key] = value
    }
  } else {
    // No home: no global attributes, excludes or configuration from whoever the daemon runs as.
    Object.assign(env, {
      HOME: '/dev/null',
      XDG_CONFIG_HOME: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_ATTR_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
    })
  }
  env['GIT_CONFIG_COUNT'] = String(settings.length)
  settings.forEach(([key, value], n) => {
    env[`GIT_CONFIG_KEY_${n}`] = key
    env[`GIT_CONFIG_VALUE_${n}`] = value
  })
  return env
}

/** Seconds and the machine's own offset, as git writes them. */
function gitDate(at: number): string {
  const minutes = -new Date(at).getTimezoneOffset()
  const size = Math.abs(minutes)
  const two = (n: number) => String(n).padStart(2, '0')
  return `@${Math.floor(at / 1000)} ${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`
}

function couldNotStart(error: NodeJS.ErrnoException, program: string, cwd: string | undefined): Error {
  if (error.code === 'ENOENT') {
    return new Fault('command_missing', `${program} could not be started${cwd ? ` in ${cwd}` : ''}`, {
      cause: error,
      hint: 'Install git 2.38 or later, and check that the folder exists.',
    })
  }
  return error
}

function failure(args: readonly string[], { code, err }: GitResult): Fault {
  const details = { args: args.slice(0, 20), exitCode: code, stderr: err }
  if (/No space left on device|Disk quota exceeded/.test(err)) {
    return new Fault('disk_full', `The disk is full: git ${args[0]} could not write`, {
      details,
      hint: 'Free some space; Claw tries again.',
    })
  }
  const why = err.split('\n').slice(-3).join(' ').slice(-400) || `it ended with ${code}`
  return new Fault('git_failed', `git ${args[0]} failed: ${why}`, { details })
}

/** What git wrote to stderr, where `error` is a failed call. */
export function stderrOf(error: unknown): string {
  return error instanceof Fault && typeof error.details['stderr'] === 'string' ? error.details['stderr'] : ''
}

/** Refuses what git would take for an option or more than one revision. */
export function revision(text: string): string {
  if (/^[^-\s\0][^\s\0]*$/.test(text)) return text
  throw new Fault('input_invalid', `${JSON.stringify(text)} does not name a commit`)
}

/** The parts of a NUL-separated list. */
export function parts(out: Buffer): string[] {
  const text = out.toString('utf8')
  return text === '' ? [] : text.replace(/\0$/, '').split('\0')
}
