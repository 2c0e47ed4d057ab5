import { parse as parseToml } from 'smol-toml'
import { isLockfile } from '../planning/footprint.ts'
import { type Ecosystem, type Recipe, SETUP_SECONDS } from './recipe.ts'

/**
 * Reads from a repository's files how a checkout of it is made ready.
 *
 * Pure: the caller lists the files and reads those that `recipeFiles` names. Only commands that
 * are written here come out; nothing that a repository says is run, except by the package
 * manager that it names. A repository without dependencies needs no set-up at all.
 */
export function inferRecipe(files: readonly string[], contents: Readonly<Record<string, string>>): Recipe {
  const has = new Set(files)
  const input: Input = { files, has, contents }
  const parts = [node(input), python(input), go(input), cargo(input), java(input), make(input)].flatMap((p) => p ?? [])
  const all = <K extends keyof Part>(key: K) => parts.flatMap((part) => part[key] as unknown[]) as Part[K]
  return {
    source: parts.length > 0 ? 'inferred' : 'none',
    ecosystems: parts.map((part) => part.ecosystem),
    setup: all('setup').map((command) => ({ command, network: true, timeoutSeconds: SETUP_SECONDS })),
    cacheKeyFiles: all('cacheKeyFiles').filter((path) => has.has(path)),
    // A folder that is tracked is part of the work, not something that set-up fills.
    dependencyFolders: all('dependencyFolders').filter((folder) => !files.some((p) => p.startsWith(`${folder}/`))),
    pathFolders: all('pathFolders'),
    envFiles: [],
    suggestedChecks: all('suggestedChecks').slice(0, CHECKS_MAX),
    sharedPaths: files.filter(isLockfile),
    protectedFiles: [],
  }
}

const CHECKS_MAX = 12

const READ = new Set([
  'package.json',
  'package-lock.json',
  'yarn.lock',
  'pyproject.toml',
  'requirements.txt',
  'go.mod',
  'Cargo.toml',
  'Cargo.lock',
  'pom.xml',
  'Makefile',
  'GNUmakefile',
  'makefile',
  'CMakeLists.txt',
  'tox.ini',
  'setup.cfg',
])

/** The files at the top whose text `inferRecipe` wants. */
export function recipeFiles(files: readonly string[]): string[] {
  return files.filter((path) => READ.has(path))
}

interface Input {
  files: readonly string[]
  has: ReadonlySet<string>
  contents: Readonly<Record<string, string>>
}

interface Part {
  ecosystem: Ecosystem
  setup: string[]
  cacheKeyFiles: string[]
  dependencyFolders: string[]
  pathFolders: string[]
  suggestedChecks: { name: string; command: string }[]
}

const nothing = { setup: [], cacheKeyFiles: [], dependencyFolders: [], pathFolders: [], suggestedChecks: [] }

function node({ files, has, contents }: Input): Part | undefined {
  if (!has.has('package.json')) return undefined
  const manifest = readJson(contents['package.json'])
  const ecosystem = nodeManager(has, manifest)
  const kinds = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']
  const workspaces = manifest['workspaces'] !== undefined || has.has('pnpm-workspace.yaml')
  const wanted = workspaces || kinds.some((kind) => Object.keys(asObject(manifest[kind])).length > 0)
  const scripts = asObject(manifest['scripts'])
  const suggestedChecks = ['test', 'typecheck', 'check', 'lint', 'build']
    .filter((name) => typeof scripts[name] === 'string' && !/no test specified/.test(String(scripts[name])))
    .map((name) => ({ name, command: name === 'test' ? `${ecosystem} test` : `${ecosystem} run ${name}` }))
  if (ecosystem === 'bun' && suggestedChecks[0]?.name === 'test') suggestedChecks[0].command = 'bun run test'
  const setup = {
    npm: has.has('package-lock.json') || has.has('npm-shrinkwrap.json') ? 'npm ci' : 'npm install --no-package-lock',
    pnpm: has.has('pnpm-lock.yaml') ? 'pnpm install --frozen-lockfile' : 'pnpm install --no-lockfile',
    yarn: /__metadata:/.test(contents['yarn.lock'] ?? '')
      ? 'yarn install --immutable'
      : 'yarn install --frozen-lockfile',
    bun: 'bun install --frozen-lockfile',
  }[ecosystem]
  const packages = files.filter((path) => baseName(path) === 'package.json' && !path.includes('node_modules/'))
  const inside = workspaces ? packages : ['package.json']
  const extras = ['.npmrc', '.yarnrc.yml', '.pnpmfile.cjs', 'pnpm-workspace.yaml', '.node-version', '.nvmrc']
  return {
    ...nothing,
    ecosystem,
    setup: wanted ? [ecosystem === 'npm' ? `${setup} --no-audit --no-fund` : setup] : [],
    cacheKeyFiles: wanted
      ? [
          ...inside,
          ...['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'bun.lockb'],
          ...extras,
          ...files.filter((path) => path.startsWith('patches/')),
        ]
      : [],
    dependencyFolders: wanted ? inside.map((path) => path.replace(/package\.json$/, 'node_modules')) : [],
    pathFolders: wanted ? ['node_modules/.bin'] : [],
    suggestedChecks,
  }
}

function nodeManager(has: ReadonlySet<string>, manifest: Record<string, unknown>): 'npm' | 'pnpm' | 'yarn' | 'bun' {
  if (has.has('pnpm-lock.yaml')) return 'pnpm'
  if (has.has('yarn.lock')) return 'yarn'
  if (has.has('bun.lock') || has.has('bun.lockb')) return 'bun'
  if (has.has('package-lock.json')) return 'npm'
  const named = /^(npm|pnpm|yarn|bun)@/.exec(String(manifest['packageManager'] ?? ''))?.[1]
  return (named as 'npm' | undefined) ?? 'npm'
}

const VENV = '.venv'
const IN_VENV = `python3 -m venv ${VENV} && ${VENV}/bin/python -m pip install --disable-pip-version-check`

function python({ files, has, contents }: Input): Part | undefined {
  const manifests = ['pyproject.toml', 'requirements.txt', 'setup.py', 'setup.cfg', 'Pipfile', 'tox.ini', 'pytest.ini']
  const isPython = manifests.some((path) => has.has(path)) || files.some((path) => /(^|\/)test_\w+\.py$/.test(path))
  if (!isPython) return undefined
  const project = readToml(contents['pyproject.toml'])
  const requirements = files.filter((path) =>
    /^(requirements[\w-]*|dev-requirements|requirements\/[\w-]+)\.txt$/.test(path),
  )
  const setup = pythonSetup(has, project, requirements)
  const usesPytest =
    has.has('pytest.ini') ||
    has.has('conftest.py') ||
    asObject(project['tool'])['pytest'] !== undefined ||
    /pytest/.test(
      `${contents['pyproject.toml'] ?? ''}${contents['requirements.txt'] ?? ''}${contents['tox.ini'] ?? ''}`,
    ) ||
    requirements.some((path) => /dev|test/.test(path))
  const hasTests = files.some((path) => /(^|\/)(test_\w+|\w+_test)\.py$/.test(path))
  const testFolder = files.some((path) => /^tests\/(.*\/)?test_\w+\.py$/.test(path)) ? 'tests' : '.'
  // `discover tests` needs the top on the path, or `import thing` finds nothing.
  const unittest = `python3 -m unittest discover${testFolder === '.' ? '' : ` -s ${testFolder} -t .`}`
  const packaged =
    !has.has('tests/__init__.py') && testFolder === 'tests' ? `python3 -m unittest discover -s tests` : unittest
  return {
    ecosystem: 'python',
    setup,
    cacheKeyFiles:
      setup.length > 0
        ? [
            'pyproject.toml',
            'setup.py',
            'setup.cfg',
            'uv.lock',
            'poetry.lock',
            'Pipfile',
            'Pipfile.lock',
            ...requirements,
            '.python-version',
          ]
        : [],
    dependencyFolders: setup.length > 0 ? [VENV] : [],
    pathFolders: setup.length > 0 ? [`${VENV}/bin`] : [],
    suggestedChecks: hasTests ? [{ name: 'test', command: usesPytest ? 'python3 -m pytest -q' : packaged }] : [],
  }
}

function pythonSetup(has: ReadonlySet<string>, project: Record<string, unknown>, requirements: string[]): string[] {
  if (has.has('uv.lock')) return ['uv sync --frozen']
  if (has.has('poetry.lock')) return ['poetry install --no-interaction']
  if (has.has('Pipfile.lock')) return ['pipenv sync --dev']
  if (requirements.length > 0) return [`${IN_VENV} ${requirements.map((path) => `-r ${path}`).join(' ')}`]
  const table = asObject(project['project'])
  const optional = asObject(table['optional-dependencies'])
  const groups = asObject(project['dependency-groups'])
  const extras = ['dev', 'test', 'tests', 'testing'].filter((name) => optional[name] !== undefined)
  const group = ['dev', 'test', 'tests'].filter((name) => groups[name] !== undefined)
  const dependencies = Array.isArray(table['dependencies']) ? table['dependencies'].length : 0
  if (dependencies + Object.keys(optional).length + group.length === 0) {
    return has.has('setup.py') && project['project'] === undefined ? [`${IN_VENV} -e .`] : []
  }
  const self = table['name'] === undefined ? '' : ` -e '.${extras.length > 0 ? `[${extras.join(',')}]` : ''}'`
  return [`${IN_VENV}${self}${group.map((name) => ` --group ${name}`).join('')}`]
}

function go({ has, contents }: Input): Part | undefined {
  if (!has.has('go.mod') && !has.has('go.work')) return undefined
  const needs = /^\s*(require\b|\S+\/\S+ v\d)/m.test(contents['go.mod'] ?? '') || has.has('go.work')
  const vendored = has.has('vendor/modules.txt')
  return {
    ...nothing,
    ecosystem: 'go',
    // `-exec true` builds the tests and runs none: it fills the build cache, which costs many seconds when it is empty.
    setup: [`${needs && !vendored ? 'go mod download && ' : ''}{ go test -exec true ./... >/dev/null 2>&1 || true; }`],
    cacheKeyFiles: ['go.mod', 'go.sum', 'go.work', 'go.work.sum', 'vendor/modules.txt'],
    suggestedChecks: [
      { name: 'test', command: 'go test ./...' },
      { name: 'vet', command: 'go vet ./...' },
    ],
  }
}

function cargo({ files, has, contents }: Input): Part | undefined {
  if (!has.has('Cargo.toml')) return undefined
  const lock = contents['Cargo.lock']
  const manifest = readToml(contents['Cargo.toml'])
  const declared = ['dependencies', 'dev-dependencies', 'build-dependencies'].some(
    (kind) => Object.keys(asObject(manifest[kind])).length > 0,
  )
  const needs = lock === undefined ? declared || manifest['workspace'] !== undefined : /^source = /m.test(lock)
  return {
    ...nothing,
    ecosystem: 'cargo',
    setup: needs ? [`cargo fetch${lock === undefined ? '' : ' --locked'}`] : [],
    cacheKeyFiles: needs ? ['Cargo.lock', ...files.filter((path) => baseName(path) === 'Cargo.toml')] : [],
    suggestedChecks: [{ name: 'test', command: 'cargo test' }],
  }
}

function java({ files, has }: Input): Part | undefined {
  if (has.has('pom.xml')) {
    const mvn = has.has('mvnw') ? './mvnw' : 'mvn'
    return {
      ...nothing,
      ecosystem: 'maven',
      // go-offline misses what the test runner loads late; one run of the tests, whatever they say, brings it.
      setup: [
        `${mvn} -B -ntp -q dependency:go-offline && { ${mvn} -B -ntp -q test -Dmaven.test.failure.ignore=true || true; }`,
      ],
      cacheKeyFiles: files.filter((path) => baseName(path) === 'pom.xml'),
      suggestedChecks: [{ name: 'test', command: `${mvn} -B -o -q test` }],
    }
  }
  if (!files.some((path) => /^(build|settings)\.gradle(\.kts)?$/.test(path))) return undefined
  const gradle = has.has('gradlew') ? './gradlew' : 'gradle'
  return {
    ...nothing,
    ecosystem: 'gradle',
    setup: [`${gradle} --no-daemon -q testClasses && { ${gradle} --no-daemon -q test --continue || true; }`],
    cacheKeyFiles: files.filter((path) =>
      /(\.gradle(\.kts)?|gradle\.lockfile|libs\.versions\.toml|gradle-wrapper\.properties)$/.test(path),
    ),
    suggestedChecks: [{ name: 'test', command: `${gradle} --no-daemon --offline test` }],
  }
}

function make({ has, contents }: Input): Part | undefined {
  if (has.has('CMakeLists.txt')) {
    const tests = /enable_testing|include\(CTest\)/i.test(contents['CMakeLists.txt'] ?? '')
    const build = 'cmake -S . -B build && cmake --build build'
    return {
      ...nothing,
      ecosystem: 'cmake',
      suggestedChecks: [
        tests
          ? { name: 'test', command: `${build} && ctest --test-dir build --output-on-failure --no-tests=error` }
          : { name: 'build', command: build },
      ],
    }
  }
  const file = ['Makefile', 'GNUmakefile', 'makefile'].find((path) => has.has(path))
  if (!file) return undefined
  const targets = new Set([...(contents[file] ?? '').matchAll(/^([\w.-]+)\s*:(?!=)/gm)].map((match) => match[1]!))
  const named = ['test', 'check', 'lint'].filter((name) => targets.has(name))
  return {
    ...nothing,
    ecosystem: 'make',
    suggestedChecks: named.map((name) => ({ name, command: `make ${name}` })),
  }
}

function readJson(text: string | undefined): Record<string, unknown> {
  try {
    return asObject(JSON.parse(text ?? '{}'))
  } catch {
    return {} // the package manager will say it better
  }
}

function readToml(text: string | undefined): Record<string, unknown> {
  try {
    return parseToml(text ?? '') as Record<string, unknown>
  } catch {
    return {}
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
