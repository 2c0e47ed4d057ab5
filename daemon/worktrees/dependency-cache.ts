import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { lstat, mkdir, readdir, readFile, readlink, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { Fault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import { placeOf } from './place.ts'
import type { Recipe, SetupStep } from './recipe.ts'
import { KEPT_CACHES } from './toolchain.ts'

/**
 * What set-up leaves behind, built once per content of the lockfiles and copied into every
 * checkout that wants the same. Nothing is ever shared writable: a test that breaks its
 * `node_modules` breaks only its own.
 */
export interface DependencyCache {
  /**
   * Makes a checkout ready: copies, or runs the set-up commands there and keeps a copy. Two
   * callers that want the same run the commands once. Throws setup_failed with the command,
   * its exit code and the end of its output in `details`; nothing half-made is kept.
   */
  prepare(options: PrepareOptions): Promise<Prepared>
  /** Removes the longest unused entries beyond `entriesMax`, and what a crash left. */
  prune(): Promise<void>
  /** Whether an entry is being copied from right now. */
  isInUse(key: string): boolean
}

export interface PrepareOptions {
  /** The checkout; the set-up commands run at its top. */
  worktree: string
  recipe: Recipe
  /** The checkout's own folder for toolchain caches (see cacheEnvironment). */
  toolchain: string
  /** Runs one command confined, in the worktree, with the checkout's environment. */
  run: RunSetup
  /** Where the recipe's envFiles are copied from. */
  ownerCheckout?: string
  /** Whose checkout it is, for what is known of its set-up (mend-setup.ts). */
  gitDir?: string
  /** Whether lockfiles and manifests are as the base has them, so that a failure is not the work's. */
  mayMend?: boolean
  signal?: AbortSignal
}

export type RunSetup = (step: SetupStep) => Promise<{ exitCode: number | null; timedOut: boolean; tail: string }>

export interface Prepared {
  how: 'nothing' | 'copied' | 'built'
  key: string
}

const Entry = z.object({
  worktree: z.string(),
  toolchain: z.string(),
  /** Relative dependency folders, in the order of `folders/<n>`. */
  folders: z.array(z.string()),
  caches: z.array(z.string()),
  /** Text files that hold the absolute path of the checkout they were made in: `<folder number>/<path>`. */
  relocate: z.array(z.string()),
})
type Entry = z.infer<typeof Entry>

const ENTRIES_MAX = 16
const RELOCATE_BYTES_MAX = 4 * 1024 * 1024
const COPY_MS_MAX = 10 * 60_000

export function createDependencyCache(deps: {
  world: World
  /** The cache's own folder. */
  dir: string
  /** Goes into every key: what else decides the result (Node's version, the PATH). */
  stamp?: string
  entriesMax?: number
}): DependencyCache {
  const { world, dir, stamp = '', entriesMax = ENTRIES_MAX } = deps
  const building = new Map<string, Promise<unknown>>()
  const inUse = new Map<string, number>()

  async function copyOut(key: string, options: PrepareOptions): Promise<boolean> {
    const entry = await readEntry(join(dir, key))
    if (!entry) return false
    inUse.set(key, (inUse.get(key) ?? 0) + 1)
    try {
      for (const [n, folder] of entry.folders.entries()) {
        const to = await placeOf(options.worktree, folder)
        await rm(to, { recursive: true, force: true })
        await mkdir(dirname(to), { recursive: true })
        await copyTree(join(dir, key, 'folders', String(n)), to)
      }
      for (const name of entry.caches) {
        const to = join(options.toolchain, name)
        await rm(to, { recursive: true, force: true })
        await mkdir(options.toolchain, { recursive: true })
        await copyTree(join(dir, key, 'caches', name), to)
      }
      await relocate(entry, options)
      await utimes(join(dir, key), world.clock.now() / 1000, world.clock.now() / 1000)
      return true
    } finally {
      const left = inUse.get(key)! - 1
      if (left > 0) inUse.set(key, left)
      else inUse.delete(key)
    }
  }

  async function build(key: string, options: PrepareOptions): Promise<void> {
    const { recipe, worktree, toolchain } = options
    for (const folder of recipe.dependencyFolders) {
      await rm(await placeOf(worktree, folder), { recursive: true, force: true })
    }
    await mkdir(toolchain, { recursive: true })
    for (const step of recipe.setup) {
      options.signal?.throwIfAborted()
      const end = await options.run(step)
      options.signal?.throwIfAborted()
      if (end.exitCode === 0) continue
      const how = end.timedOut
        ? `took longer than ${step.timeoutSeconds} s`
        : `ended with ${end.exitCode ?? 'a signal'}`
      throw new Fault('setup_failed', `Set-up command \`${step.command}\` ${how}`, {
        hint: 'Mend the set-up, or say in claw.yaml how a fresh checkout is made ready',
        details: { command: step.command, exitCode: end.exitCode, timedOut: end.timedOut, tail: end.tail },
      })
    }
    await keep(key, options)
    await prune()
  }

  async function keep(key: string, { recipe, worktree, toolchain }: PrepareOptions): Promise<void> {
    const folders: string[] = []
    for (const folder of recipe.dependencyFolders) {
      const found = await lstat(await placeOf(worktree, folder)).catch(() => undefined)
      if (!found?.isDirectory()) continue
      folders.push(folder)
      // The owner's own ignore rules may not know the folder; no capture and no clean takes it up.
      await writeFile(join(worktree, folder, '.gitignore'), '*\n')
    }
    const caches = KEPT_CACHES.filter((name) => existsSync(join(toolchain, name)))
    const making = join(dir, `${MAKING}${randomUUID()}`)
    try {
      await mkdir(join(making, 'folders'), { recursive: true })
      await mkdir(join(making, 'caches'), { recursive: true })
      const moved: string[] = []
      for (const [n, folder] of folders.entries()) {
        await copyTree(join(worktree, folder), join(making, 'folders', String(n)))
        moved.push(...(await filesThatName(worktree, join(making, 'folders', String(n)))).map((path) => `${n}/${path}`))
      }
      for (const name of caches) await copyTree(join(toolchain, name), join(making, 'caches', name))
      const entry: Entry = { worktree, toolchain, folders, caches: [...caches], relocate: moved }
      await writeFile(join(making, 'entry.json'), JSON.stringify(entry))
      // Whoever was first has the same content: the name is made of it.
      if (!existsSync(join(dir, key))) await rename(making, join(dir, key))
    } finally {
      await rm(making, { recursive: true, force: true })
    }
  }

  async function prune(): Promise<void> {
    const names = await readdir(dir).catch(() => [])
    const entries: { name: string; usedAt: number }[] = []
    for (const name of names) {
      const found = await lstat(join(dir, name)).catch(() => undefined)
      if (!found) continue
      if (!name.startsWith(MAKING)) entries.push({ name, usedAt: found.mtimeMs })
      else if (world.clock.now() - found.mtimeMs > COPY_MS_MAX)
        await rm(join(dir, name), { recursive: true, force: true })
    }
    entries.sort((a, b) => b.usedAt - a.usedAt)
    for (const { name } of entries.slice(entriesMax)) {
      if (inUse.has(name)) continue
      await rm(join(dir, name), { recursive: true, force: true })
      world.log.info({ key: name }, 'dependency cache entry removed')
    }
  }

  return {
    prune,
    isInUse: (key) => inUse.has(key),
    async prepare(options) {
      const { recipe, worktree } = options
      await copyEnvFiles(options)
      if (recipe.setup.length === 0) return { how: 'nothing', key: '' }
      const key = await cacheKey(recipe, worktree, stamp)
      mkdirSync(dir, { recursive: true, mode: 0o700 })
      if (await copyOut(key, options)) return { how: 'copied', key }
      // One at a time from here. A failed build of another caller's is not ours: the next in line tries again.
      const before = building.get(key)
      const mine = (async (): Promise<Prepared> => {
        await before?.catch(() => {})
        if (before && (await copyOut(key, options))) return { how: 'copied', key }
        await build(key, options)
        return { how: 'built', key }
      })()
      building.set(key, mine)
      try {
        return await mine
      } finally {
        if (building.get(key) === mine) building.delete(key)
      }
    },
  }
}

const MAKING = 'making-'

/** The same key means: the same commands on the same lockfiles with the same programs. */
export async function cacheKey(recipe: Recipe, worktree: string, stamp: string): Promise<string> {
  const hash = createHash('sha256')
  const add = (text: string | Buffer) => hash.update(String(text.length)).update('\0').update(text)
  add(`${process.platform}-${process.arch}\n${stamp}`)
  add(JSON.stringify([recipe.setup, recipe.dependencyFolders]))
  for (const path of [...new Set(recipe.cacheKeyFiles)].sort()) {
    const file = join(worktree, path)
    const found = await lstat(file).catch(() => undefined)
    if (!found) continue
    add(path)
    add(found.isSymbolicLink() ? await readlink(file) : found.isFile() ? await readFile(file) : 'folder')
  }
  return hash.digest('hex').slice(0, 32)
}

async function copyEnvFiles({ recipe, worktree, ownerCheckout }: PrepareOptions): Promise<void> {
  if (ownerCheckout === undefined) return
  for (const path of recipe.envFiles) {
    const from = await placeOf(ownerCheckout, path)
    if (!(await lstat(from).catch(() => undefined))?.isFile()) continue
    const to = await placeOf(worktree, path)
    await mkdir(dirname(to), { recursive: true })
    await rm(to, { force: true })
    await copyTree(from, to)
  }
}

/** Virtual environments and shims name the folder they were made in; a copy must name its own. */
async function relocate(entry: Entry, { worktree, toolchain }: PrepareOptions): Promise<void> {
  if (entry.worktree === worktree && entry.toolchain === toolchain) return
  for (const item of entry.relocate) {
    const cut = item.indexOf('/')
    const folder = entry.folders[Number(item.slice(0, cut))]
    if (folder === undefined) continue
    const file = join(worktree, folder, item.slice(cut + 1))
    const text = await readFile(file, 'utf8')
    // Written over, not replaced: the copy keeps its mode.
    await writeFile(file, text.replaceAll(entry.worktree, worktree))
  }
}

async function filesThatName(path: string, folder: string): Promise<string[]> {
  const found = await runFile('grep', ['-rlIF', '--', path, '.'], { cwd: folder, maxBuffer: RELOCATE_BYTES_MAX }).catch(
    (error: { code?: unknown; stdout?: string }) => {
      if (error.code === 1) return { stdout: '' } // none
      if (error.code === 2) return { stdout: error.stdout ?? '' } // some could not be read
      throw error
    },
  )
  return found.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => line.replace(/^\.\//, ''))
}

const runFile = promisify(execFile)

/** `to` must not exist. Blocks are shared where the file system can (they part when one side writes). */
async function copyTree(from: string, to: string): Promise<void> {
  const flags =
    process.platform === 'linux' ? ['-a', '--reflink=auto'] : process.platform === 'darwin' ? ['-a', '-c'] : ['-a']
  await runFile('cp', [...flags, '--', from, to], { timeout: COPY_MS_MAX })
}

async function readEntry(folder: string): Promise<Entry | undefined> {
  const text = await readFile(join(folder, 'entry.json'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : Entry.parse(JSON.parse(text))
}
