import { readFile, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CarriedRefs, RESTORED_FOLDER } from '../../config/backup-file.ts'
import type { World } from '../../core/world.ts'
import { type Git, TRANSFER_TIMEOUT_MS } from './git.ts'

/**
 * After a restore there are no clones, only what the backup kept of them. A clone that is made anew from its
 * owner takes Claw's own refs up again: the commits from the bundle, or those that the owner has.
 *
 * It happens in the draft, before the clone counts as one: cut short, it is simply done again.
 */
export async function takeUpRestored(
  { git, world }: { git: Git; world: World },
  gitDir: string,
  draft: string,
): Promise<void> {
  const { refsFile, bundleFile } = placesOf(gitDir)
  const text = await readFile(refsFile, 'utf8').catch(() => undefined)
  if (text === undefined) return
  const { refs, bundle } = CarriedRefs.parse(JSON.parse(text))
  if (bundle) {
    const quietly = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance']
    // A bundle names the commits that it builds on; without them git refuses it whole, and so do we.
    await git(['fetch', ...quietly, '--', bundleFile, '+refs/*:refs/*'], {
      gitDir: draft,
      timeoutMs: TRANSFER_TIMEOUT_MS,
    })
  }
  const names = Object.keys(refs)
  if (names.length === 0) return
  const asked = `${names.map((name) => refs[name]).join('\n')}\n`
  const { text: answers } = await git(['cat-file', '--batch-check=%(objecttype)'], { gitDir: draft, input: asked })
  const types = answers.split('\n')
  const there = names.filter((_, n) => types[n] === 'commit')
  const lost = names.filter((name) => !there.includes(name))
  if (lost.length > 0) world.log.error({ gitDir, refs: lost }, 'refs of a backup whose commits nobody has')
  const moves = there.map((name) => `update ${name} ${refs[name]}\n`).join('')
  if (moves !== '') await git(['update-ref', '--stdin'], { gitDir: draft, input: moves })
}

/** Once the clone stands. */
export async function forgetRestored(gitDir: string): Promise<void> {
  const { refsFile, bundleFile } = placesOf(gitDir)
  await rm(refsFile, { force: true })
  await rm(bundleFile, { force: true })
}

function placesOf(gitDir: string): { refsFile: string; bundleFile: string } {
  const place = join(dirname(gitDir), RESTORED_FOLDER, basename(gitDir))
  return { refsFile: `${place}.json`, bundleFile: `${place}.bundle` }
}
