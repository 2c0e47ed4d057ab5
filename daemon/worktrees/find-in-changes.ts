import { readDiff } from '../proof/diff.ts'
import { revision } from './git.ts'
import type { OwnGit } from './own-git.ts'

/** Diffs beyond this are looked at as far as this; checks and reviewers see no more of them either. */
const DIFF_BYTES_MAX = 64 * 1024 * 1024

/** Where in what a tree adds to another a text is found, `path:line`; names of files are looked at as well. */
export async function findInChanges(
  git: OwnGit,
  { from, to, paths, finds }: { from: string; to: string; paths: readonly string[]; finds(text: string): boolean },
): Promise<string[]> {
  const named = paths.filter(finds).map((_, index) => `the name of changed file ${index + 1}`)
  const args = ['diff', '--no-color', '--no-ext-diff', '--no-textconv', '--text', '-U0', revision(from), revision(to)]
  const { text } = await git(args, { outputMax: DIFF_BYTES_MAX, cut: true })
  // Most diffs hold none: one look over the whole before it is taken apart.
  if (!finds(text)) return named
  const lines = readDiff(text).flatMap(({ path, added }) =>
    added.filter((line) => finds(line.text)).map((line) => `${path}:${line.line}`),
  )
  // It may stand in what was removed: only what is added is held back.
  return [...named, ...lines]
}
