import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { createRepositories } from '../../../daemon/worktrees/git-repositories.ts'

/** An owner as they are: a home with a configuration, and git as they would type it. */
export interface AnOwner {
  folder: string
  home: string
  /** Runs git as the owner, in `cwd`; answers what it printed. */
  git(cwd: string, ...args: string[]): string
  write(path: string, text: string): void
  /** A repository with one commit of `files` on main. */
  repository(name: string, files?: Record<string, string>): string
  repositories: ReturnType<typeof createRepositories>
}

export function anOwner(options: { program?: string; log?: typeof silentLog } = {}): AnOwner {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'claw-worktrees-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const home = join(folder, 'home')
  mkdirSync(home)
  writeFileSync(join(home, '.gitconfig'), '[user]\n\tname = Ada Owner\n\temail = ada@example.org\n')
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' }
  const owner: AnOwner = {
    folder,
    home,
    git: (cwd, ...args) =>
      execFileSync('git', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trimEnd(),
    write(path, text) {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    },
    repository(name, files = { 'README.md': 'hello\n', 'src/a.txt': 'one\ntwo\nthree\n' }) {
      const path = join(folder, name)
      mkdirSync(path, { recursive: true })
      owner.git(path, 'init', '-q', '-b', 'main')
      for (const [file, text] of Object.entries(files)) owner.write(join(path, file), text)
      owner.git(path, 'add', '-A')
      owner.git(path, 'commit', '-q', '-m', 'first')
      return path
    },
    repositories: createRepositories({
      world: { clock: systemClock, log: options.log ?? silentLog },
      ownerEnv: env,
      ...(options.program ? { program: options.program } : {}),
    }),
  }
  return owner
}

/** Opens the repository and adds a worktree on its main branch. */
export async function aWorktree(owner: AnOwner, path: string, name = 'w1') {
  const repository = await owner.repositories.openLocal(path, join(owner.folder, 'claw', 'repo.git'))
  const base = await repository.ownerBranch('main')
  const worktree = join(owner.folder, 'worktrees', name)
  await repository.addWorktree(worktree, base)
  const capture = (ref = 'refs/claw/tasks/1/1', more: { base?: string; mergedParents?: string[] } = {}) =>
    repository.capture({ path: worktree, base, ref, message: 'Do it', trailers: ['Claw-Task: 1.1'], ...more })
  return { repository, base, worktree, capture }
}

/** A git program that notes what it is started with, one line of JSON-free text per call, then runs the real one. */
export function aNotingGit(folder: string): { program: string; notes: string } {
  const notes = join(folder, 'git-calls')
  const program = join(folder, 'noting-git')
  writeFileSync(notes, '')
  writeFileSync(program, `#!/bin/sh\n{ echo "ARGS $*"; env | grep '^GIT_' ; echo; } >> '${notes}'\nexec git "$@"\n`)
  chmodSync(program, 0o755)
  return { program, notes }
}
