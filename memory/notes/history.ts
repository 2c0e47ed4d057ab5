import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import type { NoteVersion } from '../memory.ts'

/**
 * The notes' history: the folder is a git repository and whoever changes a file, the change
 * is committed here.
 *
 * A note is safe when its file is written; history follows within seconds, so that a
 * hundred notes make one commit. When git is missing or the disk is full, notes go on being
 * kept and the failure is logged.
 */
export interface History extends AsyncDisposable {
  /** Says that something changed and what it was; committed soon. */
  changed(what: string): void
  /** Resolves when all that was told is committed, or could not be. */
  settled(): Promise<void>
  versions(path: string): Promise<NoteVersion[]>
  /** The file's text in that commit. @throws note_not_found */
  textAt(path: string, commit: string): Promise<string>
  /** The path that last held this id, also of a removed note. */
  findLost(id: string): Promise<string | undefined>
}

export interface HistoryDeps {
  world: World
  dir: string
  path: string
  author: { name: string; email: string }
}

const QUIET_MS = 2_000
const RETRY_MS = 30_000
const STALE_MS = 20_000
const PENDING_MAX = 1_000
/** What else lies in the folder may be large and is not ours to keep. */
const ONLY_NOTES = '*\n!*/\n!*.[mM][dD]\n!*.markdown\n.*.part\n.obsidian/\n.trash/\n'
const GIT_TIMEOUT_MS = 120_000
const OUTPUT_MAX = 32 * 1024 * 1024
const VERSIONS_MAX = 200

export function openHistory({ world, dir, path, author }: HistoryDeps): History {
  const log = world.log.child({ part: 'notes-history' })
  const pending: string[] = []
  let timer: Disposable | undefined
  let disposed = false
  let isPrepared = false
  let work: Promise<void> = Promise.resolve()

  function git(...args: string[]): Promise<string> {
    const settings = [
      'core.hooksPath=/dev/null',
      'commit.gpgsign=false',
      'core.fsync=all',
      'core.fsyncMethod=batch',
      'gc.auto=0',
      'core.quotepath=false',
      'core.autocrlf=false',
      'core.symlinks=false',
      'protocol.allow=never',
    ].flatMap((setting) => ['-c', setting])
    return new Promise((resolve, reject) => {
      execFile(
        'git',
        ['-C', dir, ...settings, ...args],
        {
          timeout: GIT_TIMEOUT_MS,
          maxBuffer: OUTPUT_MAX,
          env: {
            PATH: path,
            HOME: dir,
            LC_ALL: 'C',
            GIT_CONFIG_NOSYSTEM: '1',
            GIT_CONFIG_GLOBAL: '/dev/null',
            GIT_TERMINAL_PROMPT: '0',
            GIT_DIR: join(dir, '.git'),
            GIT_WORK_TREE: dir,
            GIT_AUTHOR_NAME: author.name,
            GIT_AUTHOR_EMAIL: author.email,
            GIT_COMMITTER_NAME: 'Claw',
            GIT_COMMITTER_EMAIL: 'claw@localhost',
          },
        },
        (error, stdout, stderr) => {
          if (error)
            reject(
              new Fault('git_failed', `git ${args[0]} failed in the notes folder: ${stderr.trim().slice(-500)}`, {
                cause: error,
              }),
            )
          else resolve(stdout)
        },
      )
    })
  }

  /** A git that was killed leaves its locks; one that is at work keeps them for seconds. */
  async function freeLocks(): Promise<void> {
    for (const folder of ['.git', '.git/refs/heads']) {
      const names = await readdir(join(dir, folder)).catch(() => [])
      for (const name of names.filter((each) => each.endsWith('.lock'))) {
        const lock = join(dir, folder, name)
        const found = await stat(lock).catch(() => undefined)
        if (found && world.clock.now() - found.mtimeMs > STALE_MS) await rm(lock, { force: true })
      }
    }
  }

  /** A repository that the owner has begun keeps its own rules. */
  async function prepare(): Promise<void> {
    if (!existsSync(join(dir, '.git', 'HEAD'))) await git('init', '--quiet', '--initial-branch=main')
    const isBegun = await git('rev-parse', '--verify', '--quiet', 'HEAD').catch(() => '')
    if (isBegun === '') await writeFile(join(dir, '.git', 'info', 'exclude'), ONLY_NOTES)
    isPrepared = true
  }

  async function commit(): Promise<void> {
    const what = pending.splice(0)
    try {
      await freeLocks()
      if (!isPrepared || !existsSync(join(dir, '.git', 'HEAD'))) await prepare()
      await git('add', '--all', '--', '.')
      if ((await git('status', '--porcelain', '--untracked-files=no', '-z')).length === 0) return
      await git('commit', '--quiet', '--message', message(what))
    } catch (error) {
      log.warn({ error: String(error) }, 'notes not committed')
      await freeLocks()
      pending.unshift(...what.slice(0, PENDING_MAX))
      if (!disposed) timer ??= world.clock.after(RETRY_MS, () => void flush())
    }
  }

  const flush = (): Promise<void> => {
    timer?.[Symbol.dispose]()
    timer = undefined
    if (pending.length > 0) work = work.then(commit)
    return work
  }

  return {
    changed(what) {
      pending.push(what)
      timer ??= world.clock.after(QUIET_MS, () => void flush())
    },

    settled: flush,

    async versions(file) {
      await flush()
      const format = '--format=%x01%H%x02%aI%x02%s'
      const out = await git('log', `--max-count=${VERSIONS_MAX}`, '--follow', '--name-only', format, '--', file).catch(
        () => '',
      )
      return out
        .split('\x01')
        .filter(Boolean)
        .map((entry) => {
          const [line = '', ...names] = entry.split('\n').filter(Boolean)
          const [commit = '', at = '', text = ''] = line.split('\x02')
          return { commit, at, message: text, path: names[0] ?? file }
        })
    },

    async textAt(file, commit) {
      if (!/^[0-9a-f]{7,64}(\^|~\d{1,3})?$/.test(commit))
        throw new Fault('input_invalid', `"${commit}" is not a commit`)
      return await git('show', `${commit}:${file}`).catch((cause: unknown) => {
        throw new Fault('note_not_found', `${file} is not in commit ${commit}`, { cause })
      })
    },

    async findLost(id) {
      await flush()
      const out = await git('log', '--max-count=50', '--format=', '--name-only', '-S', `id: ${id}`, '--', '.').catch(
        () => '',
      )
      for (const file of out.split('\n').filter(Boolean)) {
        const [last] = await this.versions(file)
        if (!last) continue
        const text = await git('show', `${last.commit}:${file}`)
          .catch(() => git('show', `${last.commit}^:${file}`))
          .catch(() => '')
        if (text.includes(`id: ${id}\n`)) return file
      }
      return undefined
    },

    async [Symbol.asyncDispose]() {
      disposed = true
      await flush()
      timer?.[Symbol.dispose]()
    },
  }
}

export const AS_FOUND = 'Notes as they were found'

/** One line that says what happened; the rest below it. */
function message(what: readonly string[]): string {
  const different = [...new Set(what)]
  const told = different.filter((each) => each !== AS_FOUND)
  const [first = AS_FOUND, ...rest] = told
  if (rest.length === 0) return first
  const shown = rest.slice(0, 50)
  const more = rest.length > shown.length ? [`… and ${rest.length - shown.length} more`] : []
  return [`${first} (and ${rest.length} more)`, '', ...shown, ...more].join('\n')
}
