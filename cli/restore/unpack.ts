/**
 * An archive of `claw backup`, unpacked and checked: what the manifest does not name, or names otherwise than
 * it is, never gets into a home.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, lstat, readdir, readFile, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { CARRIED_FOLDERS, DATABASE, MANIFEST, Manifest, SECRET_PLACES } from '../../config/backup-file.ts'
import { HOUR } from '../../core/clock.ts'
import { Fault } from '../../core/fault.ts'

const FOLDERS = [...CARRIED_FOLDERS, ...SECRET_PLACES, 'repositories', 'workspaces']

/** Into an empty folder; afterwards it holds exactly what the manifest names, readable by its owner only. */
export async function unpack(archive: string, folder: string): Promise<Manifest> {
  try {
    // Both GNU's and BSD's tar keep names with `..`, absolute ones and those behind links inside the folder.
    await promisify(execFile)('tar', ['-xzf', archive, '-C', folder], { timeout: HOUR, maxBuffer: 1024 * 1024 })
  } catch (cause) {
    const words = ((cause as { stderr?: string }).stderr || (cause as Error).message).trim().split('\n')[0]
    throw broken(archive, `it cannot be unpacked (${words})`, cause)
  }
  const manifest = await readManifest(archive, folder)
  const named = new Map(manifest.files.map((file) => [file.path, file]))
  for (const path of named.keys()) if (!belongs(path)) throw broken(archive, `it holds ${path}, which no backup does`)
  if (!named.has(DATABASE)) throw broken(archive, 'it holds no database')

  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    const path = relative(folder, file).replaceAll('\\', '/')
    if (entry.isDirectory()) await chmod(file, 0o700)
    else if (!entry.isFile() || !named.has(path)) await rm(file, { force: true })
  }
  for (const { path, bytes, sha256 } of named.values()) {
    const file = join(folder, path)
    const found = await lstat(file).catch(() => undefined)
    if (!found?.isFile()) throw broken(archive, `${path} is missing from it`)
    if (found.size !== bytes || (await digestOf(file)) !== sha256) throw broken(archive, `${path} in it is damaged`)
    await chmod(file, 0o600)
  }
  return manifest
}

async function readManifest(archive: string, folder: string): Promise<Manifest> {
  let content: unknown
  try {
    content = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8'))
  } catch (cause) {
    throw broken(archive, `it has no ${MANIFEST}`, cause)
  }
  const manifest = Manifest.safeParse(content)
  if (manifest.success) return manifest.data
  throw broken(archive, 'this Claw does not know its format', manifest.error)
}

function belongs(path: string): boolean {
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..')) return false
  return (
    path === DATABASE || path === 'config.yaml' || FOLDERS.some((name) => path === name || path.startsWith(`${name}/`))
  )
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

function broken(archive: string, why: string, cause?: unknown): Fault {
  return new Fault('input_invalid', `${archive} is not a backup that can be restored: ${why}`, {
    cause,
    hint: 'Nothing was changed. Take another one.',
  })
}
