/**
 * Which files say how a check runs.
 *
 * `whole`: taken from the base as they are. `keys`: only the named keys are; the rest of the file
 * (dependencies, metadata) is the work's own. `lines`: cannot be taken apart, so changes that
 * touch the test runner are asked about. `listed`: legitimate to change with the work, named for
 * the reviewer.
 */
export type Protection =
  | { how: 'whole'; family: Family }
  | { how: 'keys'; format: 'json' | 'toml'; keys: readonly string[]; family: Family }
  | { how: 'lines'; pattern: RegExp }
  | { how: 'listed' }

/** A file of a family that the base knows nothing of is new work: there is nothing to take from the base. */
export type Family = 'node' | 'python' | 'rust' | 'java' | 'make' | 'other' | 'any'

const FAMILY_FILES: Record<Family, RegExp> = {
  node: /(^|\/)(package|deno)\.jsonc?$/,
  python: /\.py$|(^|\/)(pyproject\.toml|setup\.cfg|tox\.ini)$/,
  rust: /(^|\/)Cargo\.toml$/,
  java: /(^|\/)(pom\.xml|build\.gradle(\.kts)?|settings\.gradle(\.kts)?)$/,
  make: /(^|\/)(GNUmakefile|[Mm]akefile|CMakeLists\.txt|meson\.build|[^/]+\.mk)$/,
  other: /(^|\/)(Gemfile|Rakefile|composer\.json|\.?[Jj]ustfile|Taskfile\.ya?ml|nx\.json|turbo\.json)$/,
  any: /./,
}

export function knowsFamily(family: Family, baseFiles: readonly string[]): boolean {
  return family === 'any' || baseFiles.some((path) => FAMILY_FILES[family].test(path))
}

const NODE_KEYS = [
  'scripts',
  'jest',
  'vitest',
  'mocha',
  'ava',
  'c8',
  'nyc',
  'tap',
  'karma',
  'wireit',
  'nx',
  'config',
] as const

const PYTHON_KEYS = [
  'tool.pytest',
  'tool.tox',
  'tool.nox',
  'tool.coverage',
  'tool.poe',
  'tool.taskipy',
  'tool.hatch.envs',
  'tool.pdm.scripts',
  'tool.poetry.scripts.test',
  'tool.unittest',
] as const

const CARGO_KEYS = [
  'test',
  'lib.test',
  'lib.doctest',
  'lib.harness',
  'package.autotests',
  'profile.test',
  'workspace.default-members',
  'workspace.exclude',
] as const

const RUNNER_LINES =
  /surefire|failsafe|skipTests|skipITs|maven\.test|testFailureIgnore|failIfNoTests|<excludes?>|<groups>|<excludedGroups>|useJUnit|useTestNG|ignoreFailures|failOnNoDiscoveredTests|\btest\s*\{|\bTest\b.*\{|enabled\s*=|excludeTestsMatching|onlyIf/

const whole = (family: Family): Protection => ({ how: 'whole', family })

const TABLE: readonly (readonly [RegExp, Protection])[] = [
  [/^claw\.yaml$/, whole('any')],
  // A planted tool is found before the real one.
  [/(^|\/)(node_modules|\.venv|venv)\//, whole('any')],
  [/(^|\/)package\.json$/, { how: 'keys', format: 'json', keys: NODE_KEYS, family: 'node' }],
  [/(^|\/)deno\.jsonc?$/, { how: 'keys', format: 'json', keys: ['tasks', 'test'], family: 'node' }],
  [
    /(^|\/)(vitest|vite|jest|ava|karma|cypress|playwright|wdio|web-test-runner)\.(config|conf|workspace)\.[^/]+$/,
    whole('node'),
  ],
  [
    /(^|\/)(\.mocharc[^/]*|mocha\.opts|\.nycrc[^/]*|\.c8rc[^/]*|\.taprc|jest\.setup\.[^/]+|vitest\.setup\.[^/]+)$/,
    whole('node'),
  ],
  // `script-shell=/bin/true` passes every script.
  [/(^|\/)(\.npmrc|\.yarnrc(\.yml)?|\.pnpmfile\.cjs|bunfig\.toml)$/, whole('node')],
  [/(^|\/)(turbo|nx|lerna)\.json$/, whole('node')],
  [/(^|\/)pyproject\.toml$/, { how: 'keys', format: 'toml', keys: PYTHON_KEYS, family: 'python' }],
  [
    /(^|\/)(pytest\.ini|\.pytest\.ini|tox\.ini|setup\.cfg|noxfile\.py|\.coveragerc|sitecustomize\.py|usercustomize\.py)$/,
    whole('python'),
  ],
  [/(^|\/)Cargo\.toml$/, { how: 'keys', format: 'toml', keys: CARGO_KEYS, family: 'rust' }],
  // `runner = "true"` passes every test.
  [/(^|\/)(\.cargo\/config(\.toml)?|\.config\/nextest\.toml|rust-toolchain(\.toml)?)$/, whole('rust')],
  [/(^|\/)(\.mvn\/.+|mvnw|mvnw\.cmd|gradlew|gradlew\.bat|gradle\/wrapper\/.+)$/, whole('java')],
  [
    /(^|\/)(pom\.xml|build\.gradle(\.kts)?|settings\.gradle(\.kts)?|gradle\.properties)$/,
    { how: 'lines', pattern: RUNNER_LINES },
  ],
  [
    /(^|\/)(GNUmakefile|[Mm]akefile|CMakeLists\.txt|CTestCustom\.cmake|CTestConfig\.cmake|meson\.build|[^/]+\.mk)$/,
    whole('make'),
  ],
  [/(^|\/)(\.?[Jj]ustfile|Taskfile\.ya?ml|Rakefile|\.rspec|phpunit\.xml(\.dist)?)$/, whole('other')],
  [/(^|\/)composer\.json$/, { how: 'keys', format: 'json', keys: ['scripts'], family: 'other' }],
  [/(^|\/)conftest\.py$/, { how: 'listed' }],
  [
    /(^|\/)(tsconfig[^/]*\.json|biome\.jsonc?|\.eslintrc[^/]*|eslint\.config\.[^/]+|\.golangci\.[^/]+)$/,
    { how: 'listed' },
  ],
  [/(^|\/)(ruff\.toml|mypy\.ini|\.flake8|\.pylintrc|clippy\.toml|\.pre-commit-config\.yaml)$/, { how: 'listed' }],
]

export function protectionOf(path: string): Protection | undefined {
  return TABLE.find(([pattern]) => pattern.test(path))?.[1]
}

/**
 * Scripts of the repository that the commands go through: the word after a shell, or a path that
 * is itself run. Sources and tests that a command names are the work's own and not among them.
 */
export function scriptsNamedIn(commands: readonly string[], files: readonly string[]): string[] {
  const known = new Set(files)
  const found = new Set<string>()
  for (const command of commands) {
    for (const part of command.split(/&&|\|\||[;|\n&()]/)) {
      const words = part
        .trim()
        .split(/\s+/)
        .map((word) => word.replace(/^["']|["']$/g, ''))
      const rest = words.slice(
        Math.max(
          0,
          words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word)),
        ),
      )
      const shell = /^(ba|da|z|k)?sh$/.test(rest[0] ?? '')
      const named = shell ? rest.slice(1).find((word) => !word.startsWith('-')) : rest[0]
      const path = named?.replace(/^\.\//, '')
      if (path && known.has(path)) found.add(path)
      // `node scripts/test.mjs`: what lies in a folder of scripts is a runner, not a source.
      for (const word of rest.slice(1, 4)) {
        const inside = word.replace(/^\.\//, '')
        if (/^(scripts?|tools|ci|\.ci|build-tools)\//.test(inside) && known.has(inside)) found.add(inside)
      }
    }
  }
  return [...found]
}
