import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { silentLog } from '../../../core/world.ts'
import { createDependencyCache, type PrepareOptions } from '../../../daemon/worktrees/dependency-cache.ts'
import { layFile, removeFile } from '../../../daemon/worktrees/place.ts'
import type { Recipe } from '../../../daemon/worktrees/recipe.ts'
import { temporaryFolder } from '../../fakes/repositories.ts'

const recipe: Recipe = {
  source: 'inferred',
  ecosystems: ['npm'],
  setup: [{ command: 'install', network: true, timeoutSeconds: 60 }],
  cacheKeyFiles: ['lock'],
  dependencyFolders: ['deps'],
  pathFolders: [],
  envFiles: [],
  suggestedChecks: [],
  sharedPaths: [],
  protectedFiles: [],
}

function aCache(options: { entriesMax?: number } = {}) {
  const folder = temporaryFolder('claw-cache')
  const dir = join(folder, 'cache')
  const cache = createDependencyCache({ world: { clock: systemClock, log: silentLog }, dir, ...options })
  let installs = 0
  /** Prepares a checkout with this lockfile; installing writes `deps/name` and a module cache. */
  async function prepare(name: string, lock: string, over: Partial<PrepareOptions> = {}) {
    const worktree = join(folder, name)
    const toolchain = join(folder, `${name}-toolchain`)
    mkdirSync(worktree, { recursive: true })
    writeFileSync(join(worktree, 'lock'), lock)
    const run = async () => {
      installs++
      mkdirSync(join(worktree, 'deps/bin'), { recursive: true })
      mkdirSync(join(toolchain, 'go-mod'), { recursive: true })
      writeFileSync(join(worktree, 'deps/content'), lock)
      writeFileSync(join(worktree, 'deps/bin/tool'), `#!${worktree}/deps/bin/python\n`, { mode: 0o755 })
      writeFileSync(join(toolchain, 'go-mod/module'), lock)
      return { exitCode: 0, timedOut: false, tail: '' }
    }
    const prepared = await cache.prepare({ worktree, toolchain, recipe, run, ...over })
    return { ...prepared, worktree, toolchain, read: (path: string) => readFileSync(join(worktree, path), 'utf8') }
  }
  return { folder, dir, cache, prepare, installs: () => installs }
}

test('the same lockfile is installed once; the copy is whole, independent, and knows where it is', async () => {
  const { prepare, installs } = aCache()
  const one = await prepare('one', 'v1')
  const two = await prepare('two', 'v1')
  expect([one.how, two.how, installs()]).toEqual(['built', 'copied', 1])
  expect(two.read('deps/content')).toBe('v1')
  expect(readFileSync(join(two.toolchain, 'go-mod/module'), 'utf8')).toBe('v1')
  expect(two.read('deps/bin/tool')).toBe(`#!${two.worktree}/deps/bin/python\n`)
  expect(statSync(join(two.worktree, 'deps/bin/tool')).mode & 0o777).toBe(0o755)

  writeFileSync(join(two.worktree, 'deps/content'), 'broken by a test')
  expect((await prepare('three', 'v1')).read('deps/content')).toBe('v1')
  expect(one.read('deps/content')).toBe('v1')
})

test('another lockfile or another command is another installation', async () => {
  const { prepare, installs } = aCache()
  await prepare('one', 'v1')
  expect((await prepare('two', 'v2')).read('deps/content')).toBe('v2')
  await prepare('three', 'v1', { recipe: { ...recipe, setup: [{ ...recipe.setup[0]!, command: 'install --all' }] } })
  expect(installs()).toBe(3)
})

test('of several who want the same at once, one installs', async () => {
  const { prepare, installs } = aCache()
  const all = await Promise.all(['a', 'b', 'c'].map((name) => prepare(name, 'v1')))
  expect(all.map(({ how }) => how).sort()).toEqual(['built', 'copied', 'copied'])
  expect(installs()).toBe(1)
})

test('a set-up that fails says so and leaves nothing; the next one tries again', async () => {
  const { prepare, dir } = aCache()
  const run = async () => ({ exitCode: 7, timedOut: false, tail: 'registry is down' })
  await expect(prepare('one', 'v1', { run })).rejects.toMatchObject({
    code: 'setup_failed',
    details: { command: 'install', exitCode: 7, tail: 'registry is down' },
  })
  expect(existsSync(dir) ? readdirSync(dir) : []).toEqual([])
  expect((await prepare('one', 'v1')).how).toBe('built')
})

test('what fills a dependency folder is unknown to git', async () => {
  const { prepare } = aCache()
  for (const name of ['one', 'two']) {
    const { worktree } = await prepare(name, 'v1')
    const run = (...args: string[]) => execFileSync('git', args, { cwd: worktree, encoding: 'utf8' })
    run('init', '-q', '--template=')
    expect(run('status', '--porcelain', '--untracked-files=all')).toBe('?? lock\n')
    run('clean', '-fdq', '-e', 'lock')
    expect(existsSync(join(worktree, 'deps/content'))).toBe(true)
  }
})

test('a symlink in the place of a dependency folder is replaced, not followed', async () => {
  const { prepare, folder } = aCache()
  await prepare('one', 'v1')
  mkdirSync(join(folder, 'precious'))
  writeFileSync(join(folder, 'precious/file'), 'mine')
  mkdirSync(join(folder, 'two'))
  symlinkSync('../precious', join(folder, 'two/deps'))
  expect((await prepare('two', 'v1')).read('deps/content')).toBe('v1')
  expect(readdirSync(join(folder, 'precious'))).toEqual(['file'])
})

test('env files are copied from the owner, and only those', async () => {
  const { prepare, folder } = aCache()
  const ownerCheckout = join(folder, 'owner')
  mkdirSync(join(ownerCheckout, 'config'), { recursive: true })
  for (const name of ['.env', 'config/.env.test']) writeFileSync(join(ownerCheckout, name), name)
  const withEnv = { ...recipe, envFiles: ['config/.env.test', 'absent'] }
  const { worktree, read } = await prepare('one', 'v1', { recipe: withEnv, ownerCheckout })
  expect(read('config/.env.test')).toBe('config/.env.test')
  expect(existsSync(join(worktree, '.env'))).toBe(false)
})

test('only so many entries are kept, and those that are used stay', async () => {
  const { prepare, dir, installs } = aCache({ entriesMax: 2 })
  for (const lock of ['v1', 'v2', 'v3']) await prepare(lock, lock)
  expect(readdirSync(dir)).toHaveLength(2)
  const before = installs()
  await prepare('again', 'v3')
  expect(installs()).toBe(before)
})

test('a laid file takes the place of whatever is there, and nothing outside is touched', async () => {
  const root = temporaryFolder('claw-place')
  const outside = temporaryFolder('claw-outside')
  writeFileSync(join(outside, 'file'), 'mine')
  symlinkSync(join(outside, 'file'), join(root, 'link'))
  symlinkSync(outside, join(root, 'folder'))
  mkdirSync(join(root, 'a/b'), { recursive: true })

  await layFile(root, 'link', 'laid')
  await layFile(root, 'a/b', 'laid')
  await layFile(root, 'new/run.sh', '#!/bin/sh\n')
  expect(readFileSync(join(root, 'link'), 'utf8') + readFileSync(join(root, 'a/b'), 'utf8')).toBe('laidlaid')
  expect(statSync(join(root, 'new/run.sh')).mode & 0o111).toBe(0o111)
  await expect(layFile(root, 'folder/file', 'x')).rejects.toMatchObject({ code: 'path_unsafe' })
  await expect(layFile(root, '../file', 'x')).rejects.toMatchObject({ code: 'path_unsafe' })
  await expect(layFile(root, '.git/hooks/pre-commit', 'x')).rejects.toMatchObject({ code: 'path_unsafe' })
  await removeFile(root, 'folder')
  expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('mine')
})
