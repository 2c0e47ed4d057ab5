import { lstat, mkdir, realpath, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { insideOf } from './safe-path.ts'

/**
 * Where a file of that name is, not where a symlink of that name leads: for putting something
 * in its place or removing it. The folders above it may not lead outside. Throws path_unsafe.
 */
export async function placeOf(root: string, relative: string): Promise<string> {
  const folder = dirname(relative)
  const name = basename(relative)
  // A symlink in the place itself may lead anywhere: it will not be followed.
  await insideOf(root, relative).catch(async (error) => {
    const found = await lstat(join(root, relative)).catch(() => undefined)
    if (!found?.isSymbolicLink()) throw error
  })
  return join(folder === '.' ? await realpath(root) : await insideOf(root, folder), name)
}

/** Writes a file whatever stood in its place; a symlink is replaced, not followed. A script (`#!`) can be run. */
export async function layFile(root: string, relative: string, content: string): Promise<void> {
  const file = await placeOf(root, relative)
  const found = await lstat(file).catch(() => undefined)
  if (found && !found.isFile()) await rm(file, { recursive: true, force: true })
  await mkdir(dirname(file), { recursive: true })
  const mode = found?.isFile() ? found.mode & 0o777 : content.startsWith('#!') ? 0o755 : 0o644
  // A hard link or a read-only file is left alone: the new one takes its name.
  await rm(file, { force: true })
  await writeFile(file, content, { mode: mode | 0o600, flag: 'wx' })
}

/** Removes what stands in a place; nothing happens where nothing does. */
export async function removeFile(root: string, relative: string): Promise<void> {
  await rm(await placeOf(root, relative), { recursive: true, force: true })
}
