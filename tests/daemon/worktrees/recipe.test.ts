import { expect, test } from 'vitest'
import { isFault } from '../../../core/fault.ts'
import { mergeRecipe, parseClawYaml } from '../../../daemon/worktrees/claw-yaml.ts'
import { allotPorts } from '../../../daemon/worktrees/ports.ts'
import { readRecipe } from '../../../daemon/worktrees/read-recipe.ts'
import { inferRecipe } from '../../../daemon/worktrees/recipe-infer.ts'
import { cacheEnvironment, toolchainEnvironment } from '../../../daemon/worktrees/toolchain.ts'

/** The recipe of a repository whose files have these contents. */
function recipeOf(files: Record<string, string>) {
  return inferRecipe(Object.keys(files), files)
}

const setupOf = (files: Record<string, string>) => recipeOf(files).setup.map((step) => step.command)
const checksOf = (files: Record<string, string>) => recipeOf(files).suggestedChecks.map((check) => check.command)

const dependent = JSON.stringify({ devDependencies: { vitest: '1' }, scripts: { test: 'vitest run', lint: 'biome' } })

test('a folder of text needs nothing', () => {
  expect(recipeOf({ 'README.md': 'hello' })).toMatchObject({ source: 'none', setup: [], ecosystems: [] })
})

test.each([
  ['npm', 'package-lock.json', 'npm ci --no-audit --no-fund'],
  ['pnpm', 'pnpm-lock.yaml', 'pnpm install --frozen-lockfile'],
  ['yarn', 'yarn.lock', 'yarn install --frozen-lockfile'],
  ['bun', 'bun.lock', 'bun install --frozen-lockfile'],
])('%s is known by its lockfile', (manager, lockfile, command) => {
  const recipe = recipeOf({ 'package.json': dependent, [lockfile]: '{}' })
  expect(recipe).toMatchObject({
    source: 'inferred',
    ecosystems: [manager],
    setup: [{ command, network: true }],
    dependencyFolders: ['node_modules'],
    pathFolders: ['node_modules/.bin'],
    sharedPaths: [lockfile],
  })
  expect(recipe.cacheKeyFiles).toEqual(['package.json', lockfile])
  expect(recipe.suggestedChecks[0]!.command).toBe(manager === 'bun' ? 'bun run test' : `${manager} test`)
})

test('a newer yarn is told by its lockfile, a manager without a lockfile by packageManager', () => {
  expect(setupOf({ 'package.json': dependent, 'yarn.lock': '__metadata:\n  version: 8' })).toEqual([
    'yarn install --immutable',
  ])
  const named = JSON.stringify({ packageManager: 'pnpm@9.1.0', dependencies: { a: '1' } })
  expect(setupOf({ 'package.json': named })).toEqual(['pnpm install --no-lockfile'])
})

test('a package without dependencies needs no set-up, and npm init’s placeholder is no check', () => {
  const manifest = JSON.stringify({ scripts: { test: 'echo "Error: no test specified" && exit 1' } })
  expect(recipeOf({ 'package.json': manifest })).toMatchObject({
    setup: [],
    dependencyFolders: [],
    suggestedChecks: [],
  })
})

test('every package of a workspace has a dependency folder', () => {
  const files = {
    'package.json': '{"workspaces":["packages/*"]}',
    'packages/a/package.json': '{}',
    'package-lock.json': '{}',
  }
  expect(recipeOf(files).dependencyFolders).toEqual(['node_modules', 'packages/a/node_modules'])
})

test('a tracked node_modules is part of the work', () => {
  expect(recipeOf({ 'package.json': dependent, 'node_modules/a/index.js': '' }).dependencyFolders).toEqual([])
})

test.each([
  [{ 'pyproject.toml': '', 'uv.lock': '' }, 'uv sync --frozen'],
  [{ 'pyproject.toml': '', 'poetry.lock': '' }, 'poetry install --no-interaction'],
  [{ Pipfile: '', 'Pipfile.lock': '' }, 'pipenv sync --dev'],
  [{ 'requirements.txt': 'x', 'requirements-dev.txt': 'y' }, '-r requirements.txt -r requirements-dev.txt'],
  [{ 'pyproject.toml': '[project]\nname="a"\n[project.optional-dependencies]\ntest=["pytest"]' }, "-e '.[test]'"],
  [{ 'pyproject.toml': '[project]\nname="a"\ndependencies=["x"]' }, "-e '.'"],
  [{ 'pyproject.toml': '[dependency-groups]\ndev=["pytest"]' }, '--group dev'],
])('python %#: %s', (files, command) => {
  expect(setupOf(files as Record<string, string>)[0]).toContain(command)
})

test('python without dependencies needs nothing; its runner is pytest only where something says so', () => {
  expect(setupOf({ 'pyproject.toml': '[project]\nname = "a"' })).toEqual([])
  expect(checksOf({ 'setup.cfg': '', 'tests/test_a.py': '' })).toEqual(['python3 -m unittest discover -s tests'])
  expect(checksOf({ 'setup.cfg': '', 'tests/__init__.py': '', 'tests/test_a.py': '' })).toEqual([
    'python3 -m unittest discover -s tests -t .',
  ])
  expect(checksOf({ 'pytest.ini': '', 'tests/test_a.py': '' })).toEqual(['python3 -m pytest -q'])
})

test('go, cargo, maven, gradle, cmake and make', () => {
  expect(setupOf({ 'go.mod': 'module a\nrequire example.org/b v1.0.0' })[0]).toMatch(/^go mod download && /)
  expect(setupOf({ 'go.mod': 'module a' })[0]).not.toContain('download')
  expect(checksOf({ 'go.mod': 'module a' })).toContain('go test ./...')
  expect(setupOf({ 'Cargo.toml': '', 'Cargo.lock': '[[package]]\nsource = "registry"' })).toEqual([
    'cargo fetch --locked',
  ])
  expect(setupOf({ 'Cargo.toml': '[dependencies]\nx = "1"' })).toEqual(['cargo fetch'])
  expect(setupOf({ 'Cargo.toml': '', 'Cargo.lock': '[[package]]' })).toEqual([])
  expect(recipeOf({ 'pom.xml': '', 'core/pom.xml': '' })).toMatchObject({
    ecosystems: ['maven'],
    cacheKeyFiles: ['pom.xml', 'core/pom.xml'],
    suggestedChecks: [{ name: 'test', command: 'mvn -B -o -q test' }],
  })
  expect(checksOf({ 'pom.xml': '', mvnw: '' })).toEqual(['./mvnw -B -o -q test'])
  expect(checksOf({ 'build.gradle.kts': '', gradlew: '' })).toEqual(['./gradlew --no-daemon --offline test'])
  expect(checksOf({ 'CMakeLists.txt': 'enable_testing()' })[0]).toContain('ctest --test-dir build')
  expect(checksOf({ Makefile: 'CC := gcc\ntest: all\nlint:\n' })).toEqual(['make test', 'make lint'])
})

test('several languages side by side are all made ready', () => {
  const recipe = recipeOf({ 'package.json': dependent, 'go.mod': 'module a', Makefile: 'check:\n' })
  expect(recipe.ecosystems).toEqual(['npm', 'go', 'make'])
  expect(recipe.setup).toHaveLength(2)
})

test('manifests that cannot be read are left to the package manager', () => {
  expect(recipeOf({ 'package.json': '{', 'pyproject.toml': '[', 'Cargo.toml': '[' }).ecosystems).toEqual([
    'npm',
    'python',
    'cargo',
  ])
})

test('claw.yaml wins key by key over what was inferred', () => {
  const inferred = recipeOf({ 'package.json': dependent, 'package-lock.json': '{}' })
  const yaml = parseClawYaml(`
setup:
  - make deps
  - { command: ./fetch.sh, network: true, timeoutSeconds: 60 }
network: false
checks: { unit: make unit }
envFiles: [.env.test]
sharedPaths: [CHANGELOG.md]
`)
  expect(mergeRecipe(inferred, yaml)).toMatchObject({
    source: 'claw.yaml',
    setup: [
      { command: 'make deps', network: false, timeoutSeconds: 900 },
      { command: './fetch.sh', network: true, timeoutSeconds: 60 },
    ],
    suggestedChecks: [{ name: 'unit', command: 'make unit' }],
    envFiles: ['.env.test'],
    sharedPaths: ['package-lock.json', 'CHANGELOG.md'],
    dependencyFolders: ['node_modules'],
  })
  expect(mergeRecipe(inferred, parseClawYaml('setup: []')).setup).toEqual([])
  expect(mergeRecipe(inferred, parseClawYaml('')).setup).toEqual(inferred.setup)
})

test.each([
  ['setpu: [a]', /no key setpu; did you mean setup\?/],
  ['setup: 3', /setup: /],
  ['envFiles: [../secret]', /envFiles\.0: a path inside the repository/],
  ['envFiles: [/etc/passwd]', /a path inside the repository/],
  ['a: [', /cannot be read/],
])('claw.yaml %s is refused by name', (text, words) => {
  try {
    parseClawYaml(text)
    expect.unreachable()
  } catch (error) {
    expect(isFault(error, 'config_invalid') && error.message).toMatch(words)
  }
})

test('claw.yaml is read where it can be trusted, lockfiles where the work is', async () => {
  const commits: Record<string, Record<string, string>> = {
    base: { 'claw.yaml': 'checks: { a: make a }', 'package.json': '{}' },
    work: { 'claw.yaml': 'checks: { a: "true" }', 'package.json': dependent },
  }
  const repository = {
    listFiles: async (commit: string) => Object.keys(commits[commit]!),
    readFile: async (commit: string, path: string) => commits[commit]![path],
  }
  const recipe = await readRecipe(repository, 'work', 'base')
  expect(recipe.suggestedChecks).toEqual([{ name: 'a', command: 'make a' }])
  expect(recipe.dependencyFolders).toEqual(['node_modules'])
})

test('each ecosystem finds its caches in the checkout’s own folder', () => {
  const env = cacheEnvironment('/t', ['npm', 'go', 'cargo', 'maven', 'python', 'make'])
  expect(env).toMatchObject({
    npm_config_cache: '/t/npm',
    GOMODCACHE: '/t/go-mod',
    CARGO_HOME: '/t/cargo',
    PIP_CACHE_DIR: '/t/pip',
  })
  expect(env['MAVEN_OPTS']).toBe('-Dmaven.repo.local=/t/m2')
})

test('of the daemon’s environment only what toolchains need goes on', () => {
  const own = { RUSTUP_TOOLCHAIN: 'stable', AWS_SECRET_ACCESS_KEY: 'x', PYENV_ROOT: '/opt/pyenv' }
  const env = toolchainEnvironment(
    own,
    '/home/ada',
    (path) => path === '/home/ada/.rustup' || path === '/home/ada/.pyenv',
  )
  expect(env).toEqual({
    LANG: 'C.UTF-8',
    RUSTUP_HOME: '/home/ada/.rustup',
    PYENV_ROOT: '/opt/pyenv',
    RUSTUP_TOOLCHAIN: 'stable',
  })
})

test('two worktrees have different ports, and taken ones are passed over', () => {
  const one = allotPorts(0, 3, () => true)
  const two = allotPorts(1, 3, () => true)
  expect(one).toEqual([20000, 20001, 20002])
  expect(one.filter((port) => two.includes(port))).toEqual([])
  expect(allotPorts(0, 3, (port) => port > 20008)).toEqual([20009, 20010, 20011])
  expect(allotPorts(0, 3, () => false)).toEqual([])
})
