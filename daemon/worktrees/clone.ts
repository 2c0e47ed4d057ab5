import { randomUUID } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isFault } from '../../core/fault.ts'
import type { World } from '../../core/world.ts'
import { syncFolder, writeDurably } from './durable-file.ts'
import { type Git, TRANSFER_TIMEOUT_MS } from './git.ts'
import { keptConfig } from './own-git.ts'
import type { Owner } from './owner.ts'
import { forgetRestored, takeUpRestored } from './restored-refs.ts'

/**
 * Makes Claw's bare clone of an owner's repository, once.
 *
 * It is made beside its place and moved there whole, so a clone that was cut short is never mistaken
 * for one. Answers the configuration that the clone is to keep.
 */
export async function ensureClone(
  { git, world }: { git: Git; world: World },
  owner: Owner,
  gitDir: string,
): Promise<string> {
  const folder = dirname(gitDir)
  await mkdir(folder, { recursive: true })
  for (const name of await readdir(folder)) {
    if (name.startsWith(`${basename(gitDir)}.making-`)) await rm(join(folder, name), { recursive: true, force: true })
  }
  const kept = await readFile(keptConfig(gitDir), 'utf8').catch(() => undefined)
  if (kept !== undefined) {
    await dropStaleLocks(gitDir)
    return kept
  }

  await owner.check()
  if (await exists(gitDir)) {
    const aside = `${gitDir}.broken-${world.clock.now()}`
    world.log.warn({ gitDir, aside }, 'a clone was not whole, moved aside and made again')
    await rename(gitDir, aside)
  }
  const draft = `${gitDir}.making-${randomUUID()}`
  try {
    await cloneInto(git, owner, draft)
    const config = await strip(draft)
    await takeUpRestored({ git, world }, gitDir, draft)
    await mkdir(join(draft, 'claw'), { recursive: true })
    await writeDurably(keptConfig(draft), config)
    await syncFolder(draft)
    await rename(draft, gitDir)
    await syncFolder(folder)
    await forgetRestored(gitDir)
    return config
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    throw error
  }
}

async function cloneInto(git: Git, owner: Owner, draft: string): Promise<void> {
  const clone = (more: string[]) =>
    git(
      ['clone', '--bare', '--quiet', '--template=', '--no-tags', ...owner.fetchArgs, ...more, '--', owner.from, draft],
      {
        asOwner: owner.asOwner,
        timeoutMs: TRANSFER_TIMEOUT_MS,
      },
    )
  try {
    await clone([])
    // Made with --shared, the owner's repository borrows from a third one, and so would ours.
    if (!(await exists(join(draft, 'objects', 'info', 'alternates')))) return
  } catch (error) {
    // Copying the object files fails beside a gc of the owner's, or where one is a symlink; sending them does not.
    if (owner.asOwner || !isFault(error, 'git_failed')) throw error
  }
  await rm(draft, { recursive: true, force: true })
  await clone(['--no-local'])
}

/** The owner's refs go (they are fetched under refs/claw/owner), and so does the remote. Answers the configuration. */
async function strip(draft: string): Promise<string> {
  await rm(join(draft, 'packed-refs'), { force: true })
  await rm(join(draft, 'refs'), { recursive: true, force: true })
  await mkdir(join(draft, 'refs', 'heads'), { recursive: true })
  await mkdir(join(draft, 'info'), { recursive: true })
  await writeFile(join(draft, 'HEAD'), 'ref: refs/heads/claw/none\n')
  const config = (await readFile(join(draft, 'config'), 'utf8')).replace(/\[remote "origin"\]\n(?:[ \t].*\n)*/, '')
  await writeFile(join(draft, 'config'), config)
  return config
}

/** A clone has one daemon; a lock file that is there when it opens was left by a power loss. */
async function dropStaleLocks(gitDir: string): Promise<void> {
  const left = [
    ...(await readdir(gitDir)).map((name) => join(gitDir, name)),
    ...(await readdir(join(gitDir, 'refs'), { recursive: true })).map((name) => join(gitDir, 'refs', name)),
  ]
  for (const file of left) if (file.endsWith('.lock')) await rm(file, { force: true })
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
