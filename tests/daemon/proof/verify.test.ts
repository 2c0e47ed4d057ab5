import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { commitFiles, git, makeRepository } from '../../fakes/repositories.ts'
import { aCheck, aContract, aVerifier } from './a-verifier.ts'

const TEST_FILE = 'test/slug.test.js'
const ACCEPTANCE = {
  path: 'test/accept.test.js',
  content: `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slug } from '../src/slug.ts'
test('drops what is no letter', () => assert.equal(slug('Hi, you!'), 'hi-you'))
`,
}
const SOLUTION = `export function slug(title: string): string {
  return (title.toLowerCase().match(/[a-z0-9]+/g) ?? []).join('-')
}
`

async function opened(files: Record<string, string | null> = {}) {
  const path = makeRepository('typescript', { files })
  const parts = await aVerifier()
  const base = git(path, 'rev-parse', 'HEAD')
  return {
    ...parts,
    path,
    base,
    /** Commits, and verifies that commit against the base. */
    async verifyChange(change: Record<string, string | null>, contract = aContract()) {
      const commit = commitFiles(path, change)
      const repository = await parts.open(path)
      await repository.fetch()
      return await parts.verifier.verify({ repository, contract, base, commit, kind: 'task', tag: parts.tag })
    },
  }
}

test('proves a commit in a clean checkout, keeps the whole output, and leaves nothing behind', async () => {
  const { verifyChange, dir, sandbox } = await opened()
  const contract = aContract({
    overlay: [ACCEPTANCE],
    checks: [aCheck(), aCheck({ name: 'words', command: 'seq 1 20000 && node --test', kind: 'fails-before' })],
  })
  const proof = await verifyChange({ 'src/slug.ts': SOLUTION }, contract)

  expect(proof).toMatchObject({ passed: true, setup: null, guards: [], sandboxName: sandbox.name })
  expect(proof.results.map((result) => [result.name, result.exitCode, result.passed])).toEqual([
    ['test', 0, true],
    ['words', 0, true],
  ])
  const words = proof.results[1]!
  const whole = gunzipSync(readFileSync(words.outputFile!))
  expect(whole.toString()).toMatch(/^1\n2\n3\n/)
  expect(createHash('sha256').update(whole).digest('hex')).toBe(words.outputDigest)
  expect(words.tail.length).toBeLessThanOrEqual(4000)
  expect(words.tail).toContain('pass 2')
  expect(readdirSync(dir)).toEqual([])
})

test('a red check is an answer with the real output', async () => {
  const { verifyChange } = await opened()
  const proof = await verifyChange({ 'src/slug.ts': 'export const slug = (title: string) => title\n' })
  expect(proof.passed).toBe(false)
  expect(proof.results[0]).toMatchObject({ passed: false, exitCode: 1, timedOut: false })
  expect(proof.results[0]!.tail).toContain('joins words with dashes')
})

test('a bought test script proves nothing: the base has the word', async () => {
  const { verifyChange } = await opened()
  const manifest = JSON.stringify({ name: 'slugs', type: 'module', version: '2.0.0', scripts: { test: 'true' } })
  const proof = await verifyChange({
    'src/slug.ts': 'export const slug = (title: string) => title\n',
    'package.json': manifest,
  })
  expect(proof.passed).toBe(false)
  expect(proof.guards).toMatchObject([{ guard: 'check-definition-changed', level: 'ask', path: 'package.json' }])
})

test('a plan that names package.json lets its scripts count', async () => {
  const { verifyChange } = await opened()
  const manifest = JSON.stringify({ name: 'slugs', type: 'module', scripts: { test: 'echo bought' } })
  const proof = await verifyChange({ 'package.json': manifest }, aContract({ footprint: ['package.json'] }))
  expect(proof.passed).toBe(true)
  expect(proof.results[0]!.tail).toContain('bought')
  expect(proof.guards).toMatchObject([{ level: 'note' }])
})

test('an .npmrc that swaps the shell is not there when the checks run', async () => {
  const { verifyChange } = await opened()
  const proof = await verifyChange({
    'src/slug.ts': 'export const slug = (title: string) => title\n',
    '.npmrc': 'script-shell=/bin/true\n',
  })
  expect(proof.passed).toBe(false)
  expect(proof.guards).toMatchObject([{ guard: 'check-definition-changed', level: 'ask', path: '.npmrc' }])
})

test('what one check writes is not what the next one reads', async () => {
  const { verifyChange } = await opened({ '.gitignore': 'kept/\n' })
  const contract = aContract({
    overlay: [ACCEPTANCE],
    checks: [
      aCheck({
        name: 'vandal',
        command: `echo broken > src/slug.ts; echo > ${TEST_FILE}; echo > ${ACCEPTANCE.path}; touch stray; mkdir kept; touch kept/build`,
      }),
      aCheck({ name: 'after', command: 'test ! -e stray && test -e kept/build && node --test' }),
    ],
  })
  const proof = await verifyChange({ 'src/slug.ts': SOLUTION }, contract)
  expect(proof.results.map((result) => result.passed)).toEqual([true, true])
  expect(proof.results[1]!.tail).toContain('pass 2')
})

test('neither a check nor set-up writes for the one after it, also where nothing is laid over the work', async () => {
  const yaml = 'setup: ["echo broken > src/slug.ts; touch stray"]\n'
  const { verifyChange } = await opened({ 'claw.yaml': yaml })
  const intact = 'test ! -e stray && grep -q toLowerCase src/slug.ts'
  const contract = aContract({
    checks: [
      aCheck({ name: 'after set-up', command: `${intact} && echo broken > src/slug.ts && touch stray` }),
      aCheck({ name: 'after a check', command: intact }),
    ],
  })
  const proof = await verifyChange({ 'src/slug.ts': SOLUTION }, contract)
  expect(proof.results.map((result) => result.passed)).toEqual([true, true])
})

test('a failure in the middle of a pipe or a list counts', async () => {
  const { verifyChange } = await opened()
  const contract = aContract({
    checks: [aCheck({ name: 'list', command: 'false; true' }), aCheck({ name: 'pipe', command: 'false | cat' })],
  })
  const proof = await verifyChange({ 'src/slug.ts': SOLUTION }, contract)
  expect(proof.results.map((result) => result.passed)).toEqual([false, false])
})

test('a check has an environment from nothing, a private HOME, and no network', async () => {
  const { verifyChange, sandbox } = await opened()
  process.env['CLAW_TEST_LEAK'] = 'leaked'
  const command = 'env | sort; echo "home: $(ls -A "$HOME" | wc -l)"; cat /proc/net/dev | grep -c : || true'
  const proof = await verifyChange({ 'src/slug.ts': SOLUTION }, aContract({ checks: [aCheck({ command })] }))
  delete process.env['CLAW_TEST_LEAK']
  const { tail } = proof.results[0]!
  expect(tail).not.toContain('leaked')
  expect(tail).toContain('home: 0')
  expect(tail).toMatch(/^TMPDIR=.*\/tmp$/m)
  if (sandbox.name === 'bubblewrap') expect(tail.trimEnd().split('\n').at(-1)).toBe('1')
})

test('a check that does not end is ended at its limit, and the rest goes on', async () => {
  const { verifyChange } = await opened()
  const contract = aContract({
    checks: [aCheck({ name: 'endless', command: 'sleep 1000', timeoutSeconds: 1 }), aCheck()],
  })
  const proof = await verifyChange({ 'src/slug.ts': SOLUTION }, contract)
  expect(proof.results[0]).toMatchObject({ passed: false, timedOut: true })
  expect(proof.results[1]).toMatchObject({ passed: true })
})

test('aborting throws the reason and removes the checkout', async () => {
  const { path, base, open, verifier, dir, tag } = await opened()
  const controller = new AbortController()
  const repository = await open(path)
  const contract = aContract({ checks: [aCheck({ command: 'true' }), aCheck({ command: 'sleep 1000' })] })
  const verifying = verifier.verify({
    repository,
    contract,
    base,
    commit: base,
    kind: 'task',
    tag,
    signal: controller.signal,
    onChecked: () => controller.abort(new Error('the goal was cancelled')),
  })
  await expect(verifying).rejects.toThrow('the goal was cancelled')
  expect(readdirSync(dir)).toEqual([])
})

test('an overlay file never follows a symlink that the work planted', async () => {
  const { verifyChange, path } = await opened()
  mkdirSync(`${path}/test`, { recursive: true })
  symlinkSync('../src/slug.ts', `${path}/${ACCEPTANCE.path}`)
  const contract = aContract({ overlay: [ACCEPTANCE], checks: [aCheck({ command: 'node --test' })] })
  const proof = await verifyChange({ 'src/slug.ts': SOLUTION }, contract)
  expect(proof.results[0]).toMatchObject({ passed: true })
})

test('the baseline says for each check whether it fits its kind', async () => {
  const { path, base, open, verifier, dir, tag } = await opened()
  const repository = await open(path)
  const contract = aContract({
    overlay: [ACCEPTANCE],
    checks: [
      aCheck({ name: 'point', command: `node --test ${ACCEPTANCE.path}`, kind: 'fails-before' }),
      aCheck({ name: 'stays green', command: `node --test ${TEST_FILE}` }),
      aCheck({ name: 'proves nothing', command: 'node --version', kind: 'fails-before' }),
      aCheck({ name: 'red already', command: 'exit 3' }),
      aCheck({ name: 'no such tool', command: 'no-such-tool --check', kind: 'fails-before' }),
      aCheck({ name: 'yet to write', command: './check.sh', kind: 'fails-before' }),
    ],
  })
  const baseline = await verifier.baseline({ repository, contract, base, tag })
  expect(baseline.checks.map(({ result, verdict }) => [result.name, verdict])).toEqual([
    ['point', 'consistent'],
    ['stays green', 'consistent'],
    ['proves nothing', 'passes-already'],
    ['red already', 'fails-already'],
    ['no such tool', 'environment'],
    ['yet to write', 'consistent'],
  ])
  expect(baseline.checks[4]!.words).toContain('no-such-tool: command not found')
  expect(readdirSync(dir)).toEqual([])
})

test('set-up runs as the base says, and its failure is told apart from red checks', async () => {
  const { verifyChange } = await opened({ 'claw.yaml': 'setup: ["test -e src/slug.ts", "echo no disk; exit 4"]\n' })
  const proof = await verifyChange({ 'claw.yaml': 'setup: []\n', 'src/slug.ts': SOLUTION })
  expect(proof).toMatchObject({
    passed: false,
    results: [],
    setup: { command: 'echo no disk; exit 4', exitCode: 4, tail: 'no disk', changedFiles: [] },
  })
  expect(proof.guards).toMatchObject([{ guard: 'check-definition-changed', level: 'ask', path: 'claw.yaml' }])
})

test('dependency folders are built once and copied into the next checkout', async () => {
  const yaml = `
setup: ["mkdir -p deps; date +%s%N > deps/stamp"]
dependencyFolders: [deps]
cacheKeyFiles: [package.json]
`
  const { verifyChange } = await opened({ 'claw.yaml': yaml })
  const contract = aContract({ checks: [aCheck({ command: 'cat deps/stamp' }), aCheck({ command: 'cat deps/stamp' })] })
  const one = await verifyChange({ 'src/slug.ts': SOLUTION }, contract)
  const two = await verifyChange({ 'src/slug.ts': `${SOLUTION}\n` }, contract)
  const stamps = [...one.results, ...two.results].map((result) => result.tail)
  expect(stamps[0]).toMatch(/^\d+$/)
  expect(new Set(stamps).size).toBe(1)
})

test('two verifications with one tag at the same time do not end each other', async () => {
  const { path, base, open, verifier, tag } = await opened()
  const repository = await open(path)
  const checks = [aCheck({ command: 'sleep 0.5' }), aCheck({ command: 'true' }), aCheck({ command: 'sleep 0.5' })]
  const options = { repository, contract: aContract({ checks }), base, commit: base, kind: 'task', tag } as const
  const both = await Promise.all([verifier.verify(options), verifier.verify(options)])
  expect(both.map(({ passed }) => passed)).toEqual([true, true])
})
