import { join } from 'node:path'
import type { Ecosystem } from './recipe.ts'

/**
 * The environment by which package managers and compilers find their programs and caches.
 *
 * Caches lie in a folder of the checkout's own (`toolchain`), filled by copying from the
 * dependency cache: what one run writes into a module cache never reaches another run or a check.
 */
export function cacheEnvironment(toolchain: string, ecosystems: readonly Ecosystem[]): Record<string, string> {
  return Object.assign({}, ...ecosystems.map((ecosystem) => VARIABLES[ecosystem]?.(toolchain) ?? {}))
}

/** What is kept in the dependency cache; the rest (downloads that are already unpacked) is thrown away. */
export const KEPT_CACHES = ['go-mod', 'go-build', 'cargo', 'm2', 'gradle'] as const

const forNode = (at: string) => ({
  npm_config_cache: join(at, 'npm'),
  npm_config_update_notifier: 'false',
  npm_config_store_dir: join(at, 'pnpm-store'),
  YARN_CACHE_FOLDER: join(at, 'yarn'),
  BUN_INSTALL_CACHE_DIR: join(at, 'bun'),
})

const VARIABLES: Partial<Record<Ecosystem, (at: string) => Record<string, string>>> = {
  npm: forNode,
  pnpm: forNode,
  yarn: forNode,
  bun: forNode,
  python: (at) => ({
    PIP_CACHE_DIR: join(at, 'pip'),
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    UV_CACHE_DIR: join(at, 'uv'),
    // A copied folder must not share files with the cache.
    UV_LINK_MODE: 'copy',
    POETRY_CACHE_DIR: join(at, 'poetry'),
    POETRY_VIRTUALENVS_IN_PROJECT: 'true',
    PIPENV_VENV_IN_PROJECT: '1',
  }),
  // Without modcacherw the module cache is read-only and cannot be removed.
  go: (at) => ({ GOMODCACHE: join(at, 'go-mod'), GOCACHE: join(at, 'go-build'), GOFLAGS: '-modcacherw' }),
  cargo: (at) => ({ CARGO_HOME: join(at, 'cargo') }),
  maven: (at) => ({ MAVEN_OPTS: `-Dmaven.repo.local=${join(at, 'm2')}` }),
  gradle: (at) => ({ GRADLE_USER_HOME: join(at, 'gradle') }),
}

/** Where version managers look for what they manage, and certificates; none of them is a secret. */
const PASSED_ON = [
  'RUSTUP_HOME',
  'RUSTUP_TOOLCHAIN',
  'PYENV_ROOT',
  'PYENV_VERSION',
  'JAVA_HOME',
  'GOROOT',
  'NVM_DIR',
  'VOLTA_HOME',
  'FNM_DIR',
  'ASDF_DATA_DIR',
  'SDKMAN_DIR',
  'RBENV_ROOT',
  'LANG',
  'LC_ALL',
  'TZ',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  'REQUESTS_CA_BUNDLE',
  'PIP_CERT',
  'CARGO_HTTP_CAINFO',
]

/**
 * What a program that is started with an environment from nothing still needs of the daemon's
 * own. A toolchain that its manager finds through HOME is named, because HOME will be another.
 */
export function toolchainEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  ownerHome: string,
  exists: (path: string) => boolean,
): Record<string, string> {
  const env: Record<string, string> = { LANG: 'C.UTF-8' }
  const homes = {
    RUSTUP_HOME: '.rustup',
    PYENV_ROOT: '.pyenv',
    NVM_DIR: '.nvm',
    VOLTA_HOME: '.volta',
    RBENV_ROOT: '.rbenv',
  }
  for (const [name, folder] of Object.entries(homes)) {
    const path = join(ownerHome, folder)
    if (exists(path)) env[name] = path
  }
  for (const name of PASSED_ON) {
    const value = own[name]
    if (value) env[name] = value
  }
  return env
}
