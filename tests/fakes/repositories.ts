import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** The small repositories under tests/fixtures/repositories, one per language; their tests pass and need no downloads. */
export type Fixture = 'typescript' | 'python' | 'go' | 'rust' | 'java' | 'c'

const FIXTURES = fileURLToPath(new URL('../fixtures/repositories/', import.meta.url))

/** The same author and moment always, so that the same files give the same commit. */
const GIT_ENV = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Ada Owner',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_AUTHOR_DATE: '2026-01-02T03:04:05Z',
  GIT_COMMITTER_NAME: 'Ada Owner',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
  GIT_COMMITTER_DATE: '2026-01-02T03:04:05Z',
  LC_ALL: 'C',
}

/** A folder that is gone when the test is over. */
export function temporaryFolder(name = 'claw-test'): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `${name}-`)))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  return folder
}

/**
 * A real repository with one commit on `main`: a fixture, or the files given (a string is the
 * content; a null leaves a fixture's file out). Answers its path. Removed with `dir`, or, without
 * one, when the test is over.
 */
export function makeRepository(
  what: Fixture | Record<string, string>,
  options: { dir?: string; name?: string; files?: Record<string, string | null> } = {},
): string {
  const path = join(options.dir ?? temporaryFolder('claw-repository'), options.name ?? 'repository')
  mkdirSync(path, { recursive: true })
  if (typeof what === 'string') cpSync(join(FIXTURES, what), path, { recursive: true })
  else writeFiles(path, what)
  writeFiles(path, options.files ?? {})
  git(path, 'init', '-q', '--template=', '-b', 'main')
  commitAll(path, 'first')
  return path
}

/** Writes files (null removes) and commits everything. Answers the commit. */
export function commitFiles(path: string, files: Record<string, string | null>, message = 'change'): string {
  writeFiles(path, files)
  return commitAll(path, message)
}

/** Runs git as the owner would; answers what it printed. */
export function git(path: string, ...args: string[]): string {
  return execFileSync('git', args, {
    cwd: path,
    env: GIT_ENV,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trimEnd()
}

function commitAll(path: string, message: string): string {
  git(path, 'add', '-A')
  git(path, 'commit', '-q', '--allow-empty', '-m', message)
  return git(path, 'rev-parse', 'HEAD')
}

function writeFiles(path: string, files: Record<string, string | null>): void {
  for (const [name, content] of Object.entries(files)) {
    const file = join(path, name)
    if (content === null) {
      rmSync(file, { recursive: true, force: true })
      continue
    }
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content, { mode: content.startsWith('#!') ? 0o755 : 0o644 })
  }
}
