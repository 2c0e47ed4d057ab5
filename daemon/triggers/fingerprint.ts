/** What a watched path looks like: each file with its size and time, so that two looks can be compared. */
import { lstat, opendir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import picomatch from 'picomatch'

/** Files of one watched path that are compared; what is beyond is not seen. */
export const FILES_MAX = 5_000
/** Changes that are named to a goal. */
const NAMED_MAX = 200
/** Never what somebody means to watch, and large. */
const NOT_WATCHED = new Set(['.git', 'node_modules'])

export interface Fingerprint {
  /** `size:mtime` by path below the watched one; the watched path itself is `.` where it is a file. */
  files: Record<string, string>
  isFull: boolean
}

/** A path that is not there looks empty. Links are not followed. */
export async function fingerprint(path: string, glob: string | null): Promise<Fingerprint> {
  const fits = glob === null ? () => true : picomatch(glob, { dot: true })
  const files: Record<string, string> = {}
  let count = 0
  const take = async (file: string, name: string) => {
    const found = await lstat(file, { bigint: true }).catch(() => undefined)
    if (!found?.isFile()) return
    count++
    files[name] = `${found.size}:${found.mtimeNs}`
  }
  const top = await lstat(path).catch(gone)
  if (top?.isFile()) await take(path, '.')
  const folders = top?.isDirectory() ? [path] : []
  for (let folder = folders.pop(); folder !== undefined && count < FILES_MAX; folder = folders.pop()) {
    const entries = await opendir(folder).catch(gone)
    if (!entries) continue
    for await (const entry of entries) {
      const file = join(folder, entry.name)
      const name = relative(path, file)
      if (entry.isDirectory() && !NOT_WATCHED.has(entry.name)) folders.push(file)
      else if (entry.isFile() && fits(name)) await take(file, name)
      if (count >= FILES_MAX) break
    }
  }
  return { files, isFull: count >= FILES_MAX }
}

/** `added`, `changed` or `removed` and the path, in the order of the paths; empty when nothing differs. */
export function changesBetween(before: Fingerprint, after: Fingerprint): string[] {
  const names = [...new Set([...Object.keys(before.files), ...Object.keys(after.files)])].sort()
  const changes = names.flatMap((name) => {
    const [was, is] = [before.files[name], after.files[name]]
    if (was === is) return []
    return [`${was === undefined ? 'added' : is === undefined ? 'removed' : 'changed'} ${name}`]
  })
  const more = changes.length - NAMED_MAX
  return more > 0 ? [...changes.slice(0, NAMED_MAX), `and ${more} more`] : changes
}

function gone(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
  throw error
}
