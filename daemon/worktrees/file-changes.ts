import { parts } from './git.ts'
import type { FileChange } from './worktree.ts'

/** What `readChanges` understands: raw entries, then counts of lines. */
export const CHANGES_ARGS = ['diff-tree', '-r', '-z', '-M', '--no-abbrev', '--raw', '--numstat', '--no-ext-diff']

const KINDS: Record<string, FileChange['kind']> = {
  A: 'added',
  M: 'modified',
  D: 'deleted',
  R: 'renamed',
  T: 'type-changed',
}

/** Turns the output of `git diff-tree --raw --numstat -z` into changes, in git's order. Pure. */
export function readChanges(out: Buffer): FileChange[] {
  const fields = parts(out)
  const changes = new Map<string, FileChange>()
  let at = 0
  const next = () => fields[at++] ?? ''
  while (at < fields.length) {
    const field = next()
    if (field.startsWith(':')) {
      const [, mode = '', , , status = ''] = field.split(' ')
      const first = next()
      const path = status.startsWith('R') ? next() : first
      changes.set(path, {
        path,
        from: status.startsWith('R') ? first : null,
        kind: KINDS[status[0] ?? ''] ?? 'modified',
        insertions: null,
        deletions: null,
        mode,
      })
    } else {
      // `3<TAB>1<TAB>path`, or with an empty path and the two names of a rename after it.
      const [insertions = '-', deletions = '-', ...rest] = field.split('\t')
      let path = rest.join('\t')
      if (path === '') {
        next()
        path = next()
      }
      const change = changes.get(path)
      if (!change || insertions === '-') continue
      change.insertions = Number(insertions)
      change.deletions = Number(deletions)
    }
  }
  return [...changes.values()]
}
