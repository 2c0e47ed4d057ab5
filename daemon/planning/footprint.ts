/**
 * Which files a task may change, and whether two tasks could meet in one.
 *
 * Pure. Footprints are globs of paths that may not exist yet, so two of them are compared as
 * patterns: they overlap when some path would match both. Where a pattern is richer than what is
 * read exactly here (classes, extended globs) it is taken as wider than it is: two tasks are then
 * worked on one after the other, which is slow but never wrong.
 */
import picomatch from 'picomatch'

/** Files that package managers write; several tasks may touch them without being named. */
export const LOCKFILES: readonly string[] = [
  'package-lock.json',
  'npm-shrinkwrap.json',
  'yarn.lock',
  'pnpm-lock.yaml',
  'bun.lock',
  'bun.lockb',
  'deno.lock',
  'Cargo.lock',
  'go.sum',
  'poetry.lock',
  'uv.lock',
  'pdm.lock',
  'Pipfile.lock',
  'Gemfile.lock',
  'composer.lock',
  'mix.lock',
  'flake.lock',
  'gradle.lockfile',
  'packages.lock.json',
  'pubspec.lock',
  'Package.resolved',
]

/** Alternatives that braces may unfold into; beyond this the braces are read as `*`. */
const ALTERNATIVES_MAX = 200

/** Whether a path lies in a footprint. Dotfiles are matched like any other file. */
export function isInside(path: string, globs: readonly string[]): boolean {
  return globs.some((glob) => picomatch.isMatch(path, tidy(glob), { dot: true }))
}

/** Whether the path is a lockfile, in whatever folder. */
export function isLockfile(path: string): boolean {
  return LOCKFILES.includes(path.slice(path.lastIndexOf('/') + 1))
}

/**
 * Whether some file outside `sharedPaths` could be changed by both. `files` are the paths known
 * today (null: unknown); they only add certainty, a file yet to be written counts as well.
 */
export function footprintsOverlap(
  a: readonly string[],
  b: readonly string[],
  files: readonly string[] | null,
  sharedPaths: readonly string[] = [],
): boolean {
  return findOverlap(a, b, files, sharedPaths) !== undefined
}

/** The first pair of globs that meet, for people; undefined where none do. */
export function findOverlap(
  a: readonly string[],
  b: readonly string[],
  files: readonly string[] | null,
  sharedPaths: readonly string[] = [],
): { a: string; b: string; file: string | null } | undefined {
  for (const one of a) {
    for (const other of b) {
      if (!globsMeet(one, other) || isShared(one, sharedPaths) || isShared(other, sharedPaths)) continue
      const file = files?.find(
        (path) => isInside(path, [one]) && isInside(path, [other]) && !isLockfile(path) && !isInside(path, sharedPaths),
      )
      return { a: one, b: other, file: file ?? null }
    }
  }
  return undefined
}

/** Whether all that a glob matches is shared: then meeting in it does no harm. */
function isShared(glob: string, sharedPaths: readonly string[]): boolean {
  const own = tidy(glob)
  if (!isGlob(own)) return isLockfile(own) || isInside(own, sharedPaths)
  return sharedPaths.map(tidy).some((shared) => {
    if (shared === own || shared === '**') return true
    return shared.endsWith('/**') && !isGlob(shared.slice(0, -3)) && own.startsWith(shared.slice(0, -2))
  })
}

export function isGlob(text: string): boolean {
  return /[*?[\]{}()!+@]/.test(text)
}

/** Whether some path would match both globs. */
export function globsMeet(a: string, b: string): boolean {
  const others = unfold(tidy(b))
  return unfold(tidy(a)).some((one) => others.some((other) => segmentsMeet(one.split('/'), other.split('/'))))
}

/** Picomatch reads `./a` and `a` alike; so do we. */
function tidy(glob: string): string {
  return glob.replace(/^(\.\/)+/, '').replace(/\/{2,}/g, '/')
}

/** Two lists of path segments; `**` stands for any number of them. */
function segmentsMeet(a: readonly string[], b: readonly string[]): boolean {
  return meet(a, b, (segment) => segment === '**', segmentMeets)
}

/** Two segments; `*` stands for any number of characters, `?` for one. */
function segmentMeets(a: string, b: string): boolean {
  return meet(
    [...widen(a)],
    [...widen(b)],
    (char) => char === '*',
    (x, y) => x === '?' || y === '?' || x === y,
  )
}

/** What is not read exactly becomes `*`. A backslash makes the next character plain. */
function widen(segment: string): string {
  if (/[()!+@]/.test(segment) && /\(/.test(segment)) return '*'
  return segment.replace(/\[[^\]]*\]/g, '?').replace(/\\(.)/g, '$1')
}

/**
 * Whether two patterns have a word in common. `isAny` marks an element that stands for any number
 * of elements. One cell per pair of places, so the cost is the product of the lengths.
 */
function meet<T>(a: readonly T[], b: readonly T[], isAny: (x: T) => boolean, same: (x: T, y: T) => boolean): boolean {
  let below = new Array<boolean>(b.length + 1).fill(false)
  for (let i = a.length; i >= 0; i--) {
    const row = new Array<boolean>(b.length + 1).fill(false)
    for (let j = b.length; j >= 0; j--) {
      const x = a[i]
      const y = b[j]
      if (x === undefined && y === undefined) row[j] = true
      else if (x !== undefined && isAny(x)) row[j] = below[j]! || (y !== undefined && row[j + 1]!)
      else if (y !== undefined && isAny(y)) row[j] = row[j + 1]! || (x !== undefined && below[j]!)
      else row[j] = x !== undefined && y !== undefined && same(x, y) && below[j + 1]!
    }
    below = row
  }
  return below[0]!
}

/** `src/{a,b}.ts` as `src/a.ts` and `src/b.ts`. */
function unfold(glob: string): string[] {
  let open = [glob]
  const done: string[] = []
  while (open.length > 0) {
    const next: string[] = []
    for (const pattern of open) {
      const braces = /\{([^{}]*)\}/.exec(pattern)
      if (!braces) {
        done.push(pattern)
        continue
      }
      const [whole, inner = ''] = braces
      const ranged = !inner.includes(',')
      for (const choice of ranged ? ['*'] : inner.split(',')) {
        next.push(pattern.slice(0, braces.index) + choice + pattern.slice(braces.index + whole.length))
      }
    }
    if (next.length + done.length > ALTERNATIVES_MAX)
      return [glob.replace(/\{.*\}/, '**').replace(/[^/]*\*\*[^/]*/g, '**')]
    open = next
  }
  return done
}
