import { describe, expect, test } from 'vitest'
import { findOverlap, footprintsOverlap, globsMeet, isInside } from '../../../daemon/planning/footprint.ts'

describe('globs that some path would match both of', () => {
  test.each([
    ['src/**', 'src/a.ts'],
    ['src/**', '**/*.ts'],
    ['**/*.md', 'docs/**'],
    ['src/*/a.ts', 'src/b/*'],
    ['src/{a,b}/**', 'src/b/c.ts'],
    ['src/[ab].ts', 'src/a.ts'],
    ['src/@(a|b).ts', 'src/zzz.ts'],
    ['*', 'README.md'],
    ['./src/a.ts', 'src/a.ts'],
    ['a*c', '*b*'],
    ['**', 'x'],
    ['src/**', 'src/**/test/*.ts'],
    ['src/{1..3}.ts', 'src/2.ts'],
    ['**/.env', '.env'],
  ])('%s and %s', (a, b) => {
    expect([globsMeet(a, b), globsMeet(b, a)]).toEqual([true, true])
  })
})

describe('globs that no path matches both of', () => {
  test.each([
    ['src/**', 'docs/**'],
    ['src/*.ts', 'src/a/b.ts'],
    ['*.md', '*.ts'],
    ['src/{a,b}/**', 'src/c/**'],
    ['src/a.ts', 'src/a.tsx'],
    ['src/?.ts', 'src/ab.ts'],
    ['a/**/z', 'b/**/z'],
    ['src/auth/**', 'src/authors/**'],
  ])('%s and %s', (a, b) => {
    expect([globsMeet(a, b), globsMeet(b, a)]).toEqual([false, false])
  })
})

test('patterns agree with picomatch: whatever path both match, they meet', () => {
  const globs = ['**', 'src/**', '*.ts', '**/*.ts', 'src/*/x.ts', 'src/{a,b}/*', 'src/a/x.ts', 'doc?/[a-c]*']
  const paths = ['a.ts', 'src/a/x.ts', 'src/b/y.md', 'src/a', 'docs/abc', 'src/a/b/c.ts', '.hidden.ts']
  for (const a of globs) {
    for (const b of globs) {
      const both = paths.filter((path) => isInside(path, [a]) && isInside(path, [b]))
      if (both.length > 0) expect(globsMeet(a, b), `${a} and ${b} meet in ${both}`).toBe(true)
    }
  }
})

test('a file that two footprints share by name does not make them overlap', () => {
  const shared = ['CHANGELOG.md', 'docs/**']
  expect(footprintsOverlap(['src/a/**', 'CHANGELOG.md'], ['src/b/**', 'CHANGELOG.md'], null, shared)).toBe(false)
  expect(footprintsOverlap(['docs/*.md'], ['docs/a.md'], null, shared)).toBe(false)
  expect(footprintsOverlap(['src/a/**', 'CHANGELOG.md'], ['src/**'], null, shared)).toBe(true)
})

test('it is enough that one side claims no more than what is shared', () => {
  const sides = [['CHANGELOG.md'], ['**/*.md']] as const
  expect(footprintsOverlap(sides[0], sides[1], null, ['CHANGELOG.md'])).toBe(false)
  expect(footprintsOverlap(sides[1], sides[0], null, ['CHANGELOG.md'])).toBe(false)
  expect(footprintsOverlap(sides[0], sides[1], null)).toBe(true)
})

test('a path is inside by its whole name, dotfiles like any other', () => {
  expect(isInside('.github/ci.yml', ['**'])).toBe(true)
  expect(isInside('src/.env', ['./src/*'])).toBe(true)
  expect(isInside('src/a/b.ts', ['src/*'])).toBe(false)
  expect(isInside('src/a.ts', [])).toBe(false)
})

test('lockfiles are shared without being named', () => {
  expect(footprintsOverlap(['package-lock.json', 'a/**'], ['package-lock.json', 'b/**'], null)).toBe(false)
})

test('an overlap names a file that exists, where there is one', () => {
  const files = ['src/a.ts', 'src/b.ts']
  expect(findOverlap(['src/**'], ['**/b.ts'], files)).toEqual({ a: 'src/**', b: '**/b.ts', file: 'src/b.ts' })
  expect(findOverlap(['src/**'], ['**/new.ts'], files)).toEqual({ a: 'src/**', b: '**/new.ts', file: null })
})

test('braces without end cost nothing', () => {
  const wild = `src/${'{a,b,c,d}'.repeat(12)}/x.ts`
  expect(globsMeet(wild, 'src/zzzz/x.ts')).toBe(true)
  expect(globsMeet(wild, 'docs/x.ts')).toBe(false)
})
