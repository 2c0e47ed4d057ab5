import { expect, test } from 'vitest'
import type { Contract } from '../../../core/proof.ts'
import { isNamedBy } from '../../../daemon/proof/named-by.ts'
import { protect } from '../../../daemon/proof/protect.ts'
import { scriptsNamedIn } from '../../../daemon/proof/protected-files.ts'
import type { FileChange } from '../../../daemon/worktrees/worktree.ts'
import { aCheck, aContract } from './a-verifier.ts'

/** Protects with files given as they are at the base and at the commit. */
function protecting(
  base: Record<string, string>,
  work: Record<string, string>,
  options: { contract?: Partial<Contract>; protectedFiles?: string[]; links?: string[] } = {},
) {
  const changes = [...new Set([...Object.keys(base), ...Object.keys(work)])]
    .filter((path) => base[path] !== work[path])
    .map((path): FileChange => {
      const kind = base[path] === undefined ? 'added' : work[path] === undefined ? 'deleted' : 'modified'
      const mode = options.links?.includes(path) ? '120000' : '100644'
      return { path, from: null, kind, insertions: 1, deletions: 1, mode }
    })
  const contract = aContract(options.contract)
  const { protectedFiles = [] } = options
  const answer = protect({ changes, contract, protectedFiles, baseFiles: Object.keys(base), base, work })
  return { ...answer, levels: answer.findings.map((finding) => `${finding.level} ${finding.path}`) }
}

const manifest = (fields: object) => JSON.stringify({ name: 'a', ...fields })

test('the scripts and runner settings of package.json are the base’s, its dependencies the work’s', () => {
  const base = {
    'package.json': manifest({ scripts: { test: 'vitest' }, jest: { bail: 1 }, dependencies: { a: '1' } }),
  }
  const work = { 'package.json': manifest({ scripts: { test: 'true' }, vitest: {}, dependencies: { a: '2', b: '1' } }) }
  const { restored, levels } = protecting(base, work)
  expect(JSON.parse(restored[0]!.content!)).toEqual({
    name: 'a',
    scripts: { test: 'vitest' },
    jest: { bail: 1 },
    dependencies: { a: '2', b: '1' },
  })
  expect(levels).toEqual(['ask package.json'])
})

test('a package.json that only gains a dependency is nothing to speak of', () => {
  const base = { 'package.json': manifest({ scripts: { test: 'vitest' } }) }
  const work = { 'package.json': manifest({ scripts: { test: 'vitest' }, dependencies: { b: '1' } }) }
  expect(protecting(base, work)).toMatchObject({ restored: [], findings: [] })
})

test('pytest settings in pyproject.toml are the base’s, dependencies the work’s', () => {
  const base = { 'pyproject.toml': '[project]\nname = "a"\n[tool.pytest.ini_options]\naddopts = "-q"\n' }
  const work = {
    'pyproject.toml':
      '[project]\nname = "a"\ndependencies = ["x"]\n[tool.pytest.ini_options]\naddopts = "--collect-only"\n',
  }
  const { restored } = protecting(base, work)
  expect(restored[0]!.content).toContain('addopts = "-q"')
  expect(restored[0]!.content).toContain('dependencies = [ "x" ]')
})

test('a pyproject.toml that brings pytest settings into a Python base loses them', () => {
  const { restored } = protecting(
    { 'a.py': '' },
    { 'a.py': '', 'pyproject.toml': '[project]\nname = "a"\n[tool.pytest.ini_options]\naddopts = "--co"\n' },
  )
  expect(restored[0]!.content).toContain('name = "a"')
  expect(restored[0]!.content).not.toContain('--co')
})

test.each([
  ['vitest.config.ts', 'package.json'],
  ['jest.config.js', 'package.json'],
  ['.mocharc.yml', 'package.json'],
  ['.npmrc', 'package.json'],
  ['pytest.ini', 'a.py'],
  ['tox.ini', 'a.py'],
  ['.cargo/config.toml', 'Cargo.toml'],
  ['sub/CMakeLists.txt', 'Makefile'],
  ['.mvn/jvm.config', 'pom.xml'],
  ['node_modules/.bin/vitest', 'package.json'],
  ['claw.yaml', 'README.md'],
])('%s: changed, it is put back; removed, it comes back; added, it goes', (path, known) => {
  const rest = { [known]: '{}' }
  expect(protecting({ ...rest, [path]: 'old' }, { ...rest, [path]: 'new' }).restored).toEqual([
    { path, content: 'old' },
  ])
  expect(protecting({ ...rest, [path]: 'old' }, rest).restored).toEqual([{ path, content: 'old' }])
  const added = protecting(rest, { ...rest, [path]: 'new' })
  expect(added.restored).toEqual([{ path, content: null }])
  expect(added.levels).toEqual([`ask ${path}`])
})

test('in a repository that knew nothing of the kind, new files count', () => {
  const { restored, levels } = protecting(
    { 'README.md': 'a' },
    { 'README.md': 'a', 'vitest.config.ts': 'x', 'package.json': manifest({ scripts: { test: 'vitest' } }) },
  )
  expect(restored).toEqual([])
  expect(levels).toEqual(['note vitest.config.ts', 'note package.json'])
})

test('a rename takes the file away and puts another there: both are mended', () => {
  const base = { 'package.json': '{}', 'vitest.config.ts': 'x' }
  const changes: FileChange[] = [
    {
      path: 'vitest.config.mts',
      from: 'vitest.config.ts',
      kind: 'renamed',
      insertions: 0,
      deletions: 0,
      mode: '100644',
    },
  ]
  const work = { 'package.json': '{}', 'vitest.config.mts': 'x' }
  const answer = protect({
    changes,
    contract: aContract(),
    protectedFiles: [],
    baseFiles: Object.keys(base),
    base,
    work,
  })
  expect(answer.restored).toEqual([
    { path: 'vitest.config.ts', content: 'x' },
    { path: 'vitest.config.mts', content: null },
  ])
})

test('a package.json that became a symlink is put back whole', () => {
  const base = { 'package.json': manifest({}) }
  expect(protecting(base, { 'package.json': 'elsewhere.json' }, { links: ['package.json'] }).restored).toEqual([
    { path: 'package.json', content: manifest({}) },
  ])
})

test('pom.xml may gain a dependency; what touches the test runner is asked about', () => {
  const base = { 'pom.xml': '<project>\n</project>' }
  expect(protecting(base, { 'pom.xml': '<project>\n<dependency/>\n</project>' }).findings).toEqual([])
  const skipping = protecting(base, { 'pom.xml': '<project>\n<skipTests>true</skipTests>\n</project>' })
  expect(skipping).toMatchObject({ restored: [], levels: ['ask pom.xml'] })
})

test('scripts that the checks go through are put back, sources and tests that they name are not', () => {
  const files = ['scripts/test.sh', 'run.sh', 'src/cli.js', 'test/a.test.js', 'package.json']
  const base = Object.fromEntries(
    files.map((path) => [path, path === 'package.json' ? manifest({ scripts: { t: 'bash run.sh' } }) : 'old']),
  )
  const work = { ...base, 'scripts/test.sh': 'new', 'run.sh': 'new', 'src/cli.js': 'new', 'test/a.test.js': 'new' }
  const checks = [aCheck({ command: 'CI=1 ./scripts/test.sh && node src/cli.js && node --test test/a.test.js' })]
  expect(protecting(base, work, { contract: { checks } }).restored.map(({ path }) => path)).toEqual([
    'scripts/test.sh',
    'run.sh',
  ])
  const named = protecting(base, work, { contract: { checks, footprint: ['scripts/**', 'run.sh'] } })
  expect(named).toMatchObject({ restored: [], levels: ['note scripts/test.sh', 'note run.sh'] })
  expect(scriptsNamedIn(['node scripts/test.sh'], files)).toEqual(['scripts/test.sh'])
})

test('what claw.yaml at the base protects is protected', () => {
  const { restored } = protecting(
    { 'golden/a.txt': 'old' },
    { 'golden/a.txt': 'new' },
    { protectedFiles: ['golden/**'] },
  )
  expect(restored).toEqual([{ path: 'golden/a.txt', content: 'old' }])
})

test.each([
  ['vitest.config.ts', 'vitest.config.ts', true],
  ['vitest.config.ts', './vitest.config.*', true],
  ['vitest.config.ts', '**/vitest.config.ts', true],
  ['vitest.config.ts', '{package,vitest.config}.ts', true],
  ['Makefile', 'Make*', true],
  ['vitest.config.ts', '**', false],
  ['vitest.config.ts', '**/*', false],
  ['vitest.config.ts', '*.ts', false],
  ['vitest.config.ts', '*.{ts,json}', false],
  ['web/package.json', 'web/**', false],
  ['web/package.json', 'package.json', false],
])('%s is named by %s: %s', (path, glob, named) => {
  expect(isNamedBy(path, [glob])).toBe(named)
})
