import { describe, expect, test } from 'vitest'
import { secretIn } from '../../../core/secret-shapes.ts'
import { readDiff } from '../../../daemon/proof/diff.ts'
import { type GuardInput, guard } from '../../../daemon/proof/guards.ts'
import { isTestPath } from '../../../daemon/proof/test-code.ts'
import type { FileChange } from '../../../daemon/worktrees/worktree.ts'
import { commitFiles, git, makeRepository } from '../../fakes/repositories.ts'
import { aContract } from './a-verifier.ts'

function aChange(path: string, over: Partial<FileChange> = {}): FileChange {
  return { path, from: null, kind: 'modified', insertions: 1, deletions: 0, mode: '100644', ...over }
}

/** A diff as git prints it, of added and removed lines. */
function aDiff(path: string, lines: string[], mode = '100644'): string {
  const removed = lines.filter((line) => line.startsWith('-')).length
  const added = lines.filter((line) => line.startsWith('+')).length
  return [
    `diff --git a/${path} b/${path}`,
    `index 1111111..2222222 ${mode}`,
    `--- a/${path}`,
    `+++ b/${path}`,
    `@@ -1,${removed} +1,${added} @@`,
    ...lines,
    '',
  ].join('\n')
}

function findings(over: Partial<GuardInput>): string[] {
  const input = { kind: 'change', contract: aContract(), changes: [aChange('src/a.ts')], diff: '', ...over } as const
  return guard(input).map((finding) => `${finding.level} ${finding.guard} ${finding.path}`)
}

describe('what was changed', () => {
  test('a change that changes nothing stops; a report may', () => {
    expect(findings({ changes: [] })).toEqual(['stop empty-diff null'])
    expect(findings({ changes: [], kind: 'report' })).toEqual([])
  })

  test('a file outside the footprint is asked about; lockfiles, shared paths and the overlay are not', () => {
    const contract = aContract({
      footprint: ['src/**'],
      sharedPaths: ['CHANGELOG.md'],
      overlay: [{ path: 'test/accept.test.js', content: '' }],
    })
    const paths = ['src/.hidden/a.ts', 'docs/a.md', 'web/package-lock.json', 'CHANGELOG.md', 'test/accept.test.js']
    expect(findings({ contract, changes: paths.map((path) => aChange(path)) })).toEqual([
      'ask outside-footprint docs/a.md',
    ])
  })

  test('both names of a rename count', () => {
    const changes = [aChange('src/b.ts', { kind: 'renamed', from: 'lib/b.ts' })]
    expect(findings({ changes })).toEqual(['ask outside-footprint lib/b.ts'])
  })

  test('a submodule that was moved is asked about', () => {
    expect(findings({ changes: [aChange('src/lib', { mode: '160000' })] })).toEqual(['ask submodule-changed src/lib'])
  })

  test.each([
    ['src/link', '/etc/passwd', ['stop unsafe-path src/link']],
    ['src/link', '../../x', ['stop unsafe-path src/link']],
    ['src/link', '../.git/hooks', ['stop unsafe-path src/link']],
    ['src/link', '../test/a.ts', []],
  ])('symlink %s to %s', (path, target, wanted) => {
    const diff = aDiff(path, [`+${target}`, '\\ No newline at end of file'], '120000')
    expect(findings({ changes: [aChange(path, { mode: '120000' })], diff })).toEqual(wanted)
  })

  test.each(['src/.git/config', 'src/.GIT/hooks/x', 'src/git~1/config', 'src\\..\\x', 'src/../../x'])(
    'path %s stops',
    (path) => {
      expect(findings({ changes: [aChange(path)] }).filter((found) => found.startsWith('stop'))).toEqual([
        `stop unsafe-path ${path}`,
      ])
    },
  )

  test('many findings of a kind are a few and a number, and none that stops is lost', () => {
    const changes = Array.from({ length: 50 }, (_, n) => aChange(`other/${n}.ts`))
    const found = guard({ kind: 'change', contract: aContract(), changes, diff: '' })
    expect(found).toHaveLength(21)
    expect(found.at(-1)!.detail).toBe('and 30 more of this kind')
  })
})

describe('what was written', () => {
  test('conflict markers stop; a row of = under a heading does not', () => {
    expect(findings({ diff: aDiff('src/a.ts', ['+<<<<<<< HEAD', '+a', '+=======', '+b', '+>>>>>>> theirs']) })).toEqual(
      ['stop conflict-markers src/a.ts'],
    )
    expect(findings({ diff: aDiff('src/a.ts', ['+Heading', '+=======']) })).toEqual([])
  })

  test('a secret stops and is not repeated', () => {
    const key = `ghp_${'a1B2'.repeat(9)}`
    const [found] = guard({
      kind: 'change',
      contract: aContract(),
      changes: [aChange('src/a.ts')],
      diff: aDiff('src/a.ts', ['+// hello', `+const token = "${key}"`]),
    })
    expect(found).toMatchObject({ level: 'stop', guard: 'secret', detail: 'src/a.ts:2 holds a GitHub token' })
  })

  test('a secret that is taken out, or a hash in a lockfile, is none', () => {
    expect(findings({ diff: aDiff('src/a.ts', [`-const token = "ghp_${'a1B2'.repeat(9)}"`]) })).toEqual([])
    expect(findings({ diff: aDiff('package-lock.json', ['+"token": "A8f3kLq92mZx07TbVn4PdRs6WyHc1JgE"']) })).toEqual([])
  })

  test.each([
    ['key: AKIA' + 'Q3EGRIWLDP7ZK2MV', true],
    ['-----BEGIN OPENSSH ' + 'PRIVATE KEY-----', true],
    ['url = "postgres://app:' + 'h4rdToGuess9@db.internal/app"', true],
    ['API_KEY=' + 'A8f3kLq92mZx07TbVn4PdRs6WyHc1JgE', true],
    ['"client_secret": "' + 'A8f3kLq92mZx07TbVn4PdRs6WyHc1JgE"', true],
    ['aws_key = "AKIAIOSFODNN7EXAMPLE"', false],
    [`url = "postgres://user:$\{PASSWORD}@db/app"`, false],
    ['const token = process.env.GITHUB_TOKEN', false],
    ['tokenEndpoint: "https://example.org/oauth/token/v2/something"', false],
    ['const passwordField = "login-form-password-input-1"', false],
    ['authorName: "Wolfgang Amadeus Mozart"', false],
    ['integrity sha512-abc', false],
  ])('%s', (line, isSecret) => {
    expect(secretIn(line) !== undefined).toBe(isSecret)
  })
})

describe('what happened to tests', () => {
  const inTest = (path: string, lines: string[]) =>
    findings({ changes: [aChange(path)], diff: aDiff(path, lines), contract: aContract({ footprint: ['**'] }) })

  test('a deleted test file is asked about, and one moved to where no test is looked for', () => {
    const contract = aContract({ footprint: ['**'] })
    const deleted = [aChange('test/a.test.ts', { kind: 'deleted' })]
    const moved = [aChange('old/a.txt', { kind: 'renamed', from: 'test/a.test.ts' })]
    expect(findings({ contract, changes: deleted })).toEqual(['ask tests-weakened test/a.test.ts'])
    expect(findings({ contract, changes: moved })).toEqual(['ask tests-weakened test/a.test.ts'])
  })

  test.each([
    ['test/a.test.ts', "+test.skip('a', () => {})"],
    ['test/a.test.ts', "+describe.only('a', () => {})"],
    ['test/a.test.ts', "+  it.todo('later')"],
    ['tests/test_a.py', '+@pytest.mark.skip(reason="flaky")'],
    ['tests/test_a.py', '+    @unittest.skip("later")'],
    ['a_test.go', '+\tt.Skip("later")'],
    ['src/lib.rs', '+    #[ignore]'],
    ['src/test/java/ATest.java', '+    @Disabled("later")'],
    ['test/test_a.c', '+    TEST_IGNORE();'],
  ])('%s with %s is asked about', (path, line) => {
    expect(inTest(path, [line])).toEqual([`ask tests-weakened ${path}`])
  })

  test.each([
    ['test/a.test.ts', '-  expect(add(1, 2)).toBe(3)'],
    ['tests/test_a.py', '-    assert add(1, 2) == 3'],
    ['tests/test_a.py', '-        self.assertEqual(add(1, 2), 3)'],
    ['a_test.go', '-\t\tt.Errorf("got %d", got)'],
    ['src/lib.rs', '-        assert_eq!(add(1, 2), 3);'],
    ['src/test/java/ATest.java', '-        assertEquals(3, add(1, 2));'],
    ['test/test_a.c', '-    assert(add(1, 2) == 3);'],
  ])('%s without %s is asked about', (path, line) => {
    expect(inTest(path, [line, '+// nothing'])).toEqual([`ask tests-weakened ${path}`])
  })

  test('a changed expectation is noted, a new one is nothing', () => {
    expect(inTest('test/a.test.ts', ['-expect(a).toBe(1)', '+expect(a).toBe(2)'])).toEqual([
      'note tests-weakened test/a.test.ts',
    ])
    expect(inTest('test/a.test.ts', ["+test('b', () => {", '+expect(a).toBe(2)', '+})'])).toEqual([])
  })

  test('tests that moved from one file to another are noted, not asked about', () => {
    const diff =
      aDiff('test/a.test.ts', ["-test('b', () => expect(1).toBe(1))"]) +
      aDiff('test/b.test.ts', ["+test('b', () => expect(1).toBe(1))"])
    expect(findings({ changes: [aChange('test/a.test.ts'), aChange('test/b.test.ts')], diff })).toEqual([
      'note tests-weakened test/a.test.ts',
    ])
  })

  test('what a test path is', () => {
    const paths = [
      'src/a.test.ts',
      'tests/x/a.py',
      'pkg/a_test.go',
      'src/test/java/a/FooTest.java',
      'src/latest.ts',
      'contest.py',
      'tests/README.md',
    ]
    expect(paths.filter(isTestPath)).toEqual(paths.slice(0, 4))
  })
})

test("reads git's own diff: renames, deletions, modes, quoted names, lines that look like headers", () => {
  const path = makeRepository({ 'a.txt': 'one\ntwo\n', 'gone.txt': 'x\n', 'old name.txt': 'a\nb\nc\nd\ne\n' })
  commitFiles(path, {
    'a.txt': 'one\n++ b/fake\n',
    'gone.txt': null,
    'old name.txt': null,
    'new name.txt': 'a\nb\nc\nd\nf\n',
    'wörld.txt': 'é\n',
  })
  const read = readDiff(git(path, 'diff', '-M', 'HEAD~1', 'HEAD'))
  expect(read.map(({ path, from, deleted }) => [path, from, deleted])).toEqual([
    ['a.txt', null, false],
    ['gone.txt', null, true],
    ['new name.txt', 'old name.txt', false],
    ['wörld.txt', null, false],
  ])
  expect(read[0]).toMatchObject({ added: [{ line: 2, text: '++ b/fake' }], removed: [{ line: 2, text: 'two' }] })
  expect(read[3]).toMatchObject({ mode: '100644', added: [{ line: 1, text: 'é' }] })
})
