import { realpathSync, statSync } from 'node:fs'
import { dirname, isAbsolute } from 'node:path'
import { Fault } from '../../core/fault.ts'

/** What one path looks like from inside. */
export interface Mount {
  path: string
  as: 'hidden' | 'scratch' | 'readable' | 'writable'
  kind: 'folder' | 'file'
}

export interface MountWishes {
  hidden: readonly string[]
  /** Folders replaced by an empty, private, writable one. */
  scratch: readonly string[]
  readable: readonly string[]
  writable: readonly string[]
}

/** On the same path the more generous wish wins: it was meant for this program, the others stand for all. */
const GENEROSITY = { hidden: 0, scratch: 1, readable: 2, writable: 3 } as const

/**
 * Puts the wishes into the order in which they are to be mounted: parents before children, so
 * that a readable path below a hidden one, or a writable one below a readable one, comes out on
 * top. Symlinks are resolved first: a mount on a link would land somewhere else.
 *
 * Hidden and readable paths that do not exist are left out (there is nothing to show or hide);
 * a writable one that does not exist is a `path_unsafe` fault.
 */
export function orderMounts(wishes: MountWishes, look: (path: string) => Found | undefined = lookAt): Mount[] {
  const chosen = new Map<string, Mount>()
  for (const as of ['hidden', 'scratch', 'readable', 'writable'] as const) {
    for (const path of wishes[as]) {
      if (!isAbsolute(path)) throw new Fault('path_unsafe', `The sandbox wants absolute paths, not ${path}`)
      const found = look(path)
      if (!found) {
        if (as !== 'writable') continue
        throw new Fault('path_unsafe', `${path} must be writable inside the sandbox, but it does not exist`)
      }
      if (found.path === '/' && as !== 'readable') throw new Fault('path_unsafe', `/ cannot be ${as} in a sandbox`)
      const before = chosen.get(found.path)
      if (before && GENEROSITY[before.as] > GENEROSITY[as]) continue
      chosen.set(found.path, { path: found.path, as, kind: found.kind })
    }
  }
  return [...chosen.values()].sort((a, b) => depth(a.path) - depth(b.path) || (a.path < b.path ? -1 : 1))
}

export interface Found {
  /** With symlinks resolved. */
  path: string
  kind: 'folder' | 'file'
}

/** Undefined where nothing is. A path that may not be looked at (another user's home) is taken as it is written. */
export function lookAt(path: string): Found | undefined {
  try {
    const real = realpathSync(path)
    return { path: real, kind: statSync(real).isDirectory() ? 'folder' : 'file' }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'EACCES') return undefined
    // What lies behind a closed door is hidden with the door.
    const parent = dirname(path)
    return parent === path ? undefined : lookAt(parent)
  }
}

function depth(path: string): number {
  return path === '/' ? 0 : path.split('/').length
}
