import { lstat, realpath } from 'node:fs/promises'
import { isAbsolute, join, sep } from 'node:path'
import { Fault } from '../../core/fault.ts'

/**
 * The absolute path of `relative` under `root`, for writing a file that somebody else named.
 *
 * Refuses (path_unsafe) what leaves the root or reaches git's own folder: `..`, absolute paths,
 * `.git` in any spelling, and symlinks, dangling ones too, that lead outside. True at the moment of
 * asking: nothing that could plant a symlink may run between the answer and the write.
 */
export async function insideOf(root: string, relative: string): Promise<string> {
  const refuse = (why: string) => new Fault('path_unsafe', `${JSON.stringify(relative)} is not a safe path: ${why}`)
  const names = relative.split(/[/\\]/)
  if (relative === '' || relative.includes('\0')) throw refuse('it is empty or holds a NUL')
  if (isAbsolute(relative) || /^[A-Za-z]:/.test(relative)) throw refuse('it is absolute')
  if (relative.includes('\\')) throw refuse('it holds a backslash')
  if (names.includes('..') || names.includes('.') || names.includes('')) throw refuse('it is not in its simplest form')
  if (names.some(isGitFolder)) throw refuse("it reaches into git's own folder")

  const realRoot = await realpath(root)
  let reached = realRoot
  for (const [n, name] of names.entries()) {
    const next = join(reached, name)
    const stat = await lstat(next).catch(ifMissing)
    if (!stat) return join(next, ...names.slice(n + 1))
    if (stat.isSymbolicLink()) {
      const target = await realpath(next).catch(ifMissing)
      if (!target || !isWithin(realRoot, target)) throw refuse(`${name} is a symlink that leads outside`)
      if (target.slice(realRoot.length).split(sep).some(isGitFolder))
        throw refuse(`${name} leads into git's own folder`)
      reached = target
    } else {
      reached = next
    }
  }
  return reached
}

/** Whether `path` is `root` or lies in it. Both are resolved already. */
export function isWithin(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
}

/** `.git` as file systems may spell it: other case, trailing dots or blanks, the short name of Windows. */
function isGitFolder(name: string): boolean {
  return /^(\.git|git~1)[. ]*$/i.test(name)
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ELOOP') return undefined
  throw error
}
