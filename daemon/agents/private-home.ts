import {
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, isAbsolute, join, normalize, sep } from 'node:path'
import { Fault } from '../../core/fault.ts'

/**
 * Writes into a HOME that an agent had for itself before.
 *
 * Whatever it left there is not followed: a symlink on the way is replaced by a folder, one in
 * the place of a file by the file. (No process of the run is alive when this is called.)
 */
export function writeHomeFiles(home: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    const file = makeWay(home, path)
    const next = `${file}.claw-new`
    rmSync(next, { recursive: true, force: true })
    writeFileSync(next, content, { mode: content.startsWith('#!') ? 0o700 : 0o600, flag: 'wx' })
    clear(file, (found) => found.isDirectory())
    renameSync(next, file)
  }
}

/**
 * Shares one credential file of the owner's with a run: a symlink in the private HOME to the
 * real file, which the sandbox leaves writable. A copied login breaks when one side refreshes it.
 * Answers the real file; null where the owner has none.
 */
export function shareCredential(home: string, ownerHome: string, path: string): string | null {
  returnCredential(home, ownerHome, path)
  let real: string
  try {
    real = realpathSync(join(ownerHome, path))
  } catch {
    return null
  }
  const link = makeWay(home, path)
  clear(link, () => true)
  symlinkSync(real, link)
  return real
}

const CREDENTIAL_BYTES_MAX = 1024 * 1024

/**
 * Programs that refresh a login by writing a new file over the old one replace our symlink; the
 * new login is then carried back to the owner, whose own is no longer valid. Only well-formed JSON
 * of a sane size, and only over a file that is there.
 */
export function returnCredential(home: string, ownerHome: string, path: string): void {
  const file = join(home, path)
  const found = look(file)
  if (!found?.isFile() || found.size > CREDENTIAL_BYTES_MAX || hasLinkOnTheWay(home, path)) return
  const content = readFileSync(file, 'utf8')
  try {
    JSON.parse(content)
    const real = realpathSync(join(ownerHome, path))
    if (readFileSync(real, 'utf8') === content || lstatSync(real).mtimeMs > found.mtimeMs) return
    const next = `${real}.claw-new`
    rmSync(next, { force: true })
    writeFileSync(next, content, { mode: lstatSync(real).mode & 0o777, flag: 'wx' })
    renameSync(next, real)
  } catch {
    // Half a file or no owner's file any more: the owner logs in again.
  }
}

/** The folders down to a path inside `home`, each a real one. Answers the absolute path. */
function makeWay(home: string, path: string): string {
  const relative = normalize(path)
  if (isAbsolute(relative) || relative === '..' || relative.startsWith(`..${sep}`)) {
    throw new Fault('path_unsafe', `${path} leads out of the private HOME`)
  }
  let folder = home
  for (const name of dirname(relative).split(sep)) {
    if (name === '.' || name === '') continue
    folder = join(folder, name)
    clear(folder, (found) => !found.isDirectory())
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }
  return join(home, relative)
}

function clear(path: string, isInTheWay: (found: NonNullable<ReturnType<typeof look>>) => boolean): void {
  const found = look(path)
  if (found && isInTheWay(found)) rmSync(path, { recursive: true, force: true })
}

function hasLinkOnTheWay(home: string, path: string): boolean {
  const names = dirname(normalize(path)).split(sep)
  return names.some((_, index) => look(join(home, ...names.slice(0, index + 1)))?.isSymbolicLink() === true)
}

function look(path: string) {
  return lstatSync(path, { throwIfNoEntry: false })
}
