import { expect, test } from 'vitest'
import { findOffLimits } from '../../../daemon/memory/off-limits.ts'

const FILES = ['README.md', 'CHANGELOG.md', 'docs/api.md', 'docs/guide/start.md', 'src/app.ts', 'src/generated/a.ts']

function forbidden(body: string, data: unknown = null): string[] {
  return findOffLimits([{ id: 'note_1', title: 'Preference', body, data }], FILES).map(({ glob }) => glob)
}

test.each<[string, string[]]>([
  ['Never touch CHANGELOG.', ['CHANGELOG.md', 'CHANGELOG', 'CHANGELOG.*']],
  ['Please do not edit `docs/` or README.md.', ['docs/**', 'README.md']],
  ["Don't ever change src/generated/*.ts", ['src/generated/*.ts']],
  ['You must not modify the "docs" folder', ['docs/**']],
  ['Agents may never modify the docs folder.', ['docs/**']],
  ['Never change LICENSE', ['LICENSE', 'LICENSE.*']],
  // No plain order, or no file: the words alone have to do.
  ['Never touch CHANGELOG.md without asking me.', []],
  ['Do not change the public interface.', []],
  ['Keep CHANGELOG.md up to date.', []],
  ['Never touch ../secrets or /etc/passwd', []],
  ['Use tabs. Never delete `src/app.ts`! Name things well.', ['src/app.ts']],
])('%s', (words, globs) => {
  expect(forbidden(words)).toEqual(globs)
})

test('an owner who wants to be exact names the globs in the head, and then the words are not read', () => {
  expect(forbidden('Never touch README.md', { offLimits: ['src/**'] })).toEqual(['src/**'])
})

test('what is forbidden names the note that says so', () => {
  const [first] = findOffLimits(
    [{ id: 'note_7', title: 'Hands off', body: 'Never touch README.md', data: null }],
    FILES,
  )
  expect(first).toEqual({ glob: 'README.md', because: 'your note "Hands off" (note_7) says so' })
})
